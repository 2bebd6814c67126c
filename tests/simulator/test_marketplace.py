"""The folder as a whole: its files, its recipe, its settings."""

from __future__ import annotations

import json
import tomllib
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner

from dlrs.cli import app
from dlrs.errors import SchemaError
from dlrs.recipe import data_folder, read_recipe
from dlrs.simulator import event_log
from dlrs.simulator.marketplace import Simulation, simulate
from dlrs.simulator.settings import SCALES

FILES = ["events.parquet", "items.parquet", "recipe.toml", "truth.parquet"]
SMALL = {"users": 40, "items": 600}


def contents(folder: Path, settings: Simulation) -> dict[str, bytes]:
    folder.mkdir()
    simulate(settings, folder)
    return {file.name: file.read_bytes() for file in sorted(folder.iterdir())}


def test_the_same_seed_gives_the_same_bytes_and_another_seed_others(tmp_path):
    first = contents(tmp_path / "first", Simulation(**SMALL, seed=7))
    assert sorted(first) == FILES
    assert first == contents(tmp_path / "again", Simulation(**SMALL, seed=7))
    other = contents(tmp_path / "other", Simulation(**SMALL, seed=8))
    assert [name for name in FILES if other[name] == first[name]] == ["recipe.toml"]


def test_tables_have_the_types_of_an_export(simulated):
    moment = pa.timestamp("us", tz="UTC")
    assert simulated.events.schema == pa.schema(
        {
            "user_id": pa.int64(),
            "item_id": pa.int64(),
            "version": pa.int32(),
            "time": moment,
            "type": pa.string(),
        }
    )
    types = {field.name: field.type for field in simulated.items.schema}
    assert list(types)[:4] == ["item_id", "version", "valid_from", "operation"]
    assert types["first_registration"] == types["valid_from"] == moment
    assert types["price"] == types["power"] == pa.float64()
    assert types["subcategory"] == pa.string()


def test_the_recipe_describes_the_tables(simulated):
    recipe = read_recipe(simulated.folder / "recipe.toml")
    market = recipe.marketplace
    assert data_folder(recipe, simulated.folder) == simulated.folder
    features = [*market.features.continuous, *market.features.categorical]
    assert [name for name in simulated.items.column_names[4:] if name != "power"] == features
    assert (len(market.features.continuous), len(market.features.categorical)) == (6, 15)
    assert market.interaction_types == ("view", "bookmark", "print", "contact")
    assert market.profiles.window == timedelta(days=30)
    assert market.negatives_by == "subcategory"
    epoch = datetime(1970, 1, 1, tzinfo=UTC)
    bounds = {name: feature.bounds for name, feature in market.features.continuous.items()}
    assert bounds == {  # method §3
        "consumption": (0, 20),
        "first_registration": tuple(
            (datetime(year, 1, 1, tzinfo=UTC) - epoch).total_seconds() for year in (1950, 2020)
        ),
        "latitude": (40, 60),
        "longitude": (-5, 25),
        "mileage": (0, 1_000_000),
        "price": (0, 500_000),
    }


@pytest.mark.parametrize("weeks", [3, 5, 8])
def test_the_last_week_is_test_and_the_one_before_validation(tmp_path, weeks):
    simulate(Simulation(users=2, items=50, weeks=weeks), tmp_path)
    split = read_recipe(tmp_path / "recipe.toml").marketplace.split
    week = timedelta(days=7)
    assert split.train_from == datetime(2017, 4, 3, tzinfo=UTC)
    assert split.train_from.weekday() == 0
    assert split.test_until - split.test_from == week
    assert split.test_from - split.validation_from == week
    assert split.test_until - split.train_from == weeks * week


def test_the_recipe_spells_out_every_key(simulated):
    written = tomllib.loads((simulated.folder / "recipe.toml").read_text(encoding="utf-8"))
    # TOML has no null: what is there only for other tables is left out
    every = read_recipe(simulated.folder / "recipe.toml").model_dump(exclude_none=True)
    del every["marketplace"]["features"], written["marketplace"]["features"]  # bounds are free to be left out
    assert _keys(written) == _keys(every)


