"""Pipeline: the whole path as functions, one for each verb of the command line.

    simulate → prepare → train → evaluate → publish → recommend

Each writes one folder with a manifest, whole or not at all, and returns it; the next takes it.
This is the composition root of the offline side: what must reach against the direction of imports
is handed in here. examples/quickstart.py shows it in use.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from dataclasses import asdict
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from dlrs import bundle
from dlrs.atomic import hidden_folder, write_text
from dlrs.bundle import Folder
from dlrs.candidates.filtering.filters import Filter
from dlrs.candidates.filtering.relaxing import Step
from dlrs.data.engine import DUCKDB
from dlrs.data.interactions import micros
from dlrs.errors import ArtifactError, DataError, MissingExtra
from dlrs.evaluation.moving_sections import sections_beside
from dlrs.evaluation.page import render_statistics
from dlrs.evaluation.seeds import with_seed
from dlrs.folders import RunFolder
from dlrs.inference.infer import infer_recipe
from dlrs.judging.at_cut import headline_test, judge
from dlrs.model.forward import load_nets
from dlrs.model.nets import open_nets
from dlrs.model.onnx_nets import require_onnx, write_onnx
from dlrs.ongoing import Ongoing
from dlrs.past.moments import write_moment
from dlrs.past.writing import write_past
from dlrs.prepared import ITEMS_AS_OF, Prepared, open_earlier, open_prepared
from dlrs.prepared import KIND as PREPARED
from dlrs.preparing import prepare as prepare_arrays
from dlrs.progress import console
from dlrs.publishing.crowd import write_crowd
from dlrs.publishing.golden import write_golden
from dlrs.publishing.introducing import introduce
from dlrs.publishing.published import write_content
from dlrs.publishing.recommending import recommend_to_all
from dlrs.publishing.reverse import users_for_every_item, users_for_item
from dlrs.publishing.showcase import Recommendation, recommend_to_user
from dlrs.recipe import Recipe, data_folder, read_recipe
from dlrs.simulator.marketplace import Simulation
from dlrs.simulator.marketplace import simulate as simulate_tables
from dlrs.standing import prepared_standing
from dlrs.statistics import data_statistics

# Training needs torch, which preparing, publishing and recommending do without: the functions that
# train import it.
EXTRAS = {"torch": "train", "tensorboard": "train", "implicit": "baselines", "matplotlib": "report"}
ONNX = "onnx"
SIMULATED, DESCRIBED, TRAINED, EVALUATED = "simulated", "described", "trained", "evaluated"
REPORTS = ("report.json", "report.html")


def simulate(out: Path, settings: Simulation) -> Folder:
    """Simulate a vehicle marketplace: items.parquet, events.parquet, truth.parquet, recipe.toml."""
    facts: dict[str, Any] = {"settings": asdict(settings)}
    with bundle.writing(out, SIMULATED, facts=facts) as folder:
        facts |= simulate_tables(settings, folder)
    return bundle.open_folder(out, SIMULATED)


def infer(files: Sequence[Path], recipe_file: Path) -> None:
    """Write a first recipe for these tables: items and events, in any order, and users if there are any.

    Raises:
        DataError: the tables cannot be read or understood, or there is a file already.
    """
    if recipe_file.exists():
        raise DataError(
            f"{recipe_file}: expected no such file yet. Name another one with --out, or remove it."
        )
    text = infer_recipe(files, recipe_file)
    with bundle.writable(recipe_file):
        write_text(recipe_file, text)


def prepare(recipe_file: Path, out: Path, *, after: Path | None = None, engine: str = DUCKDB) -> Folder:
    """Turn the recipe's two tables into profiles, encoded versions and training pairs.

    The `engine` reads, checks and joins the tables: DuckDB, or a Spark by its master (docs/spark.md).

    The recipe's settings travel along: `train` and `evaluate` follow those of this moment. `after`
    is an earlier preparation, which may be `out` itself: what it has of days that did not change since
    is used again, and the outcome is the same as without it.

    Raises:
        SchemaError: the recipe is wrong.
        DataError: the tables are, or hold too little to train, to judge or to recommend.
    """
    recipe = read_recipe(recipe_file)
    earlier = open_earlier(after) if after is not None else None
    facts: dict[str, Any] = {}
    with bundle.writing(out, PREPARED, facts=facts) as folder:
        data = data_folder(recipe, recipe_file.parent)
        prepared = prepare_arrays(recipe, data, folder, engine=engine, after=earlier)
        _require_enough(prepared)
        facts |= prepared.facts
    return bundle.open_folder(out, PREPARED)


def describe(prepared_folder: Path, out: Path) -> Folder:
    """Write the data's own figures, which need no model: data.json and data.html."""
    require_extras("matplotlib")
    data = data_statistics(open_prepared(prepared_folder))
    with bundle.writing(out, DESCRIBED, facts={"marketplace": data.marketplace}) as folder:
        (folder / "data.json").write_text(data.to_json(), encoding="utf-8")
        (folder / "data.html").write_text(render_statistics(data), encoding="utf-8")
    return bundle.open_folder(out, DESCRIBED)


