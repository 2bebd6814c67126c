"""`dlrs candidates`: what is measured, checked by hand; the whole of it on a small simulated marketplace."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from scipy import sparse

from dlrs import pipeline
from dlrs.arrays import NO_ITEM, Ints
from dlrs.candidates.generator import Candidates
from dlrs.comparing import objectives
from dlrs.comparing.compare import compare
from dlrs.comparing.figures import front
from dlrs.comparing.gold import gold, some_users
from dlrs.comparing.grid import INDEXES, Grid, installed
from dlrs.comparing.measuring import Measured, Question, errors, measure
from dlrs.comparing.objectives import Goal, goals
from dlrs.comparing.result import Comparison
from dlrs.errors import ArtifactError, MissingExtra, SchemaError
from dlrs.evaluation.gold_standard import GoldStandard
from dlrs.judging.at_cut import headline_test
from dlrs.prepared import open_prepared
from dlrs.settings.training import Training
from dlrs.simulator.settings import Simulation
from scored_pairs import some_pairs
from small_run import NARROW

NAMED = ("single", "exact", "direct")
SINGLE, COS = Goal("single", 0.0), Goal("multi-cos", 0.5)
SMALL = Grid(
    goals=(SINGLE, COS), indexes=installed(), counts=(20, 100), efforts=(0.05, 0.5), count=50, users=12
)


def some_question() -> Question:
    """Three users; of each the best and the third best of all are relevant."""
    pairs = some_pairs(3, 40, known=0)
    best_UK = pairs.best(slice(None), 40).items_UK
    positions_UK = np.searchsorted(pairs.items_A, best_UK)
    relevant = np.zeros((3, 40), dtype=np.bool_)
    np.put_along_axis(relevant, positions_UK[:, [0, 2]], np.True_, axis=1)
    return Question(pairs, sparse.csr_array(relevant), positions_UK)


def found(positions_UT: Ints) -> Candidates:
    return Candidates(positions_UT, np.zeros(positions_UT.shape, dtype=np.float32))


def test_whoever_finds_the_best_keeps_all_of_it() -> None:
    question = some_question()
    measured = measure(question, lambda some, count: found(question.best_UK[some, :count]), 10, named=NAMED)
    assert measured.means == {
        "kept@10": 1.0,
        "kept@100": 10 / 40,
        "recall": 1.0,
        "precision@5": pytest.approx(2 / 5),
        "precision@10": pytest.approx(2 / 10),
    }
    assert set(measured.errors) == set(measured.means)
    assert measured.errors["precision@5"] == pytest.approx(0)  # all users alike
    assert min(measured.ms_together, measured.ms_alone, measured.ms_ranking) > 0
    assert measured.ms == measured.ms_alone + measured.ms_ranking


def test_whoever_misses_the_best_loses_what_ranking_cannot_find() -> None:
    question = some_question()
    without_U1 = question.best_UK[:, 1:11]  # the best one is not among them: the second relevant one is
    measured = measure(question, lambda some, count: found(without_U1[some]), 10, named=NAMED)
    assert measured.means["kept@10"] == pytest.approx(9 / 10)
    assert measured.means["recall"] == pytest.approx(1 / 2)
    assert measured.means["precision@5"] == pytest.approx(1 / 5)


def test_whoever_finds_nothing_has_nothing() -> None:
    question = some_question()
    measured = measure(
        question, lambda some, count: found(np.full((len(some), count), NO_ITEM)), 10, named=NAMED
    )
    assert set(measured.means.values()) == {0.0}


def test_the_standard_error_of_a_mean() -> None:
    assert errors({"metric": np.array([0.0, 0.5, 1.0])}) == {"metric": pytest.approx(0.5 / np.sqrt(3))}
    assert errors({"metric": np.array([0.7])}) == {"metric": 0.0}


def way(ms: float, precision: float) -> Measured:
    return Measured(*NAMED, 10, 1.0, {"precision@5": precision}, {}, 0.0, ms, 0.0)


def test_a_front_keeps_what_no_cheaper_way_reaches() -> None:
    ways = [way(3, 0.2), way(1, 0.1), way(2, 0.3), way(2, 0.25), way(4, 0.3), way(5, 0.4)]
    assert [(one.ms, one.means["precision@5"]) for one in front(ways, "precision@5")] == [
        (1, 0.1),
        (2, 0.3),
        (5, 0.4),
    ]


def test_goals() -> None:
    names = [goal.name for goal in goals(["single", "multi-cos", "multi-cos-bar"], [0, 0.5, 2])]
    assert names == ["single", "multi-cos 0.5", "multi-cos 2", "multi-cos-bar 0.5", "multi-cos-bar 2"]
    for wrong in ("multi-sin", "multi-cos much", "multi-cos -1", "multi-cos nan", "multi-cos inf"):
        with pytest.raises(SchemaError, match=f"received {wrong}"):
            goals([wrong], [1])
    two_adams = Training(similarity_optimiser="separate", dropout=0.25)
    assert Goal.of(two_adams) == COS
    assert COS.settings(two_adams) == two_adams
    bar = Goal("multi-cos-bar", 2.0).settings(two_adams)
    assert (bar.objective, bar.similarity_weight, bar.similarity_optimiser) == ("multi-cos-bar", 2.0, "joint")
    assert bar.dropout == 0.25


@pytest.mark.parametrize(("indexes", "strategies"), [(("exakt",), ("direct",)), (("exact",), ())])
def test_what_there_is_not_cannot_be_compared(indexes: tuple[str, ...], strategies: tuple[str, ...]) -> None:
    with pytest.raises(SchemaError, match="Choose among these"):
        Grid(goals=(SINGLE,), indexes=indexes, strategies=strategies)


@pytest.mark.parametrize("effort", [0.0, float("inf"), float("nan")])
def test_nobody_looks_at_nothing_or_without_end(effort: float) -> None:
    with pytest.raises(SchemaError, match="efforts"):
        Grid(goals=(SINGLE,), efforts=(effort,))


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    data = pipeline.simulate(
        tmp_path_factory.mktemp("compare") / "data", Simulation(users=60, items=600, weeks=4, seed=1)
    )
    recipe = data / "recipe.toml"
    recipe.write_text(recipe.read_text().replace("epochs = 6", "epochs = 1"))
    return pipeline.prepare(recipe, data.path.parent / "prepared").path


@pytest.fixture(scope="module")
def out(prepared: Path) -> Path:
    return prepared.parent / "out"


@pytest.fixture(scope="module")
def comparison(prepared: Path, out: Path) -> Comparison:
    folder = compare(prepared, out, SMALL)
    folder.verify()
    return Comparison.from_json((folder / "compare.json").read_text())


def test_every_way_is_measured(comparison: Comparison, out: Path) -> None:
    assert comparison.objectives == ["single", "multi-cos 0.5"]
    assert comparison.main == "multi-cos 0.5"
    assert comparison.test["users"] == 12
    ways = {(one.objective, one.index, one.strategy) for one in comparison.at_count()}
    assert len(ways) == len(comparison.at_count()) == 2 * len(SMALL.indexes) * len(SMALL.strategies)
    for index in comparison.indexes:
        curve = comparison.curve("single", index, "direct")
        assert [one.count for one in curve] == [20, 50, 100]
        kept = [one.means["kept@100"] for one in curve]
        assert kept == sorted(kept)
        assert 0 < kept[0] < kept[-1] < 1
    text = (out / "compared" / "compare.md").read_text()
    assert all(f"| {name} |" in text for name in (*SMALL.indexes, *SMALL.strategies, "multi-cos 0.5"))
    assert (out / "compared" / "compare.png").read_bytes().startswith(b"\x89PNG")


def test_the_gold_standard_is_the_best_that_ranking_can_find(comparison: Comparison, out: Path) -> None:
    gold = GoldStandard.open(out / "gold" / "single")
    assert gold.items_UK.shape == (12, 1000)
    assert (np.diff(gold.logits_UK[:, :100]) <= 0).all()
    assert Comparison.from_json(comparison.to_json()) == comparison


def test_again_nothing_is_trained_or_measured(
    comparison: Comparison, prepared: Path, out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unwanted(*_: object) -> None:
        raise AssertionError("is there already")

    monkeypatch.setattr(objectives, "_train", unwanted)
    monkeypatch.setattr("dlrs.comparing.gold.write_gold", unwanted)
    monkeypatch.setattr("dlrs.comparing.ways.measure", unwanted)
    again = compare(prepared, out, SMALL)
    assert Comparison.from_json((again / "compare.json").read_text()) == comparison


def test_networks_of_other_pairs_are_not_taken(
    prepared: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The encoding stays the same where other negatives are drawn, or other periods held back."""
    whole = open_prepared(prepared)
    objectives.open_or_train(whole, SINGLE, tmp_path / "net")
    trained: list[int] = []
    monkeypatch.setattr(objectives, "_train", lambda prepared, *_: trained.append(len(prepared.pairs)))
    objectives.open_or_train(whole, SINGLE, tmp_path / "net")
    assert trained == []
    objectives.open_or_train(replace(whole, pairs=whole.pairs.take(np.arange(9))), SINGLE, tmp_path / "net")
    assert trained == [9]


