"""Tables: the simulated arrays as the Parquet files that a marketplace would export (method §2).

The same arrays give the same bytes. Shapes as in `arrays`.
"""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from dlrs.arrays import AnyArray, Bools, Doubles, Ints
from dlrs.schema import ITEM, OPERATION, USER, VALID_FROM, VERSION
from dlrs.simulator.ads import YEAR, Ads
from dlrs.simulator.equipment import FUELS, Coded
from dlrs.simulator.flaws import Flaws
from dlrs.simulator.history import OPERATIONS, History
from dlrs.simulator.users import TASTES, Users
from dlrs.simulator.vehicles import SUBCATEGORIES, World
from dlrs.simulator.visits import Tastes

MOMENT = pa.timestamp("us", "UTC")


def draw_ids(count: int, first: int, rng: np.random.Generator) -> Ints:
    """Return ascending ids with gaps, as a marketplace gives them: an id is not a row."""
    ids: Ints = first + np.cumsum(rng.integers(1, 20, count))
    return ids


def items_table(ads: Ads, history: History, flaws: Flaws, item_ids_N: Ints, start: datetime) -> pa.Table:
    """Return the item storage: one row for each version of each ad, by ad and version."""
    item_V = history.item_V
    operations = np.array(OPERATIONS)
    columns = {
        ITEM: pa.array(item_ids_N[item_V]),
        VERSION: pa.array(history.number_V.astype(np.int32)),
        VALID_FROM: moments(history.time_V, start),
        OPERATION: _coded(Coded(history.operation_V, operations), np.zeros(len(item_V), np.bool_)),
    }
    columns |= _continuous(ads, history, flaws, start)
    for name, feature in ads.categorical.items():
        columns[name] = _coded(Coded(feature.codes_N[item_V], feature.values), flaws.lacks(name))
    return pa.table(columns)


def truth_table(users: Users, tastes: Tastes, world: World, user_ids_U: Ints) -> pa.Table:
    """Return the true tastes: a row for each user and taste. Nothing that learns may read it."""
    names = np.array([s.name for s in SUBCATEGORIES])
    columns: dict[str, AnyArray] = {
        USER: np.repeat(user_ids_U, TASTES),
        "kind": np.repeat(np.array(["private", "dealer", "guest"])[users.kind_U], TASTES),
        "taste": np.tile(np.arange(TASTES, dtype=np.int32), len(user_ids_U)),
        "weight_start": _shares(users.weight_US).ravel(),
        "weight_end": _shares(tastes.weight_US).ravel(),
        "subcategory": names[users.subcategory_US.ravel()],
        "model_id": world.model_M[users.model_US.ravel()],
        "price_start": np.exp(users.price_US).ravel(),
        "price_end": np.exp(tastes.price_US).ravel(),
        "price_tolerance": users.tolerance_US.ravel(),
        "age_years": users.age_US.ravel(),
        "latitude": np.repeat(users.latitude_U, TASTES),
        "longitude": np.repeat(users.longitude_U, TASTES),
        "radius_km": np.repeat(users.radius_U, TASTES),
        "visits_per_28_days": np.repeat(users.monthly_U, TASTES),
        "ads_per_visit": np.repeat(users.opens_U, TASTES),
    }
    for axis in range(users.character_USD.shape[2]):
        columns[f"character_{axis}"] = users.character_USD[:, :, axis].ravel()
    return pa.table(columns)


def write(table: pa.Table, file: Path) -> None:
    """Write a table; readers get plain columns, however they are coded here."""
    pq.write_table(table, file, compression="zstd", store_schema=False)


def _continuous(ads: Ads, history: History, flaws: Flaws, start: datetime) -> dict[str, pa.Array]:
    item_V = history.item_V
    electric_N = ads.categorical["fuel"].codes_N == FUELS.index("ELECTRICITY")
    lacking_N = {"mileage": ~ads.has_engine_N, "consumption": ~ads.has_engine_N | electric_N}
    true = {
        "consumption": np.round(ads.consumption_N, 1)[item_V],
        "first_registration": _registrations(ads, start)[item_V].astype(np.float64),
        "latitude": ads.latitude_N[item_V],
        "longitude": ads.longitude_N[item_V],
        "mileage": history.mileage_V,
        "price": history.price_V,
    }
    columns = {}
    for name, true_V in true.items():
        none_V = flaws.lacks(name) | (lacking_N[name][item_V] if name in lacking_N else False)
        written_V = flaws.written(name, true_V)
        if name == "first_registration":
            columns[name] = _months(written_V, none_V)
        else:
            columns[name] = pa.array(written_V, mask=none_V)
    return columns


def _registrations(ads: Ads, start: datetime) -> Ints:
    """Month of first registration, in months since 1970: what a registration document tells."""
    seconds_N = start.timestamp() + ads.born_N - ads.age_N * YEAR
    months_N: Ints = (
        seconds_N.astype(np.int64).astype("datetime64[s]").astype("datetime64[M]").astype(np.int64)
    )
    return months_N


def _months(months_V: Doubles, none_V: Bools) -> pa.Array:
    moments_V = months_V.astype(np.int64).astype("datetime64[M]").astype("datetime64[us]")
    return pa.array(moments_V.astype(np.int64), mask=none_V).cast(pa.timestamp("us")).cast(MOMENT)


def moments(seconds: AnyArray, start: datetime) -> pa.Array:
    """Turn seconds since the simulation's start into moments."""
    return pa.array((int(start.timestamp()) + seconds.astype(np.int64)) * 1_000_000).cast(MOMENT)


def _coded(feature: Coded, none: Bools) -> pa.Array:
    codes = pa.array(feature.codes_N.astype(np.int32), mask=none | (feature.codes_N < 0))
    return pa.DictionaryArray.from_arrays(codes, pa.array(feature.values))


def _shares(weight_US: Doubles) -> Doubles:
    odds_US = np.exp(weight_US - weight_US.max(axis=1, keepdims=True))
    shares_US: Doubles = odds_US / odds_US.sum(axis=1, keepdims=True)
    return shares_US