def train(prepared_folder: Path, out: Path, *, seed_step: int = 0, at_once: int | None = None) -> Folder:
    """Train the networks twice and keep both (method §9).

    `validated` leaves what follows `validation_from` to early stopping; `refit` sees all of it, for
    as many epochs as were best there. Checkpoints lie beside `out` until both are done: after a
    kill the same call goes on where it was. Processes that torchrun started train together, and the first
    one writes. `seed_step` is added to the recipe's seed. Of networks that need nothing of each other
    `at_once` are trained, in processes of their own: as many as there are processors, unless told.
    """
    require_extras("torch", "tensorboard")
    from dlrs.fitting.both import checkpoints, fit_both, remove_others, write_both
    from dlrs.fitting.moment import write_ranker
    from dlrs.training.apart import processors
    from dlrs.training.workers import joined

    at_once = at_once or processors()
    prepared = with_seed(open_prepared(prepared_folder), seed_step)
    settings = _learning(prepared.recipe)
    facts: dict[str, Any] = {"encoding_hash": prepared.encoding.hash, "settings": settings}
    work = checkpoints(prepared, out)
    with joined() as workers:
        if workers.leads:
            with bundle.writing(out, TRAINED, facts=facts) as folder:
                remove_others(work)
                facts |= write_both(fit_both(prepared, work, workers, at_once), work, folder)
                facts |= write_ranker(prepared, folder)
        else:
            fit_both(prepared, work, workers)
        workers.wait()  # until nobody reads a checkpoint any more
        if workers.leads:
            shutil.rmtree(work.parent)
    return bundle.open_folder(out, TRAINED)


def evaluate(prepared_folder: Path, trained_folder: Path, out: Path, *, everything: bool = False) -> Folder:
    """Judge ours and every baseline on the test window; write report.json and report.html.

    With `everything` stages are judged apart too; if the recipe's evaluation has several seeds, networks
    are trained with each of them, beside `trained_folder`, unless they lie there already; and a
    prequential.json or rolling.json of the same data, in or beside `out`, becomes a section.
    """
    require_extras(*EXTRAS)
    prepared, trained = open_pair(prepared_folder, trained_folder)
    steps = range(1, prepared.recipe.evaluation.seeds if everything else 1)
    reseeded = [_trained_again(prepared_folder, trained_folder, step) for step in steps]
    report, page = judge(
        prepared,
        trained,
        reseeded=reseeded,
        stages=everything,
        commands=_commands(prepared.recipe.marketplace.name, everything=everything),
        more=sections_beside(out, prepared.encoding.hash) if everything else (),
    )
    facts = {"encoding_hash": prepared.encoding.hash, "models": report.models}
    with bundle.writing(out, EVALUATED, facts=facts) as folder:
        (folder / "report.json").write_text(report.to_json(), encoding="utf-8")
        (folder / "report.html").write_text(page, encoding="utf-8")
    return bundle.open_folder(out, EVALUATED)


def _trained_again(prepared_folder: Path, trained_folder: Path, step: int) -> Folder:
    """Return networks of another seed, trained if there are none of these settings yet."""
    out = trained_folder.with_name(f"{trained_folder.name}-seed-{step}")
    wanted = with_seed(open_prepared(prepared_folder), step)
    try:
        found = bundle.open_folder(out, TRAINED)
        if (found.facts["encoding_hash"], found.facts["settings"]) == (
            wanted.encoding.hash,
            _learning(wanted.recipe),
        ):
            return found
    except ArtifactError:
        pass  # none yet, or a broken one
    return train(prepared_folder, out, seed_step=step)


