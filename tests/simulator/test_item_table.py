"""items.parquet: versions in time, vehicles that make sense, flaws that are few."""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np
import pyarrow.parquet as pq
import pytest

from dlrs.recipe import read_recipe
from dlrs.simulator import item_table
from dlrs.simulator.ads import draw_ads
from dlrs.simulator.flaws import draw_flaws
from dlrs.simulator.history import draw_history
from dlrs.simulator.item_table import ItemTable
from dlrs.simulator.models import draw_world

DAY = 86_400_000_000


@pytest.fixture(scope="module")
def operation_V(simulated):
    return simulated.feature_V("operation")


def test_versions_of_an_item_count_up_and_their_times_grow(simulated):
    same_item_V = np.diff(simulated.item_V) == 0
    number_V = simulated.items["version"].to_numpy()
    assert (np.diff(simulated.item_V) >= 0).all()
    assert (np.diff(number_V)[same_item_V] == 1).all()
    assert (number_V >= 1).all()
    assert (np.diff(simulated.time_V)[same_item_V] > 0).all()


def test_items_are_created_once_then_updated_then_deleted_at_most_once(simulated, operation_V):
    created_V = simulated.items["version"].to_numpy() == 1
    assert ((operation_V == "create") == created_V).all()
    last_V = np.append(np.diff(simulated.item_V) > 0, True)
    assert not ((operation_V == "delete") & ~last_V).any()
    assert set(operation_V) == {"create", "update", "delete"}


def test_of_an_ad_that_is_there_at_the_start_one_earlier_version_is_kept(simulated):
    start = int(simulated.settings.start.timestamp()) * 1_000_000
    early_N = np.bincount(simulated.item_V[simulated.time_V < start], minlength=simulated.settings.items)
    number_N = simulated.items["version"].to_numpy()[simulated.first_N]
    assert early_N.max() == 1
    assert (number_N[early_N == 0] == 1).all()  # born later, so all its versions are there
    assert 0.5 < (number_N[early_N == 1] > 1).mean() < 1
    assert 0.2 < (early_N == 1).mean() < 0.45


def test_a_deletion_carries_the_last_features(simulated, operation_V):
    deletion = np.flatnonzero(operation_V == "delete")
    names = simulated.items.column_names[4:]
    assert simulated.items.select(names).take(deletion) == simulated.items.select(names).take(deletion - 1)


def test_ads_change_about_as_often_and_live_about_as_long_as_at_the_source(simulated, operation_V):
    versions_N = np.bincount(simulated.item_V[operation_V != "delete"])
    assert 3 <= np.median(versions_N) <= 5  # method §1
    assert np.quantile(versions_N, 0.95) > 15
    change_V = (np.diff(simulated.item_V) == 0) & (operation_V[1:] != "delete")
    inside_V = simulated.time_V[:-1] >= int(simulated.settings.start.timestamp()) * 1_000_000
    waits = np.diff(simulated.time_V)[change_V & inside_V]
    assert 1.6 < waits.mean() / DAY < 2.1  # method §1: one change per 1.8 days on average
    start = int(simulated.settings.start.timestamp()) * 1_000_000
    first_weeks = start + 14 * DAY  # ads born then are seldom cut off by the end
    died_N = np.full(simulated.settings.items, start + 65 * DAY)
    died_N[simulated.item_V[operation_V == "delete"]] = simulated.time_V[operation_V == "delete"]
    born_N = simulated.time_V[simulated.first_N]
    fresh_N = (born_N >= start) & (born_N < first_weeks)
    assert 18 <= np.median((died_N - born_N)[fresh_N]) / DAY <= 24


def test_some_prices_fall_and_nearly_none_rise_much(simulated):
    price_V = simulated.feature_V("price")
    inside_V = (price_V > 0) & (price_V < 500_000)
    step = np.diff(np.log(np.where(inside_V, price_V, np.nan)))[np.diff(simulated.item_V) == 0]
    step = step[~np.isnan(step)]
    assert 0.02 < (step < -0.005).mean() < 0.1
    assert 0.03 < (step > 0.005).sum() / (np.abs(step) > 0.005).sum() < 0.12
    assert 0.025 < np.median(-step[step < -0.005]) < 0.045


