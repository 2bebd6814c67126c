"""Tuning on a small simulated marketplace, from its folder to the lines for the recipe."""

from __future__ import annotations

import json
import tomllib
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from dlrs import pipeline
from dlrs.cli import app
from dlrs.errors import ArtifactError, DataError
from dlrs.prepared import Prepared, open_prepared
from dlrs.simulator.settings import Simulation
from dlrs.tuning.trials import Trial
from dlrs.tuning.tune import Tuning, as_toml, tune
from dlrs.tuning.validation import Validation

SMALL = Simulation(users=80, items=800, weeks=4, seed=1)


@pytest.fixture(scope="module")
def recipe_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = pipeline.simulate(tmp_path_factory.mktemp("tune") / "data", SMALL)
    file = folder / "recipe.toml"
    file.write_text(file.read_text().replace("epochs = 6", "epochs = 1"))
    return file


@pytest.fixture(scope="module")
def folder(recipe_file: Path) -> Path:
    pipeline.prepare(recipe_file, recipe_file.parents[1] / "prepared")
    return recipe_file.parents[1] / "prepared"


@pytest.fixture(scope="module")
def prepared(folder: Path) -> Prepared:
    return open_prepared(folder)


def test_nothing_from_the_cut_on_has_a_say(prepared: Prepared) -> None:
    log = prepared.interactions
    cut = int(prepared.starts_Q[-1])
    before = replace(prepared, interactions=log.between(int(log.time_E.min()), cut))
    recipe = prepared.recipe
    for model in ("recently popular", "EASE", "GF-CF", "content-kNN", "CF, WARP"):
        worth = Validation(prepared).worth(model, recipe, "ndcg@10")
        assert worth == Validation(before).worth(model, recipe, "ndcg@10")
        assert 0 < worth < 1


def test_users_are_judged_on_what_they_had_not_met_before_the_validation(prepared: Prepared) -> None:
    test = Validation(prepared).test
    since = int(prepared.starts_Q[prepared.validation_period])
    log = prepared.interactions
    before = log.time_E < since
    assert test.counts_N.sum() == before.sum()
    assert test.known_UN.multiply(test.relevant_UN).nnz == 0
    period = prepared.validation_period
    assert (prepared.profile_of_QU[period][test.users_U] >= 0).all()


def test_trials_are_kept_and_gone_on_with(recipe_file: Path, folder: Path, tmp_path: Path) -> None:
    three = tune(recipe_file, folder, tmp_path, ["EASE"], Tuning(3))["EASE"]
    kept = json.loads((tmp_path / "ease.json").read_text())
    assert [trial["worth"] for trial in kept["trials"]] == [trial.worth for trial in three.done]
    assert (kept["model"], kept["objective"], kept["seed"]) == ("EASE", "ndcg@10", 0)
    assert kept["space"] == {"baselines.ease_regularisation": {"low": 1.0, "high": 10_000.0, "linear": False}}
    four = tune(recipe_file, folder, tmp_path, ["EASE"], Tuning(4))["EASE"]
    assert four.done[:3] == three.done
    assert len(four.done) == 4
    assert four.best.worth >= three.best.worth >= three.done[0].worth
    with pytest.raises(ArtifactError, match="objective = precision@5"):
        tune(recipe_file, folder, tmp_path, ["EASE"], Tuning(4, objective="precision@5"))


def test_the_best_lines_are_a_recipes(recipe_file: Path, folder: Path, tmp_path: Path) -> None:
    found = tune(recipe_file, folder, tmp_path, ["recently popular", "item-kNN"], Tuning(4))
    assert len(found["recently popular"].done) == len(found["item-kNN"].done) == 4
    best = tomllib.loads((tmp_path / "best.toml").read_text())
    expected = {
        name.partition(".")[2]: value
        for trials in found.values()
        for name, value in trials.best.values.items()
    }
    assert best.get("baselines", {}) == expected


