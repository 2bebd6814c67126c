"""The test window gone through step by step, on a small simulated market: by cuts, and moment by moment."""

from __future__ import annotations

import re
from dataclasses import fields, replace
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from dlrs import pipeline
from dlrs.arrays import StoredArrays
from dlrs.baselines.popular import PopularRecommender
from dlrs.cli import app
from dlrs.contenders.at_cut import Offer
from dlrs.contenders.live import EachHour, fit_live, user_times
from dlrs.data.interactions import micros
from dlrs.evaluation.prequential_report import PrequentialReport
from dlrs.evaluation.rolling import RollingReport
from dlrs.judging.rolling import at_cut
from dlrs.prepared import Prepared, open_prepared
from dlrs.preparing import recut
from dlrs.recipe import Recipe, read_recipe
from dlrs.recommenders.recommender import Recommender
from dlrs.simulator.marketplace import Simulation, simulate

HOUR = 3_600_000_000


@pytest.fixture(scope="module")
def tables(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four weeks of a small market; few baselines compete."""
    folder = tmp_path_factory.mktemp("tables")
    simulate(Simulation(users=60, items=600, weeks=4, seed=5), folder)
    text = (folder / "recipe.toml").read_text()
    for pattern, few in {
        r"models = .*": 'models = ["most popular", "recently popular", "item-kNN", "content-kNN"]',
        r"step = .*": 'step = "30m"',
        r"max_requests = .*": "max_requests = 150",
    }.items():
        text, times = re.subn(pattern, few, text)
        assert times == 1
    (folder / "recipe.toml").write_text(text)
    return folder


@pytest.fixture(scope="module")
def folder(tables: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return pipeline.prepare(tables / "recipe.toml", tmp_path_factory.mktemp("run") / "prepared").path


@pytest.fixture(scope="module")
def prepared(folder: Path) -> Prepared:
    return open_prepared(folder)


def _toml(recipe: Recipe, name: str) -> str:
    moment: str = getattr(recipe.marketplace.split, name).isoformat()
    return f"{name} = {moment.replace('+00:00', 'Z')}"


def assert_same(left: StoredArrays, right: StoredArrays) -> None:
    for field in fields(left):  # type: ignore[arg-type]  # subclasses are dataclasses
        a, b = getattr(left, field.name), getattr(right, field.name)
        assert np.array_equal(a, b, equal_nan=a.dtype.kind == "f"), field.name


def test_cut_again_is_what_preparing_with_that_split_gives(
    tables: Path, folder: Path, prepared: Prepared, tmp_path: Path
) -> None:
    recipe = prepared.recipe
    later = recipe.marketplace.split.test_from + timedelta(days=3)
    moved = at_cut(recipe, later, timedelta(days=2))
    text = (tables / "recipe.toml").read_text()
    for name in ("train_from", "validation_from", "test_from", "test_until"):
        assert _toml(recipe, name) in text
        text = text.replace(_toml(recipe, name), _toml(moved, name))
    (tables / "moved.toml").write_text(text)
    assert read_recipe(tables / "moved.toml").marketplace == moved.marketplace
    whole = open_prepared(pipeline.prepare(tables / "moved.toml", tmp_path / "whole").path)
    (tmp_path / "again").mkdir()
    again = recut(prepared, folder, moved, tmp_path / "again")

    assert again.encoding.hash == whole.encoding.hash
    assert again.profile_of_QU.tolist() == whole.profile_of_QU.tolist()
    for name in ("profiles", "profile_facts", "encoded_versions", "pairs", "interactions"):
        assert_same(getattr(again, name), getattr(whole, name))
    assert again.facts["interaction_weights"] == whole.facts["interaction_weights"]


def test_an_encoding_can_be_kept_for_networks_that_know_it(
    folder: Path, prepared: Prepared, tmp_path: Path
) -> None:
    split = prepared.recipe.marketplace.split
    moved = at_cut(prepared.recipe, split.test_from + timedelta(days=3), timedelta(days=2))
    kept = recut(prepared, folder, moved, tmp_path, encoding=prepared.encoding)
    assert kept.encoding.hash == prepared.encoding.hash
    assert_same(kept.encoded_versions, prepared.encoded_versions)
    assert len(kept.pairs) != len(prepared.pairs)


def test_both_reports_from_the_command_line(folder: Path, prepared: Prepared, tmp_path: Path) -> None:
    out = tmp_path / "moving"
    done = CliRunner().invoke(
        app, ["evaluate", str(folder), "--out", str(out), "--prequential", "--rolling", "2d"]
    )
    assert done.exit_code == 0, done.output
    replayed = PrequentialReport.from_json((out / "prequential.json").read_text())
    cuts = RollingReport.from_json((out / "rolling.json").read_text())

    assert replayed.reference == cuts.reference == "recently popular"
    assert set(replayed.models) == {
        *("most popular", "recently popular", "popular, decaying"),
        *("co-visited", "co-visited and popular", "item-kNN", "content-kNN", "ranker of the moment"),
    }
    assert replayed.test["requests"] == 150
    groups = {name: group.requests for name, group in replayed.groups.items()}
    assert groups["warm items"] + groups["cold items"] == 150
    assert groups["known users"] + groups["new users"] == 150
    assert sum(period.requests for period in replayed.periods.values()) == 150
    for means in replayed.models.values():
        assert means["precision@5"] == pytest.approx(means["hit_rate@5"] / 5)
    assert replayed.tuned["recently popular"].chosen in [
        trial.settings for trial in replayed.tuned["recently popular"].trials
    ]
    assert set(cuts.models) == set(prepared.recipe.baselines.models)
    assert len(cuts.cuts) == 3  # of a week
    assert replayed.settings["encoding_hash"] == cuts.settings["encoding_hash"] == prepared.encoding.hash


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "TRAINED is missing"),
        (["--retrain"], "--retrain needs"),
        (["--rolling", "soon"], "expected a duration"),
        (["--rolling", "8d"], "Take shorter cuts"),
    ],
)
def test_what_does_not_go_is_said(folder: Path, tmp_path: Path, arguments: list[str], said: str) -> None:
    done = CliRunner().invoke(app, ["evaluate", str(folder), "--out", str(tmp_path / "no"), *arguments])
    assert done.exit_code == 2
    assert said in done.output + str(done.stderr)
    assert not (tmp_path / "no").exists()


def test_no_live_baseline_looks_beyond_the_moment(prepared: Prepared) -> None:
    """Everything at the moment and after it is turned upside down; lists stay as they are."""
    split = prepared.recipe.marketplace.split
    until = micros(split.test_from) + 30 * HOUR
    log = prepared.interactions
    place = int(np.searchsorted(log.time_E, until))
    assert 100 < place < len(log) - 100
    other = replace(
        log,
        user_E=np.concatenate([log.user_E[:place], log.user_E[place:][::-1]]),
        item_E=np.concatenate([log.item_E[:place], log.item_E[place:][::-1]]),
    )
    users_R = np.arange(len(prepared.user_ids))
    items_A = prepared.catalog.item_V[prepared.catalog.alive_at(until)]
    found = []
    for one in (prepared, replace(prepared, interactions=other)):
        times = user_times(one)
        known_RN = times.met(users_R, np.array(until))
        fits = fit_live(one, times, {}).fits
        found.append(
            {
                name: fit(until).recommend(until, users_R, items_A, 5, known_RN=known_RN)
                for name, fit in fits.items()
            }
        )
    assert len(found[0]) == 7
    for name, ranking in found[0].items():
        assert np.array_equal(ranking.items_UK, found[1][name].items_UK), name
        assert np.array_equal(ranking.scores_UK, found[1][name].scores_UK), name


def test_a_fixed_catalogue_is_built_each_hour_and_what_is_gone_is_hidden(prepared: Prepared) -> None:
    offers: list[list[int]] = []

    def last_first(offer: Offer) -> Recommender:
        offers.append(offer.items_A.tolist())
        return PopularRecommender(offer.items_A, np.arange(prepared.catalog.items))

    model, users_R = EachHour(prepared, last_first), np.array([3, 3])
    nothing_RN = user_times(prepared).met(users_R, np.array(0))
    at = [(10 * HOUR, [1, 2, 4]), (10 * HOUR + 1, [1, 2, 5]), (11 * HOUR, [1, 2, 5])]
    lists = [
        model.recommend(until, users_R, np.array(items), 2, known_RN=nothing_RN).items_UK.tolist()
        for until, items in at
    ]
    assert lists == [[[4, 2]] * 2, [[2, 1]] * 2, [[5, 2]] * 2]  # 4 is gone; 5 waits for its hour
    assert offers == [[1, 2, 4], [1, 2, 5]]