def _keys(value: object) -> object:
    return {key: _keys(inner) for key, inner in value.items()} if isinstance(value, dict) else None


def test_facts_go_into_a_manifest(simulated):
    facts = simulated.facts
    assert json.loads(json.dumps(facts)) == facts
    assert facts["events"] == simulated.events.num_rows
    assert facts["versions"] == simulated.items.num_rows
    assert facts["train_events"] == simulated.train_E.sum()
    assert facts["test_events"] == simulated.test_E.sum()


def test_the_log_is_the_same_in_any_row_groups(simulated, tmp_path, monkeypatch):
    monkeypatch.setattr(event_log, "ROWS", 1000)
    settings = Simulation(users=40, items=600, weeks=3)
    contents(tmp_path / "small", settings)
    monkeypatch.setattr(event_log, "ROWS", 10**6)
    contents(tmp_path / "large", settings)
    small, large = (pq.ParquetFile(tmp_path / name / "events.parquet") for name in ("small", "large"))
    assert small.num_row_groups > 3
    assert large.num_row_groups == 1
    assert small.read().equals(large.read())


def test_the_verb_takes_a_scale_and_what_differs_from_it(tmp_path):
    call = [
        "simulate",
        "--out",
        str(tmp_path / "data"),
        "--scale",
        "thesis",
        "--users",
        "30",
        "--items",
        "300",
    ]
    done = CliRunner().invoke(app, [*call, "--weeks", "3", "--seed", "5", "--guests", "0.5"])
    assert done.exit_code == 0, done.output
    settings = json.loads((tmp_path / "data" / "manifest.json").read_text())["facts"]["settings"]
    asked = {"users": 30, "items": 300, "weeks": 3, "seed": 5, "guest_share": 0.5}
    networks = {"network": "thesis", "ranker": "network"}
    assert settings == {**asked, "warm_up_days": 30, "ads": None, "scale": "thesis", **networks}
    assert "pairs a user, train: mean" in done.output
    assert (SCALES["thesis"].users, SCALES["thesis"].items, SCALES["thesis"].weeks) == (100_000, 1_711_190, 5)


def test_the_verb_sells_the_ads_of_a_table(tmp_path):
    (tmp_path / "ads.csv").write_text("make,model,price\n" + "Opel,Corsa,7000\nBMW,320,18500\n" * 20)
    call = ["simulate", "--users", "30", "--weeks", "3", "--ads", str(tmp_path / "ads.csv")]
    done = CliRunner().invoke(app, [*call, "--out", str(tmp_path / "all")])
    assert done.exit_code == 0, done.output
    items = pq.read_table(tmp_path / "all" / "items.parquet")
    assert len(items["item_id"].unique()) == 40
    assert set(items["make_id"].drop_null().to_pylist()) == {"Opel", "BMW"}
    CliRunner().invoke(app, [*call, "--items", "25", "--out", str(tmp_path / "some")])
    assert len(pq.read_table(tmp_path / "some" / "items.parquet")["item_id"].unique()) == 25
    lost = CliRunner().invoke(app, [*call[:-1], str(tmp_path / "none.csv"), "--out", str(tmp_path / "none")])
    assert lost.exit_code == 2
    assert not (tmp_path / "none").exists()


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("size", [{"users": 1, "items": 50}, {"users": 3, "items": 10, "warm_up_days": 0}])
def test_tiny_marketplaces_work(tmp_path, size, seed):
    facts = simulate(Simulation(**size, weeks=3, seed=seed), tmp_path)
    assert facts["events"] == pq.read_metadata(tmp_path / "events.parquet").num_rows
    assert len(set(pq.read_table(tmp_path / "items.parquet")["item_id"].to_pylist())) == size["items"]
    read_recipe(tmp_path / "recipe.toml")


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("users", 0),
        ("items", 9),
        ("weeks", 2),
        ("warm_up_days", -1),
        ("seed", -1),
        ("users", 2.5),
        ("guest_share", -0.1),
    ],
)
def test_silly_settings_are_refused(setting, value):
    with pytest.raises(SchemaError, match=rf"'{setting}': expected .* received {value}"):
        Simulation(**{setting: value})