def test_values_are_missing_now_and_then_but_never_what_identifies_the_vehicle(simulated):
    missing = {name: simulated.items[name].null_count for name in simulated.items.column_names}
    share = {name: count / simulated.items.num_rows for name, count in missing.items()}
    never = ["item_id", "version", "valid_from", "operation", "price", "latitude", "longitude", "category",
             "subcategory", "make_id", "model_id", "country", "site_id"]  # fmt: skip
    assert {name for name, count in missing.items() if count == 0} == set(never)
    assert max(share.values()) < 0.3
    assert 0.02 < np.mean([share[name] for name in simulated.items.column_names[4:]]) < 0.1


def test_missing_values_are_mended_by_some_later_version(simulated):
    missing_V = np.isnan(simulated.feature_V("consumption")) & (simulated.feature_V("category") == "Car")
    same_item = np.diff(simulated.item_V) == 0
    mended = (missing_V[:-1] & ~missing_V[1:] & same_item).sum()
    spoiled = (~missing_V[:-1] & missing_V[1:] & same_item).sum()
    assert mended > 100
    assert spoiled == 0


def test_outliers_are_there_in_every_continuous_feature_and_below_one_percent(simulated):
    features = read_recipe(simulated.folder / "recipe.toml").marketplace.features.continuous
    outside = {}
    for name, feature in features.items():
        low, high = feature.bounds
        value_V = simulated.feature_V(name)
        outside[name] = (value_V < low) | (value_V > high)
    assert all(outside_V.any() for outside_V in outside.values())
    assert 0.001 < np.any(list(outside.values()), axis=0).mean() < 0.01  # method §3: > 99 % are kept


def test_first_registration_is_a_month(simulated):
    moments = simulated.items["first_registration"].drop_null().to_numpy().astype("datetime64[us]")
    assert (moments == moments.astype("datetime64[M]")).all()


def test_age_shows_in_mileage_and_price(simulated):
    car_N = simulated.feature_V("category")[simulated.first_N] == "Car"
    features = {
        name: simulated.feature_V(name)[simulated.first_N]
        for name in ("first_registration", "mileage", "price")
    }
    usable_N = car_N & (features["first_registration"] > 3e8) & (features["first_registration"] < 1.5e9)
    usable_N &= (features["mileage"] > 0) & (features["mileage"] < 1e6) & (features["price"] > 0)
    registered, mileage, price = (values[usable_N] for values in features.values())
    assert np.corrcoef(registered, mileage)[0, 1] < -0.6
    assert np.corrcoef(registered, np.log(price))[0, 1] > 0.5


def test_models_belong_to_one_make_and_category_and_countries_to_their_place(simulated):
    columns = {
        name: simulated.feature_V(name)
        for name in ("model_id", "make_id", "subcategory", "category", "country")
    }
    for child, parent in (("model_id", "make_id"), ("model_id", "category"), ("subcategory", "category")):
        pairs = set(zip(columns[child], columns[parent], strict=True))
        assert len(pairs) == len({value for value, _ in pairs})
    latitude_V = simulated.feature_V("latitude")
    assert np.median(latitude_V[columns["country"] == "IT"]) < 46
    assert np.median(latitude_V[columns["country"] == "DE"]) > 49


def test_parts_of_the_file_join_into_what_one_part_holds(tmp_path, monkeypatch):
    rng = np.random.default_rng(3)
    ads = draw_ads(draw_world(rng), 300, 30, rng)
    history, flaws = draw_history(ads, 30 * 86_400, rng), draw_flaws(300, rng)
    table = ItemTable(ads, flaws, np.arange(300) * 3, datetime(2017, 4, 3, tzinfo=UTC))
    table.write(history, tmp_path / "whole.parquet")
    monkeypatch.setattr(item_table, "PART", 37)
    table.write(history, tmp_path / "parts.parquet")
    whole, parts = (pq.read_table(tmp_path / name) for name in ("whole.parquet", "parts.parquet"))
    assert pq.read_metadata(tmp_path / "parts.parquet").num_row_groups > 10
    assert whole == parts
    assert whole.num_rows == len(history.item_V)


def test_what_has_no_engine_has_no_power(simulated):
    trailer_V = simulated.feature_V("category") == "Trailer"
    power_V = simulated.feature_V("power")
    assert trailer_V.any()
    assert np.isnan(power_V[trailer_V]).all()
    car_V = simulated.feature_V("category") == "Car"
    assert np.isnan(power_V[car_V]).mean() < 0.01
    assert 60 < np.nanmedian(power_V[car_V]) < 120
