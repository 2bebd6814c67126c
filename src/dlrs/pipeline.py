"""Pipeline: the whole path as functions, one for each verb of the command line.

    simulate → prepare → train → evaluate → publish → recommend

Each writes one folder with a manifest, whole or not at all, and returns it; the next takes it.
This is the composition root of the offline side: what must reach against the direction of imports
is handed in here. examples/quickstart.py shows it in use.
"""

from __future__ import annotations

import shutil
import tempfile
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from dlrs import bundle
from dlrs.bundle import Folder
from dlrs.contenders import CF, HYBRID, fit_contenders
from dlrs.errors import DataError
from dlrs.evaluation.page import Rows, render
from dlrs.evaluation.protocol import evaluate as judge_all
from dlrs.evaluation.report import Report, summarise
from dlrs.evaluation.static import StaticTest, Universe, static_test
from dlrs.folders import RunFolder
from dlrs.model.network import Network, save_nets
from dlrs.prepared import KIND as PREPARED
from dlrs.prepared import Prepared, micros, open_prepared
from dlrs.prepared import prepare as prepare_arrays
from dlrs.published import write_content
from dlrs.recipe import data_folder, read_recipe
from dlrs.showcase import Recommendation, examples, recommend_to_user
from dlrs.simulator.marketplace import Simulation
from dlrs.simulator.marketplace import simulate as simulate_tables
from dlrs.training.loop import Trained
from dlrs.training.loop import train as fit
from dlrs.training.validation import pair_auc, pair_logits

UNIVERSES: tuple[Universe, ...] = ("cut", "window")  # strict first: the headline report contains it
SIMULATED, TRAINED, EVALUATED = "simulated", "trained", "evaluated"
REPORTS = ("report.json", "report.html")
RIVALS = (CF, HYBRID)


def simulate(out: Path, settings: Simulation) -> Folder:
    """Simulate a vehicle marketplace: items.parquet, events.parquet, truth.parquet, recipe.toml."""
    facts: dict[str, Any] = {"settings": asdict(settings)}
    with bundle.writing(out, SIMULATED, facts=facts) as folder:
        facts |= simulate_tables(settings, folder)
    return bundle.open_folder(out, SIMULATED)


def prepare(recipe_file: Path, out: Path) -> Folder:
    """Turn the recipe's two tables into profiles, encoded versions and training pairs.

    Raises:
        SchemaError: the recipe is wrong.
        DataError: the tables are.
    """
    recipe = read_recipe(recipe_file)
    facts: dict[str, Any] = {}
    with bundle.writing(out, PREPARED, facts=facts) as folder:
        prepared = prepare_arrays(recipe, data_folder(recipe, recipe_file.parent))
        prepared.save(folder)
        facts |= prepared.facts
    return bundle.open_folder(out, PREPARED)


def train(prepared_folder: Path, out: Path) -> Folder:
    """Train the three networks twice and keep both (method §9).

    `validated` leaves what follows `validation_from` to early stopping; `refit` sees all of them, for as
    many epochs as were best there. Checkpoints lie beside `out` until both are done: after a kill
    the same call goes on where it was.
    """
    prepared = open_prepared(prepared_folder)
    work = out.with_name(f".{out.name}.checkpoints")
    facts: dict[str, Any] = {"settings": prepared.recipe.training.model_dump(mode="json")}
    with bundle.writing(out, TRAINED, facts=facts) as folder:
        validated = _fit(prepared, work / "validated", until=prepared.validation_period)
        refit = _fit(prepared, work / "refit", until=prepared.cut_period, epochs=validated.best_epoch)
        for name, trained in (("validated", validated), ("refit", refit)):
            save_nets(trained.network, folder / name)
            shutil.copytree(work / name / "tensorboard", folder / "tensorboard" / name)
            facts[name] = {
                "best_epoch": trained.best_epoch,
                "history": [asdict(epoch) for epoch in trained.history],
            }
    shutil.rmtree(work)
    return bundle.open_folder(out, TRAINED)


def evaluate(prepared_folder: Path, trained_folder: Path, out: Path) -> Folder:
    """Judge ours and every baseline on the test window; write report.json and report.html."""
    prepared = open_prepared(prepared_folder)
    trained = bundle.open_folder(trained_folder, TRAINED)
    settings = prepared.recipe.evaluation
    ours = prepared.recipe.training.objective
    refit = f"{ours}, refit"
    contenders = fit_contenders(prepared, {ours: trained / "validated", refit: trained / "refit"})
    report: Report | None = None
    for universe in UNIVERSES:
        test = _test(prepared, universe)
        models = contenders.recommenders(test.versions_A)
        report = summarise(
            judge_all(models, test, settings.k),
            test,
            ks=settings.k,
            reference=ours,
            resamples=settings.resamples,
            seed=settings.seed,
            settings=_settings(prepared) | {"universe": universe},
            strict=report,
        )
    assert report is not None
    page = render(
        report,
        title=f"{prepared.recipe.marketplace.name}: which model recommends best?",
        rivals=RIVALS,
        examples=examples(prepared, test, models[refit]),
        facts=_shown_facts(prepared, trained),
    )
    with bundle.writing(out, EVALUATED, facts={"models": report.models}) as folder:
        (folder / "report.json").write_text(report.to_json(), encoding="utf-8")
        (folder / "report.html").write_text(page, encoding="utf-8")
    return bundle.open_folder(out, EVALUATED)


