"""`dlrs evaluate --all` on a small simulated marketplace: both stages of ours, and two seeds."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from typer.testing import CliRunner

from dlrs import pipeline
from dlrs.bundle import open_folder
from dlrs.cli import app
from dlrs.evaluation.report import Report
from dlrs.simulator.settings import Simulation

OURS = ("multi-cos", "multi-cos, refit")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("everything")
    data = pipeline.simulate(folder / "data", Simulation(users=80, items=800, weeks=4, seed=1))
    text = (data / "recipe.toml").read_text()
    for setting, other in (
        ("epochs = 6", "epochs = 1"),
        ("resamples = 1000", "resamples = 10"),
        ("seeds = 1", "seeds = 2"),
    ):
        assert setting in text
        text = text.replace(setting, other)
    text, changed = re.subn(r"(?m)^models = .*$", 'models = ["most popular", "CF", "item-kNN"]', text)
    assert changed == 1
    (folder / "recipe.toml").write_text(text.replace('data = "."', 'data = "data"'))
    pipeline.prepare(folder / "recipe.toml", folder / "prepared")
    pipeline.train(folder / "prepared", folder / "trained")
    pipeline.evaluate(folder / "prepared", folder / "trained", folder / "all", everything=True)
    return folder


@pytest.fixture(scope="module")
def report(folder: Path) -> Report:
    return Report.from_json((folder / "all/report.json").read_text())


def test_networks_of_the_next_seed_lie_beside_and_are_not_trained_again(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seeds = [
        open_folder(folder / name, pipeline.TRAINED).facts["settings"]["seed"]
        for name in ("trained", "trained-seed-1")
    ]
    assert seeds == [0, 1]
    monkeypatch.setattr(pipeline, "train", lambda *_, **__: pytest.fail("trained again"))
    again = pipeline.evaluate(folder / "prepared", folder / "trained", folder / "again", everything=True)
    assert (
        json.loads((again / "report.json").read_text())["models"]
        == json.loads((folder / "all/report.json").read_text())["models"]
    )


def test_models_that_draw_at_random_have_a_spread_and_the_others_none(report: Report) -> None:
    assert report.seeds == 2
    assert set(report.spread) == {"CF", *OURS}
    assert all(report.spread[name]["precision@100"] > 0 for name in OURS)


def test_where_pairs_end_agrees_with_what_the_lists_are_worth(report: Report) -> None:
    assert set(report.stages) == set(OURS)
    for name, stages in report.stages.items():
        for k in report.ks:
            pairs = stages.pairs["all"][f"@{k}"]
            assert pairs["hit"] == pytest.approx(
                report.models[name][f"precision@{k}"] * k * report.test["users"] * report.seeds
            )
            lost = sum(pairs.values()) - pairs["known"] - pairs["outside"]
            assert lost == report.test["pairs"] * report.seeds
        pairs = stages.pairs["all"][f"@{report.ks[-1]}"]
        found = (pairs["hit"] + pairs["ranker"]) / (report.test["pairs"] * report.seeds)
        assert list(stages.reach["all"].values())[-1] == pytest.approx(found)
        for metric, ceiling in stages.ceilings["all"].items():
            assert report.models[name][metric] <= ceiling + 1e-12 <= report.ceilings[metric] + 2e-12


def test_gains_are_what_ranking_adds_to_the_retrieval(report: Report) -> None:
    for name, stages in report.stages.items():
        for metric, gain in stages.gains["all"].items():
            alone = stages.retrieval["all"][metric]
            assert gain.mean == pytest.approx(report.models[name][metric] - alone)


def test_the_strict_part_loses_what_was_born_after_the_cut(report: Report) -> None:
    assert report.strict is not None
    pairs = report.strict.stages["multi-cos"].pairs
    assert pairs["all"]["@5"]["outside"] > 0
    assert report.stages["multi-cos"].pairs["all"]["@5"]["outside"] == 0


def test_results_are_written_by_the_command_line(folder: Path) -> None:
    out = folder / "docs/results.md"
    out.parent.mkdir()
    done = CliRunner().invoke(app, ["results", str(folder / "all"), "--out", str(out)])
    assert done.exit_code == 0, done.output
    page = out.read_text()
    assert "## simulated-vehicles" in page
    assert "dlrs evaluate PREPARED TRAINED --out REPORT --all" in page
    assert "Models that draw at random: means over 2 seeds." in page
