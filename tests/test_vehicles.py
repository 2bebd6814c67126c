"""The whole path on a real table of ads, with users of our own making. Without the ads it is skipped."""

from __future__ import annotations

import json
import os
import shutil
from datetime import UTC, datetime
from pathlib import Path

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from dlrs import pipeline
from dlrs.data import engine
from dlrs.data.items import catalog, load_items, version_table
from dlrs.folders import RunFolder
from dlrs.prepared import Prepared, micros, open_prepared
from dlrs.recipe import DATA_VARIABLE, read_recipe

RECIPES = Path(__file__).parents[1] / "recipes"
RECIPE = RECIPES / "vehicles.toml"
USERS = 300
DRAWS = 1_500_000
DAY = 86_400_000_000


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The ads and a log of users with a taste; returns the folder that DLRS_DATA should name."""
    source = Path(os.environ.get(DATA_VARIABLE, "")) / "vehicles"
    if DATA_VARIABLE not in os.environ or not source.is_dir():
        pytest.skip(f"needs the ads vehicles in the folder that {DATA_VARIABLE} names")
    folder = tmp_path_factory.mktemp("data")
    (folder / "vehicles").mkdir()
    for name in ("lu_ads.parquet", "lu_price_changes.parquet"):
        shutil.copy(source / name, folder / "vehicles" / name)
    pq.write_table(_log(pq.read_table(source / "lu_ads.parquet")), folder / "vehicles/events.parquet")
    return folder


@pytest.fixture(scope="module")
def folders(data: Path, tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(DATA_VARIABLE, str(data))
        return pipeline.run(RECIPE, tmp_path_factory.mktemp("run") / "run")


@pytest.fixture(scope="module")
def prepared(folders: RunFolder) -> Prepared:
    return open_prepared(folders.prepared)


def _log(ads: pa.Table) -> pa.Table:
    """Whoever likes a make at a price looks at ads of that make, near that price, while they are online.

    The taste of a user is that of a random ad, so makes are liked as they are offered.
    """
    rng = np.random.default_rng(0)
    make_N = ads["make"].to_numpy()
    price_N = np.log(ads["price"].to_numpy())
    first_N, last_N = (ads[name].to_numpy().astype("datetime64[us]") for name in ("first_seen", "last_seen"))
    since = np.datetime64("2025-12-01", "us")
    taste_U = rng.integers(0, len(ads), USERS)
    user_E, ad_E = rng.integers(0, USERS, DRAWS), rng.integers(0, len(ads), DRAWS)
    time_E = since + rng.integers(0, 133 * DAY, DRAWS).astype("timedelta64[us]")
    online_E = (first_N[ad_E] <= time_E) & (time_E < last_N[ad_E])
    liked_E = (make_N[ad_E] == make_N[taste_U[user_E]]) & (
        np.abs(price_N[ad_E] - price_N[taste_U[user_E]]) < 0.3
    )
    chosen = online_E & liked_E
    return pa.table(
        {
            "user_id": user_E[chosen],
            "listing_id": ads["listing_id"].take(pa.array(ad_E[chosen])),
            "time": pa.array(time_E[chosen]),
            "type": rng.choice(["view", "bookmark", "contact"], chosen.sum(), p=[0.87, 0.125, 0.005]),
        }
    )


def test_what_is_left_out_is_what_cannot_be(prepared: Prepared) -> None:
    items, events = prepared.facts["items"], prepared.facts["events"]
    assert items["rows_read"] == 6816
    assert items["quarantined"] == {
        "it ends before it begins": 348,  # one visit of the scraper saw them
        "mileage above 1,000,000": 2,
        "price below 500": 4,
    }
    assert items["versions"] == 6816 - sum(items["quarantined"].values())
    assert set(events["quarantined"]) <= {
        "no usable row of this item in the item table",
        "no usable version of the item at that time",
    }
    # on ads that were found under two models, after the end of the later row
    assert sum(events["quarantined"].values()) < 0.05 * events["rows_read"]


def test_cells_that_say_nothing_are_missing(prepared: Prepared) -> None:
    vocabularies = prepared.encoding.vocabularies
    assert vocabularies["transmission"].to_pylist() == ["Automatik", "Manuell"]
    assert "unknown" not in vocabularies["fuel_type"].to_pylist()
    assert vocabularies["first_registration_year"].to_pylist()[-1] == "2026"
    registered = prepared.versions["first_registration"]
    assert 0.02 < registered.null_count / len(registered) < 0.04  # new cars


def test_ads_hold_while_they_are_online(prepared: Prepared, data: Path) -> None:
    # those found under two models have two rows, of which the later one takes over
    ads = duckdb.execute(
        """
        SELECT listing_id, ? BETWEEN first_seen::TIMESTAMP AND last_seen::TIMESTAMP
        FROM read_parquet(?) WHERE price >= 500 AND mileage <= 1_000_000
        QUALIFY count(*) OVER (PARTITION BY listing_id) = 1
        """,
        ["2026-02-02", str(data / "vehicles/lu_ads.parquet")],
    ).fetchall()
    online = {listing for listing, is_online in ads if is_online}
    moment = micros(datetime(2026, 2, 2, tzinfo=UTC))
    alive = prepared.versions["item_id"].take(pa.array(prepared.catalog.alive_at(moment))).to_pylist()
    assert len(online) > 900
    assert {listing for listing, _ in ads} & set(alive) == online


def test_it_recommends_ads_that_are_online_and_to_the_users_taste(
    folders: RunFolder, prepared: Prepared
) -> None:
    end = micros(prepared.recipe.marketplace.split.test_until)
    online = prepared.versions["item_id"].take(pa.array(prepared.catalog.alive_at(end))).to_pylist()
    makes = prepared.versions["make"].to_numpy()
    profiled = np.flatnonzero(prepared.profile_of_QU[prepared.serving_period] >= 0)[:20]
    hits = []
    for user in profiled:
        own = makes[prepared.interactions.version_E[prepared.interactions.user_E == user]]
        found = pipeline.recommend(folders.prepared, folders.registry, prepared.user_ids[user].as_py(), k=5)
        assert {item["item_id"] for item in found.items} <= set(online)
        hits += [item["make"] == own[0] for item in found.items]
    assert np.mean(hits) > 0.8  # the most common make has four ads of ten


def test_it_beats_popularity(folders: RunFolder) -> None:
    report = json.loads((folders.path / "report.json").read_text())
    popular, ours = (report["models"][name]["precision@5"] for name in ("most popular", "multi-cos, refit"))
    assert report["test"]["users"] > 200
    assert report["test"]["cold_items"] > 100
    assert ours > popular


def test_price_changes_become_versions(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = data / "vehicles"
    monkeypatch.chdir(folder)
    duckdb.execute((RECIPES / "vehicles.sql").read_text())
    marketplace = read_recipe(RECIPE).marketplace
    described = marketplace.items.model_copy(update={"table": "versions.parquet", "valid_from": "valid_from"})
    with engine.connect() as connection:
        items = load_items(connection, marketplace.model_copy(update={"items": described}), folder)
        versions = version_table(items)
    assert catalog(versions).items <= 6465 < versions.num_rows
    found = duckdb.sql(
        """
        WITH shown AS (
            SELECT *, lag(price) OVER ad AS before, lead(valid_from) OVER ad AS following
            FROM versions WINDOW ad AS (PARTITION BY item_row ORDER BY valid_from)
        )
        SELECT count(*), count_if(price = price_new), count_if(before = price_old),
            count_if(valid_to > following)
        FROM shown
        JOIN 'lu_price_changes.parquet' ON item_id = listing_id AND valid_from = change_date::TIMESTAMPTZ
        """
    )
    changes, new, old, overlapping = found.fetchall()[0]
    assert changes == new
    assert changes > 2000
    assert old > 0.95 * changes
    assert overlapping == 0
