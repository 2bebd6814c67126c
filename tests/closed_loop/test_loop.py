"""Two bundles among simulated users: the better one wins, and against itself nobody does."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner

from closed_loop.conftest import OPTIONS, SETTINGS, Bundles
from dlrs import bundle
from dlrs.cli import app
from dlrs.closed_loop.loop import ARMS, KIND, Loop, closed_loop
from dlrs.errors import ArtifactError
from dlrs.experiment.assignment import assign


def _dlrs(*arguments: object) -> Any:
    return CliRunner().invoke(app, list(map(str, arguments)))


@pytest.fixture(scope="module")
def against_random(bundles: Bundles, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("loop") / "out"
    closed_loop(out, SETTINGS, (bundles.random, bundles.good), Loop(k=10, share=1.0))
    return out


def test_a_trained_bundle_beats_a_random_one(against_random: Path) -> None:
    found = json.loads((against_random / "experiment.json").read_text())
    gap = found["differences"]["B"]["ctr"]
    assert 0 < gap["low"] < gap["value"] < gap["high"]
    assert not any("mismatch" in warning for warning in found["warnings"])


def test_its_tables_are_what_a_site_would_log(against_random: Path, tmp_path: Path) -> None:
    """`experiment analyse` finds the same in them, by the column and by the name of the test."""
    found = json.loads((against_random / "experiment.json").read_text())
    tables = against_random / "impressions.parquet", against_random / "outcomes.parquet"
    options = ("--within", "100d", "--click", "click", "--out", tmp_path / "out")
    for arms in ((), ("--name", Loop().name, "--arms", "A,B")):
        done = _dlrs("experiment", "analyse", *tables, *options, *arms)
        assert done.exit_code == 0, done.stderr
        again = json.loads((tmp_path / "out/experiment.json").read_text())
        assert again["arms"] == found["arms"]
        assert again["differences"] == found["differences"]


def test_impressions_follow_the_arms(against_random: Path) -> None:
    bundle.open_folder(against_random, KIND).verify()
    shown = pq.read_table(against_random / "impressions.parquet")
    arm = np.array(ARMS.names)[assign(shown["user_id"].to_pylist(), Loop().name, ARMS)]
    assert shown["arm"].to_pylist() == arm.tolist()
    shown_by = np.array([by or "" for by in shown["shown_by"].to_pylist()])
    assert (shown_by != "").mean() > 0.9
    assert (shown_by[shown_by != ""] == arm[shown_by != ""]).all()
    assert set(shown["position"].to_pylist()) == set(range(1, 11))
    assert min(shown["time"].to_pylist()) >= SETTINGS.test_from
    done = pq.read_table(against_random / "outcomes.parquet")
    pairs = set(zip(shown["user_id"].to_pylist(), shown["item_id"].to_pylist(), strict=True))
    assert pairs >= set(zip(done["user_id"].to_pylist(), done["item_id"].to_pylist(), strict=True))
    assert pq.read_table(against_random / "events.parquet").num_rows > 10_000


def test_against_itself_there_is_no_difference(bundles: Bundles, tmp_path: Path) -> None:
    places = (bundles.good, bundles.good)
    found = closed_loop(tmp_path / "out", SETTINGS, places, Loop(k=10, share=1.0)).content
    gap = found["differences"]["B"]["ctr"]
    assert gap["low"] <= 0 <= gap["high"]
    assert min(arm["clicks"] for arm in found["arms"].values()) > 20


def test_interleaved_users_prefer_the_trained_one(bundles: Bundles, tmp_path: Path) -> None:
    out = tmp_path / "out"
    places = ("--against", bundles.random, "--against", bundles.good)
    done = _dlrs("simulate", *OPTIONS, *places, "--interleave", "--k", 20, "--out", out)
    assert done.exit_code == 0, done.stderr
    assert "prefer B" in done.stdout
    votes = json.loads((out / "experiment.json").read_text())["by"]["clicks"]
    assert 0.5 < votes["low"] < votes["share"]
    assert {"A", "B"} <= set(pq.read_table(out / "impressions.parquet")["team"].to_pylist())
    options = ("--within", "100d", "--click", "click", "--interleaved", "--out", tmp_path / "again")
    done = _dlrs("experiment", "analyse", out / "impressions.parquet", out / "outcomes.parquet", *options)
    assert done.exit_code == 0, done.stderr
    assert json.loads((tmp_path / "again/experiment.json").read_text())["by"]["clicks"] == votes


@pytest.mark.parametrize("count", [1, 3])
def test_it_takes_two(bundles: Bundles, tmp_path: Path, count: int) -> None:
    done = _dlrs("simulate", *(("--against", bundles.good) * count), "--out", tmp_path / "out")
    assert done.exit_code == 2
    assert f"expected two bundles, received {count}" in " ".join(done.stderr.split())


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"seed": 4}, "other ads than"),
        ({"guest_share": 0.2}, "this very simulation"),
        ({"items": 9001}, "other ads than"),
        ({"weeks": 4}, "tested from 2017-04-17"),
    ],
)
def test_bundles_of_another_simulation_are_refused(
    bundles: Bundles, tmp_path: Path, changed: dict[str, int], said: str
) -> None:
    other = replace(SETTINGS, **changed)  # type: ignore[arg-type]
    with pytest.raises(ArtifactError, match=said):
        closed_loop(tmp_path / "out", other, (bundles.good, bundles.good), Loop())
    assert not list(tmp_path.iterdir())


def test_a_bundle_can_be_named_in_three_ways(bundles: Bundles, tmp_path: Path) -> None:
    name = bundle.current_bundle(Path(bundles.good)).facts["bundle_id"]
    for place in (f"{bundles.good}@{name}", f"{bundles.good}/{name}", bundles.good):
        assert bundle.bundle_at(place).facts["bundle_id"] == name
    for place in (f"{bundles.good}@none", str(tmp_path), str(bundles.prepared)):
        with pytest.raises(ArtifactError):
            bundle.bundle_at(place)