def _commands(name: str, *, everything: bool) -> tuple[str, ...]:
    """Return what leads to a report. Folders have made-up names: where a report lies must not change it."""
    flag = " --all" if everything else ""
    return (
        f"dlrs prepare {name}.toml --out PREPARED",
        "dlrs train PREPARED --out TRAINED",
        f"dlrs evaluate PREPARED TRAINED --out REPORT{flag}",
    )


def _learning(recipe: Recipe) -> dict[str, Any]:
    """Return the settings that networks were trained with."""
    settings = recipe.training.model_dump(mode="json")
    if recipe.training.ranker == "network":
        del settings["ranker"]  # as it was before there was another one
    if recipe.training.network == "history":
        settings["history"] = recipe.history.model_dump(mode="json")
    return settings


def publish(
    prepared_folder: Path,
    trained_folder: Path,
    registry: Path,
    *,
    evaluated_folder: Path | None = None,
    onnx: bool = False,
    force: bool = False,
) -> Folder:
    """Publish the refit networks with the items alive at `test_until`, and make them current.

    The bundle is verified, asked again for its golden lists, and rehearsed before CURRENT names it. `onnx`
    adds the networks as ONNX; `force` makes it current whatever the rehearsal says.

    Raises:
        ArtifactError: the rehearsal found less than the floors ask for. The bundle stays in the registry, and
            CURRENT as it was.
    """
    if onnx:
        require_onnx()
    prepared, trained = open_pair(prepared_folder, trained_folder)
    if onnx and prepared.recipe.training.network == "history":
        raise ArtifactError(
            f"{trained_folder}: expected the thesis's three networks to write as ONNX, received a history "
            "network, which has no such form yet. Publish without --onnx."
        )
    evaluated = None if evaluated_folder is None else bundle.open_folder(evaluated_folder, EVALUATED)
    end = prepared.recipe.marketplace.split.test_until
    versions_A = prepared.catalog.alive_at(micros(end))
    with bundle.writable(registry), hidden_folder(registry.resolve() / "content") as content:
        write_content(
            content,
            nets_folder=trained / "refit",
            recipe=prepared.recipe,
            encoding=prepared.encoding,
            items=prepared.versions.take(versions_A),
            versions=prepared.encoded_versions.take(versions_A),
            standing=prepared_standing(prepared, micros(end)).take(prepared.catalog.item_V[versions_A]),
        )
        write_past(prepared, micros(end), content)
        write_crowd(prepared, open_nets(content), content)
        write_moment(prepared, micros(end), content)
        if evaluated is not None:
            shutil.copy(evaluated / "report.json", content)
        if onnx:
            write_onnx(load_nets(content), prepared.encoding, content / ONNX)
        facts = _bundle_facts(prepared, len(versions_A))
        write_golden(Folder(content, "bundle", {**facts, "bundle_id": "unnamed"}))
        entered = bundle.enter(registry, content, facts=facts)
        introduce(prepared, entered, registry, force=force)
    return entered


def _bundle_facts(prepared: Prepared, items: int) -> dict[str, Any]:
    return {
        "schema_hash": prepared.recipe.marketplace.hash,
        "encoding_hash": prepared.encoding.hash,
        "watermark": prepared.recipe.marketplace.split.test_until.isoformat(),
        ITEMS_AS_OF: prepared.facts[ITEMS_AS_OF],
        "items": items,
        "interaction_weights": prepared.facts["interaction_weights"],
    }


def recommend(
    prepared_folder: Path,
    registry: Path,
    user_id: str,
    k: int = 5,
    filters: Sequence[Filter] = (),
    relax: Sequence[Step] = (),
) -> Recommendation:
    """Recommend to one user, by his profile at the end of the log, from the current bundle.

    Raises:
        DataError: the log does not know the user, or he has no profile then.
        ArtifactError: nothing was published, or under another schema.
        RequestError: a filter does not fit the catalogue, or a step none of the filters.
    """
    return recommend_to_user(open_prepared(prepared_folder), registry, user_id, k, filters, relax)


def recommend_all(
    prepared_folder: Path, registry: Path, out: Path, k: int = 5, *, engine: str = DUCKDB
) -> dict[str, Any]:
    """Write the lists of all users with a profile into one Parquet file; see `publishing.recommending`."""
    return recommend_to_all(prepared_folder, registry, out, k, engine=engine)


