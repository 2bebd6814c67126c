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
from dlrs.schema import USER
from dlrs.simulator.equipment import Coded
from dlrs.simulator.users import TASTES, Users
from dlrs.simulator.vehicles import SUBCATEGORIES, World
from dlrs.simulator.visits import Tastes

MOMENT = pa.timestamp("us", "UTC")


def draw_ids(count: int, first: int, rng: np.random.Generator) -> Ints:
    """Return ascending ids with gaps, as a marketplace gives them: an id is not a row."""
    ids: Ints = first + np.cumsum(rng.integers(1, 20, count))
    return ids


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


def moments(seconds: AnyArray, start: datetime) -> pa.Array:
    """Return moments of the simulation as timestamps."""
    return pa.array((int(start.timestamp()) + seconds.astype(np.int64)) * 1_000_000).cast(MOMENT)


def coded(feature: Coded, none: Bools) -> pa.Array:
    """Return a categorical column, dictionary-coded; null where it is `none` or does not apply."""
    codes = pa.array(feature.codes_N.astype(np.int32), mask=none | (feature.codes_N < 0))
    return pa.DictionaryArray.from_arrays(codes, pa.array(feature.values))


def _shares(weight_US: Doubles) -> Doubles:
    odds_US = np.exp(weight_US - weight_US.max(axis=1, keepdims=True))
    shares_US: Doubles = odds_US / odds_US.sum(axis=1, keepdims=True)
    return shares_US