def test_what_another_test_measured_is_not_taken(
    comparison: Comparison, prepared: Path, out: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same users, the same gold standard, and a test window in which they wanted something else."""
    shutil.copytree(out, tmp_path / "out")
    test = headline_test(open_prepared(prepared))
    wanted_UN = test.relevant_UN.copy()
    wanted_UN.indices[:] = test.items_A[0]
    wanted_UN.sum_duplicates()
    monkeypatch.setattr(
        "dlrs.comparing.compare.headline_test", lambda _: replace(test, relevant_UN=wanted_UN)
    )
    folder = compare(prepared, tmp_path / "out", replace(SMALL, goals=(SINGLE,)))
    again = Comparison.from_json((folder / "compare.json").read_text())
    before = {one.means["recall"] for one in comparison.at_count() if one.objective == "single"}
    assert {one.means["recall"] for one in again.at_count()} != before


def test_trained_networks_are_taken(prepared: Path, out: Path, tmp_path: Path) -> None:
    trained = pipeline.train(prepared, tmp_path / "trained")
    grid = replace(SMALL, goals=(), indexes=("exact",), strategies=("direct",), counts=(20,))
    folder = compare(prepared, tmp_path / "out", grid, [trained.path])
    comparison = Comparison.from_json((folder / "compare.json").read_text())
    assert comparison.objectives == ["multi-cos 0.5"]
    assert not (tmp_path / "out" / "networks").exists()
    manifest = trained.path / "manifest.json"
    other = json.loads(manifest.read_text())
    other["facts"]["encoding_hash"] = "another"
    manifest.write_text(json.dumps(other))
    with pytest.raises(ArtifactError, match="Train again"):
        compare(prepared, tmp_path / "out", grid, [trained.path])


def test_a_history_network_has_no_ranknet_to_compare_with(prepared: Path, tmp_path: Path) -> None:
    """The networks count, not what the recipe of a prepared folder with the same encoding would train."""
    content = (prepared.parent / "data" / "recipe.toml").read_text()
    changed = {'network = "thesis"': 'network = "history"', "user_ids = true": "user_ids = false"}
    for written, wanted in {**NARROW, **changed, "epochs = 10": "epochs = 1"}.items():
        assert written in content
        content = content.replace(written, wanted)
    recipe = prepared.parent / "data" / "history.toml"
    recipe.write_text(content)
    history = pipeline.prepare(recipe, tmp_path / "prepared").path
    trained = pipeline.train(history, tmp_path / "trained").path
    refused = r'received a history network.* Set network = "thesis"'
    for folder in (prepared, history):
        with pytest.raises(ArtifactError, match=refused):
            gold(folder, trained, tmp_path / "gold", users=5, keep=7)
        with pytest.raises(ArtifactError, match=refused):
            compare(folder, tmp_path / "out", replace(SMALL, goals=()), [trained])
    assert not (tmp_path / "gold").exists()
    assert not (tmp_path / "out").exists()


def test_some_users_are_the_same_ones_each_time(prepared: Path) -> None:
    test = headline_test(open_prepared(prepared))
    some, again = some_users(test, 5, seed=3), some_users(test, 5, seed=3)
    assert np.array_equal(some.users_U, again.users_U)
    rows = np.searchsorted(test.users_U, some.users_U)
    assert (some.known_UN != test.known_UN[rows]).nnz == 0
    assert (some.relevant_UN != test.relevant_UN[rows]).nnz == 0
    assert some.left_out.users_beyond_sample == len(test.users_U) - 5
    assert some_users(test, len(test.users_U), seed=3) is test


def test_the_command_line(comparison: Comparison, prepared: Path, out: Path, tmp_path: Path) -> None:
    del comparison  # its networks are there
    trained = pipeline.train(prepared, tmp_path / "trained").path
    said = _dlrs(
        "candidates", "gold", prepared, trained, "--out", tmp_path / "gold", "--users", 5, "--keep", 7
    )
    assert GoldStandard.open(tmp_path / "gold").items_UK.shape == (5, 7)
    assert "pairs in" in said
    options = ["--objectives", "single", "--indexes", "exact", "--strategies", "direct", "--counts", 20]
    said = _dlrs("candidates", "compare", prepared, "--out", out, *options, "--count", 50, "--users", 12)
    assert "| over the index exact | direct |" in said
    assert "| single | exact | direct |" in (out / "compared" / "compare.md").read_text()


def _dlrs(*arguments: object) -> str:
    command = [sys.executable, "-m", "dlrs", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def test_annoy_is_asked_for_only_where_it_is_installed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is no part of what is compared by default, and who names it is told before anything is trained."""
    monkeypatch.setattr("dlrs.comparing.grid.find_spec", lambda name: None)
    assert installed() == tuple(name for name in INDEXES if name != "annoy")
    with pytest.raises(MissingExtra, match="annoy"):
        compare(tmp_path / "nothing there", tmp_path / "out", Grid(goals([], []), indexes=("annoy",)))
    assert not (tmp_path / "out").exists()