def recommend_users(registry: Path, item_id: str, k: int = 5) -> list[tuple[str, float]]:
    """Return ids and logits of the users that suit an item best; see `publishing.reverse`."""
    return users_for_item(registry, item_id, k)


def recommend_users_for_all(registry: Path, out: Path, k: int = 5) -> dict[str, Any]:
    """Write the best users of every item into one Parquet file; see `publishing.reverse`."""
    return users_for_every_item(registry, out, k)


def run(recipe_file: Path, out: Path, *, engine: str = DUCKDB) -> RunFolder:
    """Run every stage from the recipe to a published bundle; `out` has links to the two reports.

    After a kill the same call goes on behind the last stage that was done, if recipe and tables are as they
    were. A run that ended leaves nothing to go on from: the next one does everything anew.
    """
    require_extras(*EXTRAS)
    folders, ongoing = RunFolder(out), Ongoing.of(out, recipe_file)
    stages: dict[tuple[Path, str], Callable[[], Folder]] = {
        (folders.prepared, PREPARED): lambda: prepare(recipe_file, folders.prepared, engine=engine),
        (folders.trained, TRAINED): lambda: train(folders.prepared, folders.trained),
        (folders.evaluated, EVALUATED): lambda: evaluate(
            folders.prepared, folders.trained, folders.evaluated
        ),
    }
    for (folder, kind), make in stages.items():
        if ongoing.has(folder, kind):
            console.print(f"  [green]✓[/green] {folder.name}: done before, used again")
        else:
            make()
        ongoing.made(folder, kind)
    for name in REPORTS:
        _link(out / name, folders.evaluated / name)
    publish(folders.prepared, folders.trained, folders.registry, evaluated_folder=folders.evaluated)
    ongoing.ended()
    return folders


def _link(link: Path, file: Path) -> None:
    """Let `link` name `file`: unlike a copy, it cannot tell of an older evaluation."""
    with bundle.writable(link):
        if not link.is_symlink():
            link.unlink(missing_ok=True)
            link.symlink_to(file.relative_to(link.parent))


def require_extras(*packages: str) -> None:
    """Say what is missing before the work begins, not at the end of it."""
    for package in packages:
        if find_spec(package) is None:
            raise MissingExtra(package, EXTRAS[package])


def _require_enough(prepared: Prepared) -> None:
    """Find out now whether training, evaluation and publishing have what they need."""
    split, facts = prepared.recipe.marketplace.split, prepared.facts
    if facts["positives"] == 0:
        raise DataError(
            f"samples: expected events of users with a profile from train_from {split.train_from} to "
            f"test_from {split.test_from}, received none. Move the split or widen profiles.window."
        )
    if len(prepared.pairs) == 0:
        raise DataError(
            f"samples: expected pairs to train on, received none. Of {facts['positives']:,} positives "
            f"{facts['positives_without_negative']:,} found no negative: within one value of "
            f"'{prepared.recipe.marketplace.negatives_by}' there must be two users and two items a period. "
            "Set negatives_by to a coarser feature, or samples.uniform = 1."
        )
    stretches = {
        f"from train_from {split.train_from} to validation_from": (0, prepared.validation_period),
        f"from validation_from {split.validation_from} to test_from": (
            prepared.validation_period,
            prepared.cut_period,
        ),
    }
    for stretch, (first, until) in stretches.items():
        if len(np.unique(prepared.pairs.in_periods(first, until).label_P)) < 2:
            raise DataError(
                f"split: expected positives and negatives {stretch}; received none. Move the split."
            )
    headline_test(prepared)  # raises if there is nobody to judge on
    if len(prepared.catalog.alive_at(micros(split.test_until))) == 0:
        raise DataError(f"split: expected items alive at test_until {split.test_until}, received none.")


def open_pair(prepared_folder: Path, trained_folder: Path) -> tuple[Prepared, Folder]:
    """Open a data set and networks, and make sure that the networks were trained on such data."""
    prepared, trained = open_prepared(prepared_folder), bundle.open_folder(trained_folder, TRAINED)
    if trained.facts["encoding_hash"] != prepared.encoding.hash:
        raise ArtifactError(
            f"{trained_folder}: expected networks trained on the encoding {prepared.encoding.hash} of "
            f"{prepared_folder}, received some of {trained.facts['encoding_hash']}. Train again."
        )
    return prepared, trained