def test_ours_is_trained_on_what_precedes_the_validation(
    recipe_file: Path, folder: Path, prepared: Prepared, tmp_path: Path
) -> None:
    found = tune(recipe_file, folder, tmp_path, ["ours"], Tuning(2, objective="precision@5"))["ours"]
    assert found.done[0].values == {}
    assert "training.learning_rate" in found.done[1].values
    assert all(0 <= trial.worth <= 1 for trial in found.done)
    assert np.isfinite(found.best.worth)


def test_one_setting_alone(recipe_file: Path, folder: Path, tmp_path: Path) -> None:
    alone = Tuning(3, settings=("baselines.gf_cf_low_pass",))
    found = tune(recipe_file, folder, tmp_path, ["GF-CF"], alone)["GF-CF"]
    assert [set(trial.values) for trial in found.done] == [set(), *[{"baselines.gf_cf_low_pass"}] * 2]
    with pytest.raises(ArtifactError, match="space"):
        tune(recipe_file, folder, tmp_path, ["GF-CF"], Tuning(3))
    misspelt = Tuning(3, settings=("baselines.gf_cf_low_pass", "baselines.gf_cf_lowpass"))
    with pytest.raises(DataError, match=r"--setting baselines\.gf_cf_lowpass: expected"):
        tune(recipe_file, folder, tmp_path / "other", ["GF-CF"], misspelt)
    assert not (tmp_path / "other").exists()


def test_another_marketplace_is_refused(recipe_file: Path, folder: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.toml"
    text = recipe_file.read_text()
    assert "minimum_events = 2" in text
    text = text.replace("minimum_events = 2", "minimum_events = 3")
    other.write_text(text)
    with pytest.raises(DataError, match=r"Prepare it again"):
        tune(other, folder, tmp_path / "out", ["EASE"], Tuning(2))


def test_the_thesiss_grid_is_of_two_models(recipe_file: Path, folder: Path, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"CF, WARP, hybrid CF-CBF"):
        tune(recipe_file, folder, tmp_path, ["EASE"], Tuning(2, space="thesis"))


def test_lines_of_several_models_share_a_table() -> None:
    best = {
        "recently popular": Trial({"baselines.recent_window": "1h"}, 0.1, 1),
        "ours": Trial({"training.dropout": 0.25}, 0.2, 1),
        "CF": Trial({"baselines.cf_factors": 32}, 0.3, 1),
        "EASE": Trial({}, 0.3, 1),
    }
    assert tomllib.loads(as_toml(best)) == {
        "baselines": {"recent_window": "1h", "cf_factors": 32},
        "training": {"dropout": 0.25},
    }


class TestVerb:
    def test_it_says_what_is_best_and_what_the_recipe_was_worth(
        self, recipe_file: Path, folder: Path, tmp_path: Path
    ) -> None:
        arguments = ["tune", str(recipe_file), str(folder), "--out", str(tmp_path / "out")]
        result = CliRunner().invoke(app, [*arguments, "--model", "item-kNN", "--trials", "3"])
        assert result.exit_code == 0, result.output
        assert "item-kNN: ndcg@10 0." in result.output
        assert "after 3 trials" in result.output

    @pytest.mark.parametrize(
        ("options", "says"),
        [
            ([], "--model"),
            (["--all", "--model", "EASE"], "--model"),
            (["--model", "EASEL"], "EASEL"),
            (["--model", "EASE", "--objective", "auc"], "auc"),
            (["--model", "EASE", "--space", "narrow"], "narrow"),
        ],
    )
    def test_what_cannot_be_meant_is_said(
        self, options: list[str], says: str, recipe_file: Path, folder: Path, tmp_path: Path
    ) -> None:
        arguments = ["tune", str(recipe_file), str(folder), "--out", str(tmp_path / "out"), *options]
        result = CliRunner().invoke(app, arguments)
        assert result.exit_code == 2
        assert says in result.output
        assert not (tmp_path / "out").exists()
