"""A later preparation after an earlier one gives what a full one gives, bit by bit."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner

from dlrs import pipeline
from dlrs.bundle import open_folder
from dlrs.cli import app
from dlrs.prepared import REUSE
from dlrs.recipe import read_recipe
from dlrs.simulator.marketplace import Simulation, simulate

WEEK = timedelta(days=7)
DAY = timedelta(days=1)
DAYS = 30 + 7 + 7 + 7  # window before train_from, training and validation, test week


@pytest.fixture(scope="module")
def tables(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four weeks of a small market."""
    folder = tmp_path_factory.mktemp("tables")
    simulate(Simulation(users=60, items=600, weeks=4, seed=5), folder)
    return folder


@pytest.fixture(scope="module")
def cut(tables: Path) -> datetime:
    """The end of the third week, where the earlier preparation's log ends and the fourth week begins."""
    return read_recipe(tables / "recipe.toml").marketplace.split.test_from


@pytest.fixture(scope="module")
def earlier(tables: Path, cut: datetime, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The preparation of a week ago: tables as they were then, the split one week back."""
    folder = tmp_path_factory.mktemp("earlier")
    for name, time in (("items", "valid_from"), ("events", "time")):
        table = pq.read_table(tables / f"{name}.parquet")
        pq.write_table(table.filter(pc.less(table[time], cut)), folder / f"{name}.parquet")
    split = read_recipe(tables / "recipe.toml").marketplace.split
    text = (tables / "recipe.toml").read_text()
    for name in ("validation_from", "test_from", "test_until"):
        moment = getattr(split, name)
        text = text.replace(f"{name} = {_toml(moment)}", f"{name} = {_toml(moment - WEEK)}")
    (folder / "recipe.toml").write_text(text)
    assert read_recipe(folder / "recipe.toml").marketplace.split.test_until == cut
    return pipeline.prepare(folder / "recipe.toml", folder / "prepared").path


@pytest.fixture
def later(tables: Path, tmp_path: Path) -> Path:
    """A copy of all four weeks' tables, to be changed, with a split that moved on at both ends."""
    shutil.copytree(tables, tmp_path / "later")
    recipe, split = tmp_path / "later/recipe.toml", read_recipe(tables / "recipe.toml").marketplace.split
    moved = f"train_from = {_toml(split.train_from + WEEK)}"
    recipe.write_text(recipe.read_text().replace(f"train_from = {_toml(split.train_from)}", moved))
    return recipe


def _toml(moment: datetime) -> str:
    return moment.isoformat().replace("+00:00", "Z")


def _assert_as_in_full(recipe: Path, after: Path, **reuse: Any) -> None:
    """Prepare both ways and compare every file by its checksum, and every fact but how it came about."""
    full = pipeline.prepare(recipe, recipe.parent / "full")
    incremental = pipeline.prepare(recipe, recipe.parent / "incremental", after=after)
    made = [json.loads((folder / "manifest.json").read_text()) for folder in (full, incremental)]
    assert len(made[0]["files"]) > 40
    assert made[0]["files"] == made[1]["files"]
    facts = [dict(manifest["facts"]) for manifest in made]
    assert facts[0].pop(REUSE)["reused"] == 0
    found = facts[1].pop(REUSE)
    assert facts[0] == facts[1]
    assert {name: found[name] for name in reuse} == reuse


def test_one_more_week(later: Path, earlier: Path) -> None:
    _assert_as_in_full(later, earlier, starts=DAYS, reused=DAYS - 7, recomputed=7, obstacle=None)


def _of_day(events: pa.Table, moment: datetime) -> int:
    """The row of an event that happened on the day of `moment`."""
    first = pc.index(pc.greater_equal(events["time"], moment), True).as_py()
    assert events["time"][first].as_py() < moment + DAY
    return int(first)


def _late(events: pa.Table, moment: datetime) -> pa.Table:
    """An event of an old day that comes only now: of another user, on the same ad as one of that day."""
    row, place = _of_day(events, moment), events.column_names.index("user_id")
    other = next(user for user in events["user_id"].to_pylist() if user != events["user_id"][row].as_py())
    late = events.slice(row, 1).set_column(place, "user_id", pa.array([other], events["user_id"].type))
    return pa.concat_tables([events, late])


def _corrected(events: pa.Table, moment: datetime) -> pa.Table:
    row, place = _of_day(events, moment), events.column_names.index("type")
    kinds = events["type"].to_pylist()
    kinds[row] = "contact" if kinds[row] != "contact" else "print"
    return events.set_column(place, "type", pa.array(kinds))


def _deleted(events: pa.Table, moment: datetime) -> pa.Table:
    row = _of_day(events, moment)
    return pa.concat_tables([events.slice(0, row), events.slice(row + 1)])


def _repeated(events: pa.Table, moment: datetime) -> pa.Table:
    return pa.concat_tables([events, events.slice(_of_day(events, moment), 1)])


@pytest.mark.parametrize("change", [_late, _corrected, _deleted, _repeated])
def test_a_day_of_which_more_is_known_now(
    later: Path, earlier: Path, cut: datetime, change: Callable[[pa.Table, datetime], pa.Table]
) -> None:
    file = later.parent / "events.parquet"
    events = pq.read_table(file).sort_by("time")
    pq.write_table(change(events, cut - DAY), file)
    _assert_as_in_full(later, earlier, reused=DAYS - 8, recomputed=8)


def test_the_order_of_the_log_is_no_change(later: Path, earlier: Path) -> None:
    file = later.parent / "events.parquet"
    events = pq.read_table(file)
    pq.write_table(events.take(pa.array(range(len(events) - 1, -1, -1))), file)
    _assert_as_in_full(later, earlier, reused=DAYS - 7)


def test_a_corrected_ad_changes_the_days_on_which_it_was_seen(
    later: Path, earlier: Path, cut: datetime
) -> None:
    events = pq.read_table(later.parent / "events.parquet")
    old = events.filter(pc.less(events["time"], cut))
    seen = old.slice(len(old) // 2, 1).to_pylist()[0]
    same = pc.and_(pc.equal(old["item_id"], seen["item_id"]), pc.equal(old["version"], seen["version"]))
    days = pc.count_distinct(pc.floor_temporal(old.filter(same)["time"], unit="day")).as_py()
    file = later.parent / "items.parquet"
    items = pq.read_table(file)
    same = pc.and_(pc.equal(items["item_id"], seen["item_id"]), pc.equal(items["version"], seen["version"]))
    assert pc.sum(same).as_py() == 1
    price = pc.if_else(same, pc.add(items["price"], 1), items["price"])
    pq.write_table(items.set_column(items.column_names.index("price"), "price", price), file)
    _assert_as_in_full(later, earlier, recomputed=7 + days)


@pytest.mark.parametrize(
    ("line", "instead", "obstacle"),
    [
        ('"transmission",\n', "\n", "other features"),
        ("mileage = {", "# mileage = {", "other features"),
        ('refresh = "7d"', 'refresh = "84h"', "other bucket width"),
        ('"print", "contact"]', '"contact", "print"]', "other interaction types"),
        ('weights = "domain"', 'weights = "user-item"', "weights of (user, item) pairs"),
    ],
)
def test_buckets_made_otherwise_are_of_no_use(
    later: Path, earlier: Path, line: str, instead: str, obstacle: str
) -> None:
    text = later.read_text()
    assert line in text
    later.write_text(text.replace(line, instead))
    made = pipeline.prepare(later, later.parent / "prepared", after=earlier).facts[REUSE]
    assert made["reused"] == 0
    assert made["obstacle"].startswith(obstacle)


def test_weights_by_user_use_the_same_buckets(later: Path, earlier: Path) -> None:
    later.write_text(later.read_text().replace('weights = "domain"', 'weights = "user"'))
    _assert_as_in_full(later, earlier, reused=DAYS - 7)


def test_the_command_line_says_it_and_may_replace_the_earlier_one(later: Path, earlier: Path) -> None:
    place = later.parent / "prepared"
    shutil.copytree(earlier, place)
    done = CliRunner().invoke(app, ["prepare", str(later), "--out", str(place), "--after", str(place)])
    assert done.exit_code == 0, done.output
    assert f"Of {DAYS} days of events, used again as in {place}: {DAYS - 7}; computed: 7." in done.output
    assert open_folder(place, "prepared").facts[REUSE]["reused"] == DAYS - 7
