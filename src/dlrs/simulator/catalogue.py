"""Catalogue: the ads of a real table for sale in the simulated marketplace, instead of drawn ones.

What the table tells of a vehicle is taken, all else is drawn as for any other. Shapes: A ads of the table,
and those of `vehicles` and `ads`.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pyarrow as pa

from dlrs.arrays import AnyArray, Bools, Doubles, Ints
from dlrs.errors import DataError
from dlrs.simulator.ad_table import AdTable, read
from dlrs.simulator.ads import Ads, Homes, Lives, draw_homes, draw_lives, draw_spans, offered
from dlrs.simulator.builds import AUTOMATIC, Builds, built, draw_car_ages
from dlrs.simulator.car_facts import car_facts
from dlrs.simulator.models import characters
from dlrs.simulator.settings import DAY
from dlrs.simulator.use import HIGHEST, LOWEST, mileages
from dlrs.simulator.vehicles import CAR, FUELS, PLACES, SUBCATEGORIES, World

STILL_THERE = DAY  # before the table's end: whoever was seen since then is still for sale
POWER_SPREAD = 0.2  # of the log power within a model, where it must be drawn
OTHER_BODY = "OtherCar"


def draw_from_table(
    table: pa.Table, count: int | None, days: int, rng: np.random.Generator, name: str = "ads"
) -> tuple[World, Ads]:
    """Return the ads of a table (`ad_table` says how it must look) for a simulation of `days` days.

    `count` of them, all of them for None: a sample, or where the table has fewer, some of them several times,
    with lives and places of their own. With times in it, the simulation is the last `days` days of the
    table, and only what was online then is for sale.

    Raises:
        SchemaError: a needed column is missing.
        DataError: a cell does not hold what its column should, or no ad is left.
    """
    known = read(table, name)
    if not np.isnan(known.born_A).all():
        known = _online(known, days, name)
    world, model_A = _world(known, rng)
    count = len(model_A) if count is None else count
    lives, row_N = _lives(known, count, days, rng)
    known, model_N = known.take(row_N), model_A[row_N]
    builds = _builds(world, known, model_N, rng)
    mileage_N = np.where(np.isnan(known.mileage_A), mileages(world, builds, rng), known.mileage_A)
    price_N = np.clip(known.price_A, LOWEST, HIGHEST)
    return world, offered(world, builds, lives, _homes(known, rng), mileage_N, price_N, rng)


def _online(known: AdTable, days: int, name: str) -> AdTable:
    """Keep the ads of the table's last days; moments are then seconds since their beginning."""
    end = np.nanmax(np.fmax(known.born_A, known.died_A)) + 1  # the newest moment lies inside
    start = end - days * DAY
    born_A = known.born_A - start
    died_A = np.where(known.died_A > end - STILL_THERE, np.nan, known.died_A - start)
    online_A = ~np.isnan(born_A) & ~(died_A <= 0)
    if not online_A.any():
        raise DataError(f"{name}: expected ads that were online in the last {days} days, found none.")
    return AdTable(**{**vars(known), "born_A": born_A, "died_A": died_A}).take(online_A)


