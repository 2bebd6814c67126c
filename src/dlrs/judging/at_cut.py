"""Judging: every contender on the test of a prepared data set, as a report and as a page."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from dlrs.bundle import Folder
from dlrs.contenders.at_cut import Build, Contenders, fit_contenders
from dlrs.data.interactions import micros
from dlrs.errors import DataError
from dlrs.evaluation.alone import evaluate_alone, tests_alone
from dlrs.evaluation.funnel import held_out
from dlrs.evaluation.judged import Judged, Yardsticks, evaluate
from dlrs.evaluation.page import Rows, render
from dlrs.evaluation.pairs import balanced_pairs
from dlrs.evaluation.report import Report, Section
from dlrs.evaluation.seeds import mean_of, spread_of, with_seed
from dlrs.evaluation.static import StaticTest, Universe, static_test
from dlrs.evaluation.summary import summarise
from dlrs.features.similarity import unit_rows
from dlrs.model.nets import open_nets
from dlrs.prepared import Prepared
from dlrs.progress import stage
from dlrs.publishing.showcase import examples
from dlrs.ranking.moment_ranker import MomentRanker
from dlrs.recommenders.moment import AtCut
from dlrs.recommenders.moment_history import behind
from dlrs.settings.baselines import PRIMITIVE, Rival
from dlrs.statistics import DataStatistics, data_statistics

RIVALS: tuple[Rival, ...] = ("CF", "EASE", "content-kNN", "hybrid CF-CBF")
"""Those of the baselines that ours is compared with in a sentence each; if none competes, all that do."""


MOMENT = "moment"
"""What reports call the ranker of the moment behind the history network."""

DETERMINISTIC = frozenset({"most popular", "recently popular", "item-kNN", "EASE", "content-kNN", "GF-CF"})
"""Baselines that another seed would not change; all others are fitted once for each seed."""


def judge(
    prepared: Prepared,
    trained: Folder,
    *,
    reseeded: Sequence[Folder] = (),
    stages: bool = False,
    commands: Sequence[str] = (),
    more: Sequence[Section] = (),
) -> tuple[Report, str]:
    """Fit the recipe's baselines, judge all on both universes, and return the report and its page (HTML).

    Args:
        prepared: the data set.
        trained: networks trained on it.
        reseeded: the same with the next seeds: baselines that draw at random are fitted with them too, and
            each of these models has the mean over its seeds.
        stages: look into models of two stages: where pairs are lost, and what ranking adds.
        commands: how to come by this report, to stand in it.
        more: what other evaluations found on the same data.
    """
    ours, refit = _ours(prepared)
    contenders = [_contenders(prepared, trained)]
    contenders += [_drawn_again(prepared, folder, step) for step, folder in enumerate(reseeded, 1)]
    test, strict_test = headline_test(prepared), _strict_test(prepared)
    strict = None if strict_test is None else _judge(strict_test, contenders, ours, stages=stages)[0]
    report, judged = _judge(
        test, contenders, ours, data=data_statistics(prepared), strict=strict, stages=stages
    )
    report = replace(report, commands=tuple(commands), more=tuple(more))
    rivals = prepared.recipe.baselines.models
    page = render(
        report,
        title=f"{prepared.recipe.marketplace.name}: which model recommends best?",
        rivals=[name for name in RIVALS if name in rivals] or rivals,
        examples=examples(prepared, test, judged[refit].items_UK),
        facts=_shown_facts(prepared, trained),
    )
    return report, page


def _contenders(prepared: Prepared, trained: Folder) -> Contenders:
    folders = dict(zip(_networks(prepared), (trained / "validated", trained / "refit"), strict=True))
    contenders = fit_contenders(prepared, folders)
    rankers = zip(_ours(prepared), folders.values(), strict=True)
    ranked = {ours: _ranker(prepared, folder) for ours, folder in rankers if ours not in folders}
    return replace(contenders, fitted={**contenders.fitted, **ranked})


def _ranker(prepared: Prepared, networks: Path) -> Build:
    """Return the ranker of the moment behind trained networks, asked at the cut."""
    cut = int(prepared.starts_Q[-1])
    recommender = behind(prepared, open_nets(networks), MomentRanker.load(networks), cut)
    return lambda offer: AtCut(recommender, cut, offer.items_A)


def _drawn_again(prepared: Prepared, trained: Folder, step: int) -> Contenders:
    """Fit what another seed changes, and the primitive model, which lists are held against."""
    other = with_seed(prepared, step)
    models = [name for name in prepared.recipe.baselines.models if name not in DETERMINISTIC]
    baselines = other.recipe.baselines.model_copy(update={"models": (PRIMITIVE, *models)})
    recipe = other.recipe.model_copy(update={"baselines": baselines})
    return _contenders(replace(other, recipe=recipe), trained)


def headline_test(prepared: Prepared) -> StaticTest:
    """Return the test over all items alive at any moment of the window (method §9).

    Raises:
        DataError: nobody with a profile at the cut turned to anything new in the window.
    """
    return _test(prepared, "window")


def _strict_test(prepared: Prepared) -> StaticTest | None:
    """Return the test over items alive at the cut, or none if nobody turned to one of them."""
    try:
        return _test(prepared, "cut")
    except DataError:
        return None


def _test(prepared: Prepared, universe: Universe) -> StaticTest:
    split, settings = prepared.recipe.marketplace.split, prepared.recipe.evaluation
    with stage(f"Choose whom to judge on, {universe}"):
        return static_test(
            prepared.interactions,
            prepared.catalog,
            users=len(prepared.user_ids),
            since=micros(split.test_from),
            until=micros(split.test_until),
            profiled_users=np.flatnonzero(prepared.profile_of_QU[prepared.cut_period] >= 0),
            max_users=settings.max_users,
            seed=settings.seed,
            refused=prepared.refused,
            universe=universe,
        )


def _judge(
    test: StaticTest,
    contenders: Sequence[Contenders],
    ours: str,
    *,
    data: DataStatistics | None = None,
    strict: Report | None = None,
    stages: bool = False,
) -> tuple[Report, dict[str, Judged]]:
    prepared = contenders[0].prepared
    settings = prepared.recipe.evaluation
    yardsticks = _yardsticks(prepared, test, stages=stages)
    runs = [_evaluate(some, test, yardsticks, settings.k) for some in contenders]
    by_model = {
        name: [run[name] for run in runs if name in run] if name not in DETERMINISTIC else [first]
        for name, first in runs[0].items()
    }
    judged = {name: mean_of(seeds) for name, seeds in by_model.items()}
    report = summarise(
        judged,
        test,
        yardsticks,
        ks=settings.k,
        reference=ours,
        resamples=settings.resamples,
        seed=settings.seed,
        settings=_settings(prepared),
        data=data,
        strict=strict,
    )
    spread = {name: spread_of(seeds) for name, seeds in by_model.items() if len(seeds) > 1}
    return replace(report, seeds=len(contenders), spread=spread), judged


def _evaluate(
    contenders: Contenders, test: StaticTest, yardsticks: Yardsticks, ks: Sequence[int]
) -> dict[str, Judged]:
    judged = evaluate(contenders.recommenders(test.versions_A), test, yardsticks, ks)
    alone = evaluate_alone(contenders.recommenders, tests_alone(test), ks)
    return {name: replace(one, alone=alone.get(name, {})) for name, one in judged.items()}


def _yardsticks(prepared: Prepared, test: StaticTest, *, stages: bool) -> Yardsticks:
    split = prepared.recipe.marketplace.split
    window = prepared.interactions.between(micros(split.test_from), micros(split.test_until))
    category = prepared.recipe.marketplace.negatives_by
    category_A = prepared.encoding.items.codes(category, prepared.versions[category].take(test.versions_A))
    features = prepared.encoded_versions.take(test.versions_A)
    return Yardsticks(
        primitive=PRIMITIVE,
        unit_AK=unit_rows(features.matrix(prepared.encoding.space, side="item")),
        pairs=balanced_pairs(test, category_A, prepared.recipe.evaluation.seed),
        thresholds=dict.fromkeys(_networks(prepared), 0.0),  # a logit of 0 is p̂ = 0.5
        held_out_UN=held_out(window, test) if stages else None,
    )


def _ours(prepared: Prepared) -> tuple[str, str]:
    """Return the names of our two, as they are served: without the validation period, and refit with it."""
    recipe = prepared.recipe
    name = MOMENT if recipe.training.ranker == "moment" else recipe.model
    return name, f"{name}, refit"


def _networks(prepared: Prepared) -> tuple[str, str]:
    name = prepared.recipe.model
    return name, f"{name}, refit"


def _settings(prepared: Prepared) -> dict[str, object]:
    recipe = prepared.recipe
    parts = ("samples", "training", "candidates", "baselines", "evaluation")
    hashes = {"schema_hash": recipe.marketplace.hash, "encoding_hash": prepared.encoding.hash}
    return hashes | {
        f"{part}.{key}": value
        for part in parts
        for key, value in getattr(recipe, part).model_dump(mode="json").items()
    }


def _shown_facts(prepared: Prepared, trained: Folder) -> list[tuple[str, Rows]]:
    items, events = prepared.facts["items"], prepared.facts["events"]
    data: dict[str, object] = {
        "item rows read": items["rows_read"],
        "versions": items["versions"],
        "events read": events["rows_read"],
        "events kept": events["kept"],
        "users": events["users"],
        "profiles": prepared.facts["profiles"],
        "training pairs": prepared.facts["pairs"],
    }
    reasons = [
        {"table": table, "reason": reason, "rows": count}
        for table in ("items", "events")
        for reason, count in prepared.facts[table]["quarantined"].items()
    ]
    history = [
        {"training": name, "epoch": number} | epoch
        for name in ("validated", "refit")
        for number, epoch in enumerate(trained.facts[name]["history"], 1)
    ]
    return [("Prepared from it", data), ("Left out, with the reason", reasons), ("Training", history)]