def publish(
    prepared_folder: Path, trained_folder: Path, registry: Path, *, evaluated_folder: Path | None = None
) -> Folder:
    """Publish the refit networks with the items alive at the end of the log, and make them current."""
    prepared = open_prepared(prepared_folder)
    trained = bundle.open_folder(trained_folder, TRAINED)
    end = prepared.recipe.marketplace.split.test_until
    versions_A = prepared.catalog.alive_at(micros(end))
    if len(versions_A) == 0:
        raise DataError(f"publish: expected items alive at {end}, the end of the log; received none.")
    with tempfile.TemporaryDirectory(prefix="dlrs-publish-") as temporary:
        content = Path(temporary)
        write_content(
            content,
            nets_folder=trained / "refit",
            recipe=prepared.recipe,
            encoding=prepared.encoding,
            items=prepared.versions.take(versions_A),
            versions=prepared.encoded_versions.take(versions_A),
        )
        if evaluated_folder is not None:
            shutil.copy(bundle.open_folder(evaluated_folder, EVALUATED) / "report.json", content)
        facts = {
            "schema_hash": prepared.recipe.marketplace.hash,
            "watermark": end.isoformat(),
            "items": len(versions_A),
        }
        return bundle.publish(registry, content, facts=facts)


def recommend(prepared_folder: Path, registry: Path, user_id: str, k: int = 5) -> Recommendation:
    """Recommend to one user, by his profile at the end of the log, from the current bundle.

    Raises:
        DataError: the log does not know the user, or he has no profile then.
        ArtifactError: nothing was published, or under another schema.
    """
    return recommend_to_user(open_prepared(prepared_folder), registry, user_id, k)


def run(recipe_file: Path, out: Path) -> RunFolder:
    """Run every stage from the recipe to a published bundle; the reports stand in `out`, too."""
    folders = RunFolder(out)
    prepare(recipe_file, folders.prepared)
    train(folders.prepared, folders.trained)
    evaluated = evaluate(folders.prepared, folders.trained, folders.evaluated)
    publish(folders.prepared, folders.trained, folders.registry, evaluated_folder=folders.evaluated)
    for name in REPORTS:
        shutil.copy(evaluated / name, out / name)
    return folders


def _fit(prepared: Prepared, folder: Path, *, until: int, epochs: int | None = None) -> Trained:
    """Train on the periods before `until`; without fixed epochs, stop by the AUC of those after it."""
    following = prepared.pairs.in_periods(until, prepared.cut_period)

    def auc(network: Network) -> float:
        logits_P = pair_logits(network, following, prepared.profiles, prepared.encoded_versions)
        return pair_auc(logits_P, following.label_P)

    return fit(
        prepared.pairs.in_periods(0, until),
        prepared.profiles,
        prepared.encoded_versions,
        prepared.encoding.space,
        prepared.recipe.training,
        folder=folder,
        epochs=epochs,
        validate=auc if epochs is None else None,
    )


def _test(prepared: Prepared, universe: Universe) -> StaticTest:
    split, settings = prepared.recipe.marketplace.split, prepared.recipe.evaluation
    return static_test(
        prepared.interactions,
        prepared.catalog,
        users=len(prepared.user_ids),
        since=micros(split.test_from),
        until=micros(split.test_until),
        profiled_users=np.flatnonzero(prepared.profile_of_QU[prepared.cut_period] >= 0),
        max_users=settings.max_users,
        seed=settings.seed,
        universe=universe,
    )


def _settings(prepared: Prepared) -> dict[str, object]:
    recipe = prepared.recipe
    parts = ("training", "candidates", "baselines", "evaluation")
    return {"schema_hash": recipe.marketplace.hash} | {
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
        **{
            f"share of {name}": f"{share:.1%}" for name, share in prepared.facts["interaction_shares"].items()
        },
        **{f"weight of {name}": f"{w:.3g}" for name, w in prepared.facts["interaction_weights"].items()},
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
    return [("Data", data), ("Left out, with the reason", reasons), ("Training", history)]
