"""Summary: from one value for each user to the report: means, bootstrap intervals, ceilings, skew."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from dlrs.arrays import Ints, positions_in
from dlrs.evaluation.alone import tests_alone
from dlrs.evaluation.breakdown import alone_reports, means_of, stage_reports, user_group_reports
from dlrs.evaluation.ceilings import ceilings, references
from dlrs.evaluation.judged import Judged, Yardsticks
from dlrs.evaluation.report import HEADLINE, Report, Skew, headline_k
from dlrs.evaluation.significance import Interval, differences, enough_resamples, intervals, ratios
from dlrs.evaluation.static import StaticTest
from dlrs.metrics import beyond
from dlrs.statistics import SHARES_OF_ITEMS, DataStatistics


def summarise(
    judged: Mapping[str, Judged],
    test: StaticTest,
    yardsticks: Yardsticks,
    *,
    ks: Sequence[int],
    reference: str,
    resamples: int,
    seed: int,
    settings: Mapping[str, object],
    data: DataStatistics | None = None,
    strict: Report | None = None,
) -> Report:
    """Take means and bootstrap intervals over the users of what `evaluate` returned.

    Args:
        judged: by model, on `test`.
        test: what they were judged on.
        yardsticks: those that they were judged with.
        ks: the lengths that `judged` was made with.
        reference: name of the model that the others are compared with: ours.
        resamples: of the bootstrap.
        seed: of the bootstrap.
        settings: JSON-ready facts of the run, to stand in the report.
        data: the data set's own figures.
        strict: the report of the strict universe.
    """
    headline_keys = [f"{metric}@{k}" for metric in HEADLINE for k in ks]
    headline = {name: {key: one.all_items[key] for key in headline_keys} for name, one in judged.items()}
    users_with_pairs = len(np.unique(yardsticks.pairs.user_P))
    return Report(
        reference=reference,
        ks=tuple(ks),
        models={name: _all_means(one) for name, one in judged.items()},
        intervals=_intervals(judged, resamples=resamples, seed=seed),
        differences=differences(headline, reference, resamples=resamples, seed=seed),
        ceilings=ceilings(test, judged[yardsticks.primitive].items_UK, ks),
        references=references(test, yardsticks.unit_AK),
        warm_items={name: means_of(one.warm_items) for name, one in judged.items()},
        cold_items={name: means_of(one.cold_items) for name, one in judged.items()},
        skew=_skew(judged, test, headline_k(ks)),
        test=test.facts
        | {"balanced_pairs": len(yardsticks.pairs), "users_with_balanced_pairs": users_with_pairs},
        settings={
            **settings,
            "resamples": resamples,
            "resamples_of_differences": enough_resamples((len(judged) - 1) * len(headline_keys), resamples),
            "bootstrap_seed": seed,
        },
        data=data,
        strict=strict,
        ratios=ratios(headline, reference, resamples=resamples, seed=seed),
        user_groups=user_group_reports(judged, test, headline_k(ks), resamples=resamples, seed=seed),
        stages=stage_reports(judged, ks, resamples=resamples, seed=seed),
        alone=alone_reports(
            judged,
            tests_alone(test) if all(one.alone for one in judged.values()) else {},
            headline_k(ks),
            reference,
            resamples=resamples,
            seed=seed,
        ),
    )


def _all_means(one: Judged) -> dict[str, float]:
    return means_of(one.all_items | one.beyond_accuracy | one.pairs) | one.together


def _intervals(judged: Mapping[str, Judged], *, resamples: int, seed: int) -> dict[str, dict[str, Interval]]:
    """Return the interval of each metric that has a value for each user; pairs have users of their own."""
    lists = {name: one.all_items | one.beyond_accuracy for name, one in judged.items()}
    pairs = {name: {k: v for k, v in one.pairs.items() if len(v)} for name, one in judged.items()}
    of_lists = intervals(lists, resamples=resamples, seed=seed)
    if not any(pairs.values()):
        return of_lists
    of_pairs = intervals(pairs, resamples=resamples, seed=seed)
    return {name: of_lists[name] | of_pairs[name] for name in judged}


def _skew(judged: Mapping[str, Judged], test: StaticTest, k: int) -> Skew:
    items = len(test.items_A)
    chosen_A = np.bincount(positions_in(test.items_A, test.relevant_UN.indices), minlength=items)
    return Skew(
        k=k,
        shares_of_items=SHARES_OF_ITEMS,
        log=_curve(test.counts_A),
        chosen=_curve(chosen_A),
        models={name: _curve(beyond.exposure(one.positions_UK, items, k)) for name, one in judged.items()},
    )


def _curve(counts_A: Ints) -> tuple[float, ...]:
    return tuple(beyond.top_shares(counts_A, np.array(SHARES_OF_ITEMS)).tolist())
