"""Compare: every index × strategy × objective on a test, against the gold standard of each network.

OUT/networks/NAME    a network for each objective and λ, as long as it was not handed in
OUT/gold/NAME        its gold standard
OUT/measured/        what was measured already: a run that was stopped goes on
OUT/compared/        compare.json, compare.md, compare.png: whole or not there
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from dlrs import bundle
from dlrs.arrays import Ints, digest_of
from dlrs.atomic import write_text
from dlrs.bundle import Folder
from dlrs.candidates.askers import Askers
from dlrs.candidates.clusters import Clusters
from dlrs.candidates.histories import Histories, histories_before
from dlrs.candidates.vectors import ItemVectors
from dlrs.comparing.figures import draw
from dlrs.comparing.gold import all_pairs, embed_catalogue, open_or_write, some_users
from dlrs.comparing.grid import Grid, installed
from dlrs.comparing.measuring import Measured, Question, errors, means
from dlrs.comparing.objectives import Goal, open_or_train, open_thesis_pair
from dlrs.comparing.result import Comparison, Network
from dlrs.comparing.tables import as_markdown
from dlrs.comparing.ways import Built, Ways
from dlrs.errors import MissingExtra
from dlrs.evaluation.gold_standard import AllPairs
from dlrs.evaluation.static import StaticTest
from dlrs.judging.at_cut import headline_test
from dlrs.model.forward import load_nets
from dlrs.pipeline import require_extras
from dlrs.prepared import Prepared, open_prepared
from dlrs.progress import stage
from dlrs.settings.training import Training
from dlrs.standing import prepared_standing

KIND = "compared"
KEEP = 1000
"""Best items that a gold standard keeps."""


@dataclass(frozen=True)
class Ground:
    """What is the same for all networks."""

    prepared: Prepared
    test: StaticTest
    histories: Histories  # of the test's users
    recent_A: Ints
    grid: Grid
    out: Path

    @classmethod
    def of(cls, prepared: Prepared, grid: Grid, out: Path) -> Ground:
        """Choose the users, and find what is known of them and of the items at the cut."""
        test = some_users(headline_test(prepared), grid.users, prepared.recipe.evaluation.seed)
        cut = int(prepared.starts_Q[-1])
        histories = histories_before(prepared, cut).take(test.users_U)
        recent_A = prepared_standing(prepared, cut).recent_N[test.items_A]
        count = min(grid.count or prepared.recipe.candidates.count, max(1, len(test.items_A) - 1))
        return cls(prepared, test, histories, recent_A, replace(grid, count=count), out)


@dataclass(frozen=True)
class Found:
    """What was found of one network."""

    network: Network
    built: list[Built]
    measured: list[Measured]


def compare(prepared_folder: Path, out: Path, grid: Grid, trained: Sequence[Path] = ()) -> Folder:
    """Measure the grid, and write the comparison below `out`.

    Args:
        prepared_folder: the data set.
        out: where all of it lies; what an earlier run left there is used.
        grid: what to compare. A network that is missing is trained.
        trained: folders by `dlrs train`, whose `validated` networks are taken for their goals.

    Raises:
        ArtifactError: networks of another encoding, or a history network, or something else is in the way.
    """
    require_extras("matplotlib")
    if not set(grid.indexes) <= set(installed()):  # before networks are trained for hours
        raise MissingExtra("annoy", "annoy")
    prepared = open_prepared(prepared_folder)
    given = dict(_given(prepared_folder, folder) for folder in trained)
    ground = Ground.of(prepared, grid, out)
    goals = dict.fromkeys((*given, *grid.goals))
    found = [_of_network(ground, goal, *(given.get(goal) or _trained(ground, goal))) for goal in goals]
    comparison = _joined(ground, found)
    with bundle.writing(out / KIND, KIND, facts={"marketplace": comparison.marketplace}) as folder:
        (folder / "compare.json").write_text(comparison.to_json(), encoding="utf-8")
        (folder / "compare.md").write_text(as_markdown(comparison), encoding="utf-8")
        draw(comparison, folder / "compare.png")
    return bundle.open_folder(out / KIND, KIND)


def _given(prepared_folder: Path, folder: Path) -> tuple[Goal, tuple[Path, Mapping[str, Any]]]:
    trained = open_thesis_pair(prepared_folder, folder)[1]
    goal = Goal.of(Training.model_validate(trained.facts["settings"]))
    return goal, (trained / "validated", trained.facts["validated"])


def _trained(ground: Ground, goal: Goal) -> tuple[Path, Mapping[str, Any]]:
    folder = open_or_train(ground.prepared, goal, ground.out / "networks" / _file(goal))
    return folder.path, folder.facts


def _of_network(ground: Ground, goal: Goal, nets_folder: Path, facts: Mapping[str, Any]) -> Found:
    prepared, test = ground.prepared, ground.test
    nets = load_nets(nets_folder)
    items = embed_catalogue(prepared, test, nets)
    pairs = all_pairs(prepared, test, nets, items)
    question = Question.of(pairs, test, open_or_write(pairs, KEEP, ground.out / "gold" / _file(goal)))
    best = question.precisions(question.best_UK)
    validation = facts["history"][facts["best_epoch"] - 1]["validation"]
    network = Network(goal.name, facts["best_epoch"], validation, means(best), errors(best))
    vectors = ItemVectors(items.embedding_ND, prepared.recipe.candidates.metric)
    askers = Askers.of(pairs.users, ground.histories, nets.embed_items)
    beside = Clusters.find(vectors, prepared.recipe.candidates.cluster_count), ground.recent_A
    ways = Ways(goal.name, question, askers, vectors, *beside, prepared.recipe.candidates)
    parts = [_measured(ground, ways, pairs, index) for index in ground.grid.indexes]
    return Found(network, [built for built, _ in parts], [one for _, some in parts for one in some])


def _measured(ground: Ground, ways: Ways, pairs: AllPairs, index: str) -> tuple[Built, list[Measured]]:
    """Measure what was not measured yet with one index."""
    grid = ground.grid
    file = ground.out / "measured" / f"{_asked(ground, ways, pairs, index)}.json"
    if not file.exists():
        with stage(f"{ways.objective}: {index}, {', '.join(grid.strategies)}"):
            built, measured = ways.measure(index, grid)
        file.parent.mkdir(parents=True, exist_ok=True)
        write_text(file, json.dumps([asdict(built), [asdict(one) for one in measured]]))
    cost, ones = json.loads(file.read_text(encoding="utf-8"))
    return Built(**cost), [Measured(**one) for one in ones]


def _asked(ground: Ground, ways: Ways, pairs: AllPairs, index: str) -> str:
    """Return a name for what is measured with one index, made from all that it depends on."""
    grid, settings = ground.grid, ways.settings.model_dump(mode="json")
    asked = [ways.objective, index, grid.strategies, grid.counts, grid.efforts, grid.count, settings]
    relevant_UA, histories = ways.question.relevant_UA, ground.histories
    arrays = (relevant_UA.indptr, relevant_UA.indices, ground.recent_A)
    met = (histories.offsets_U1, histories.version_E, histories.weight_E)
    return digest_of(json.dumps([*asked, pairs.identity(KEEP)]), (*arrays, *met))


def _joined(ground: Ground, found: Sequence[Found]) -> Comparison:
    recipe = ground.prepared.recipe
    names = [one.network.objective for one in found]
    main = Goal.of(recipe.training).name
    return Comparison(
        marketplace=recipe.marketplace.name,
        main=main if main in names else names[0],
        count=ground.grid.count,
        test=ground.test.facts,
        settings=recipe.candidates.model_dump(mode="json"),
        networks=[one.network for one in found],
        built=[built for one in found for built in one.built],
        measured=[measured for one in found for measured in one.measured],
    )


def _file(goal: Goal) -> str:
    return goal.name.replace(" ", "-")