def _lives(known: AdTable, count: int, days: int, rng: np.random.Generator) -> tuple[Lives, Ints]:
    """Return lives in the order of birth, and the table's row of each."""
    rows = len(known.price_A)
    row_N = np.concatenate([rng.permutation(rows) for _ in range(-(-count // rows))])[:count]
    if np.isnan(known.born_A).all():
        return draw_lives(count, days, rng), row_N
    row_N = row_N[np.argsort(known.born_A[row_N], kind="stable")]
    born_N, bargain_N = known.born_A[row_N], rng.normal(0, 1, count)
    seen_N, span_N = known.died_A[row_N], draw_spans(bargain_N, rng)
    # who was there at the end is still there then, who knows for how long
    died_N = np.where(np.isnan(seen_N), np.maximum(born_N, days * DAY) + span_N, seen_N)
    died_N = np.maximum(died_N, np.maximum(born_N + DAY / 8, 1))
    return Lives(bargain_N, born_N.astype(np.int64), died_N.astype(np.int64) + 1), row_N


def _world(known: AdTable, rng: np.random.Generator) -> tuple[World, Ints]:
    """Return the models of the table, and the one of each ad. A body that it does not tell is looked up."""
    facts = _Familiar(known)
    subcategory_A = np.where(known.subcategory_A < 0, facts.subcategory_A, known.subcategory_A)
    key_A = np.strings.add(known.model_A, np.array([f"|{s.name}" for s in SUBCATEGORIES])[subcategory_A])
    _, first_M, model_A = np.unique(key_A, return_index=True, return_inverse=True)
    make_M = known.make_A[first_M]
    fuel_MF = np.stack(
        [_mean(known.fuel_A == fuel, known.fuel_A >= 0, model_A) for fuel in range(len(FUELS))], 1
    )
    automatic_M = _mean(known.gear_A == AUTOMATIC, known.gear_A >= 0, model_A)
    power_M = _mean(known.power_A, ~np.isnan(known.power_A), model_A)
    share_M = np.bincount(model_A) / len(model_A)
    world = World(
        make_M=make_M,
        model_M=known.model_A[first_M],
        subcategory_M=subcategory_A[first_M],
        kind_M=np.full(len(first_M), CAR),
        share_BM=np.tile(share_M, (len(car_facts().bands) + 1, 1)),
        price_M=_mean(known.price_A, known.price_A > 0, model_A),
        power_M=np.where(np.isnan(power_M), facts.power_A[first_M], power_M),
        power_spread_M=np.full(len(first_M), POWER_SPREAD),
        automatic_M=np.where(np.isnan(automatic_M), facts.automatic_A[first_M], automatic_M),
        fuel_MF=np.where(np.isnan(fuel_MF), facts.fuel_AF[first_M], fuel_MF),
        character_MD=characters(np.unique(make_M, return_inverse=True)[1], rng),
    )
    return world, model_A


class _Familiar:
    """What the real market's facts say about the models of a table; of an unknown one, what is usual."""

    def __init__(self, known: AdTable) -> None:
        cars = car_facts().cars
        names, first = np.unique([_plain(name) for name in cars.model_M], return_index=True)
        of_model, back_A = np.unique(known.model_A, return_inverse=True)
        plain = np.array([_plain(name) for name in of_model])
        place = np.searchsorted(names, plain).clip(max=len(names) - 1)
        car_A = np.where(names[place] == plain, first[place], len(cars.model_M))[
            back_A
        ]  # the last row is unknown
        bodies = [s.name for s in SUBCATEGORIES]
        subcategory_M = np.array([bodies.index(body) for body in [*cars.body_M, OTHER_BODY]])
        self.subcategory_A = subcategory_M[car_A]
        self.power_A = np.append(cars.power_M, np.median(cars.power_M))[car_A]
        self.automatic_A = np.append(cars.automatic_M, cars.automatic_M.mean())[car_A]
        self.fuel_AF = np.vstack([cars.fuel_MF, cars.fuel_MF.mean(axis=0)])[car_A]


def _plain(name: str) -> str:
    """Return a name without what tables write differently."""
    return "".join(letter for letter in name.lower() if letter.isalnum())


def _mean(values_A: AnyArray, known_A: Bools, model_A: Ints) -> Doubles:
    """Mean of the known values of each model, NaN without any."""
    size = model_A.max() + 1
    total_M = np.bincount(model_A[known_A], values_A[known_A], size)
    count_M = np.bincount(model_A[known_A], minlength=size)
    return np.where(count_M > 0, total_M / np.maximum(count_M, 1), np.nan)


def _builds(world: World, known: AdTable, model_N: Ints, rng: np.random.Generator) -> Builds:
    """Take what the table knows of each vehicle, and draw the rest."""
    age_N = np.where(np.isnan(known.age_A), draw_car_ages(len(model_N), rng), known.age_A)
    drawn = built(world, model_N, age_N, rng)
    return replace(
        drawn,
        fuel_N=np.where(known.fuel_A < 0, drawn.fuel_N, known.fuel_A),
        gear_N=np.where(known.gear_A < 0, drawn.gear_N, known.gear_A),
        power_N=np.where(np.isnan(known.power_A), drawn.power_N, np.round(known.power_A)),
    )


def _homes(known: AdTable, rng: np.random.Generator) -> Homes:
    """Take the places that are known, with the country of the nearest town, and draw the others."""
    drawn = draw_homes(len(known.price_A), rng)
    open_N = np.isnan(known.latitude_A) | np.isnan(known.longitude_A)
    near_N, best_N = drawn.place_N, np.full(len(open_N), np.inf)
    for row, place in enumerate(PLACES):
        far_N = (known.latitude_A - place.latitude) ** 2 + 0.4 * (known.longitude_A - place.longitude) ** 2
        nearer_N = far_N < best_N
        near_N, best_N = np.where(nearer_N, row, near_N), np.where(nearer_N, far_N, best_N)
    return Homes(
        np.where(open_N, drawn.place_N, near_N),
        np.where(open_N, drawn.latitude_N, known.latitude_A),
        np.where(open_N, drawn.longitude_N, known.longitude_A),
    )
