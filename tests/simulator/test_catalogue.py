"""A table of real ads as the catalogue: what it tells is kept, the rest is drawn."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq
import pytest

from dlrs.errors import DataError, SchemaError
from dlrs.recipe import DATA_VARIABLE
from dlrs.simulator.ad_table import load, read
from dlrs.simulator.catalogue import draw_from_table
from dlrs.simulator.history import draw_history
from dlrs.simulator.settings import DAY
from dlrs.simulator.vehicles import DIESEL, ELECTRICITY, PETROL, PLACES, SUBCATEGORIES

DAYS = 65
ADS = {
    "make": ["BMW", "BMW", "Tesla", "Opel", "Opel"],
    "model": ["320", "320", "Model 3", "Corsa", None],
    "price": [20_000, 18_500, 40_000, 7_000, 6_000],
}


def table(**columns: list[object]) -> pa.Table:
    return pa.table(ADS | columns)


def draw(table: pa.Table, count: int | None = None, seed: int = 0):
    return draw_from_table(table, count, DAYS, np.random.default_rng(seed), "my.parquet")


def test_make_model_and_price_are_enough():
    world, ads = draw(table())
    assert sorted(zip(world.model_M[ads.model_N], ads.price_N.tolist(), strict=True)) == [
        ("BMW 320", 18_500), ("BMW 320", 20_000), ("Opel Corsa", 7_000), ("Tesla Model 3", 40_000)
    ]  # fmt: skip
    bodies = {
        model: SUBCATEGORIES[g].name for model, g in zip(world.model_M, world.subcategory_M, strict=True)
    }
    assert bodies["Opel Corsa"] == "SmallCar"
    assert bodies["BMW 320"] in ("Limousine", "EstateCar")
    assert bodies["Tesla Model 3"] == "OtherCar"  # of which the facts know nothing
    assert (np.diff(ads.born_N) >= 0).all()
    for values in (ads.mileage_N, ads.age_N, ads.power_N, ads.latitude_N, ads.consumption_N):
        assert np.isfinite(values).all()


def test_what_the_table_tells_is_kept():
    columns = table(
        mileage=[1.0, 2.0, 3.0, 4.0, 5.0],
        fuel_type=["Diesel", "Benzin", "Elektro", "2", None],
        gear=["Automatik", "Manual", None, "manual", None],
        power=["85 kW (116 PS)", None, "100 kW", "55 kW (75 PS)", None],
        type=["wagon", "sedan", "Limousine", "hatchback", ""],
        latitude=[52.5, 48.2, 41.9, None, 0.0],
        longitude=[13.4, 11.6, 12.5, None, 0.0],
    )
    world, ads = draw(columns)
    row_N = ads.mileage_N.astype(int) - 1
    assert sorted(row_N) == [0, 1, 2, 3]
    order = np.argsort(row_N)
    assert ads.categorical["fuel"].codes_N[order][:3].tolist() == [DIESEL, PETROL, ELECTRICITY]
    assert ads.categorical["fuel"].codes_N[order][3] in (0, 1, 2, 3, 4)
    assert ads.power_N[order][[0, 2, 3]].tolist() == [85, 100, 55]
    names = [SUBCATEGORIES[g].name for g in ads.subcategory_N[order]]
    assert names == ["EstateCar", "Limousine", "Limousine", "CompactCar"]
    assert (world.model_M == "BMW 320").sum() == 2  # once for each body
    countries = ads.categorical["country"]
    assert countries.values[countries.codes_N[order][:3]].tolist() == ["DE", "DE", "IT"]
    assert ads.latitude_N[order][:3] == pytest.approx([52.5, 48.2, 41.9])
    assert {place.country for place in PLACES} >= {countries.values[countries.codes_N[order][3]]}


def test_horsepower_becomes_kilowatts():
    _, ads = draw(table(hp=[100, 100, 100, 100, 100]))
    assert ads.power_N.tolist() == [74] * 4


@pytest.mark.parametrize(
    ("column", "values", "ages"),
    [
        ("year", [2010, 2012, 2014, 2020, 2020], [10, 8, 6, 0.05]),
        (
            "first_registration",
            ["06-2010", "2012-06", "2014-06-30", "new", "2020"],
            [10.04, 8.04, 6.04, 0.05],
        ),
    ],
)
def test_ages_count_from_the_newest_registration(column, values, ages):
    read_back = read(table(**{column: values}), "my.parquet")
    np.testing.assert_allclose(read_back.age_A, ages, atol=0.05)


def test_with_times_the_simulation_is_the_end_of_the_table():
    columns = table(
        first_seen=["2025-01-01", "2025-03-01 12:00:00", "2025-05-28T00:00:00.5", "2025-05-02", None],
        last_seen=["2025-02-01", "2025-05-10", "2025-06-01", "2025-05-20", None],
        first_registration=["2020-01", "2020-03", "2020-05", "2020-05", None],
    )
    world, ads = draw(columns)
    names = world.model_M[ads.model_N].tolist()
    assert names == [
        "BMW 320",
        "Opel Corsa",
        "Tesla Model 3",
    ]  # in the order of birth; the first is long gone
    start = np.datetime64("2025-06-01") - np.timedelta64(DAYS, "D")
    moments = [np.datetime64(day, "s") - start for day in ("2025-03-01T12:00", "2025-05-02", "2025-05-28")]
    np.testing.assert_allclose(ads.born_N, [moment.astype(int) for moment in moments], atol=1)
    assert ads.died_N[0] == (np.datetime64("2025-05-10", "s") - start).astype(int)
    assert ads.died_N[2] > DAYS * DAY  # seen at the end, so it goes on
    np.testing.assert_allclose(ads.age_N, [5, 5, 5], atol=0.1)
    history = draw_history(ads, DAYS * DAY, np.random.default_rng(1))
    assert len(history.first_N) == 3


def test_the_newest_ad_may_be_first_seen_at_the_very_end():
    seen = ["2017-01-01", "2017-03-01", "2017-03-05", "2017-03-05", "2017-03-04"]
    _, ads = draw(table(first_seen=seen))
    history = draw_history(ads, DAYS * DAY, np.random.default_rng(0))
    assert len(history.first_N) == len(ads.born_N)


def test_a_sample_and_ads_several_times():
    _, few = draw(table(), count=2)
    assert len(few.born_N) == 2
    _, many = draw(table(), count=4000)
    assert np.unique(many.price_N, return_counts=True)[1].tolist() == [1000] * 4
    assert len(np.unique(many.born_N)) > 3900  # lives of their own
    assert (many.died_N > 0).all()


def test_the_same_seed_gives_the_same_ads():
    (_, first), (_, again), (_, other) = draw(table()), draw(table()), draw(table(), seed=1)
    assert first.born_N.tolist() == again.born_N.tolist()
    assert first.mileage_N.tolist() == again.mileage_N.tolist()
    assert first.born_N.tolist() != other.born_N.tolist()


@pytest.mark.parametrize("missing", ["make", "model", "price"])
def test_a_missing_column_is_named(missing):
    with pytest.raises(SchemaError, match=rf"my.parquet: expected a column '{missing}', found "):
        draw(table().drop_columns([missing]))


@pytest.mark.parametrize(
    ("column", "values", "expected"),
    [
        (
            "price",
            ["1", "2", "three", "4", "5"],
            r"'price', row 3: expected a number, received 'three'",
        ),
        ("odometer", [None, "12.000 km", "1", "2", "3"], r"'odometer', row 2: expected a number"),
        (
            "first_registration",
            ["2012", "May 2012", None, "new", "new"],
            r"'first_registration', row 2: expec",
        ),
        ("last_seen", [None, None, None, "yesterday", None], r"'last_seen', row 4: expected a moment"),
        ("mileage", [[1], [2], [3], [4], [5]], r"'mileage', row 1: expected a number"),
    ],
)
def test_a_bad_cell_is_named(column, values, expected):
    with pytest.raises(DataError, match=rf"my.parquet, .*{expected}"):
        draw(table(**{column: values}))


def test_a_table_without_usable_ads_is_refused():
    with pytest.raises(DataError, match="expected ads with make, model and price, found none among 5 rows"):
        draw(table(price=[None, 0, -1, None, 5]))


def test_parquet_and_csv_give_the_same(tmp_path):
    pq.write_table(table(), tmp_path / "ads.parquet")
    pa.csv.write_csv(table(), tmp_path / "ads.csv")
    prices = [read(load(tmp_path / name), name).price_A.tolist() for name in ("ads.parquet", "ads.csv")]
    assert prices[0] == prices[1] == [20_000, 18_500, 40_000, 7_000]


def test_a_file_that_is_none_is_named(tmp_path):
    with pytest.raises(DataError, match=r"ads.parquet: expected a table of ads, found no file"):
        load(tmp_path / "ads.parquet")
    (tmp_path / "ads.parquet").write_text("make,model,price\n")
    with pytest.raises(DataError, match=r"ads.parquet: expected Parquet"):
        load(tmp_path / "ads.parquet")


@pytest.mark.parametrize(("name", "least"), [("lu_ads", 2_000), ("de_ads", 46_000)])
def test_real_ads(name, least):
    file = Path(os.environ.get(DATA_VARIABLE, "")) / "vehicles" / f"{name}.parquet"
    if DATA_VARIABLE not in os.environ or not file.is_file():
        pytest.skip(f"needs the ads vehicles in the folder that {DATA_VARIABLE} names")
    world, ads = draw(load(file))
    assert len(ads.born_N) >= least
    assert 10 < np.median((ads.died_N - ads.born_N)[ads.born_N >= 0]) / DAY < 60
    assert np.isfinite(ads.mileage_N).all()
    assert np.corrcoef(ads.age_N, np.log(ads.price_N))[0, 1] < -0.4
    assert len(np.unique(world.subcategory_M)) >= 5
