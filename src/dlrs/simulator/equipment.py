"""Equipment: the categorical features of an ad, each as likely as its vehicle makes it."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from dlrs.arrays import AnyArray, Doubles, Ints
from dlrs.simulator.builds import Builds
from dlrs.simulator.vehicles import CATEGORIES, FUELS, PLACES, SUBCATEGORIES, World

AIRBAGS = ("DRIVER", "FRONT", "FRONT_AND_SIDE", "FRONT_AND_SIDE_AND_MORE")
CLIMATES = ("NO_CLIMATISATION", "MANUAL_CLIMATISATION", "AUTOMATIC_CLIMATISATION")
COLORS = (
    "BLACK", "GREY", "SILVER", "WHITE", "BLUE", "RED", "BROWN", "GREEN", "BEIGE", "ORANGE", "YELLOW", "GOLD",
    "PURPLE",
)  # fmt: skip
COLOR_SHARES = (0.25, 0.17, 0.15, 0.14, 0.12, 0.07, 0.03, 0.02, 0.02, 0.01, 0.01, 0.005, 0.005)
CONDITIONS = ("NEW", "USED", "USED_ACCIDENT")
TRANSMISSIONS = ("MANUAL_GEAR", "AUTOMATIC_GEAR", "SEMIAUTOMATIC_GEAR")  # in the order of `builds`


class Coded(NamedTuple):
    """A categorical feature of N ads: code → value; −1 where it does not apply."""

    codes_N: AnyArray  # int16, int32 for very many values
    values: AnyArray  # strings or integers


def equip(
    world: World,
    builds: Builds,
    mileage_N: Doubles,
    price_N: Doubles,
    place_N: Ints,
    rng: np.random.Generator,
) -> dict[str, Coded]:
    """Return the categorical features, in the order of their names (method §2); draw what is left open."""
    model_N, age_N = builds.model_N, builds.age_N
    subcategory_N, kind_N = world.subcategory_M[model_N], world.kind_M[model_N]
    luxury_N = np.log(price_N / 8_000) - age_N / 12 + rng.normal(0, 0.6, len(model_N))
    car_N = np.isin(kind_N, _kinds("Car", "Motorhome", "Van", "Truck"))
    features = {
        "airbag": _graded(AIRBAGS, 2.9 - age_N / 8 + 0.5 * luxury_N, car_N),
        "category": Coded(kind_N, _texts(CATEGORIES)),
        "climatisation": _graded(CLIMATES, 1.9 + 0.9 * luxury_N, car_N),
        "color": Coded(rng.choice(len(COLORS), len(model_N), p=COLOR_SHARES), _texts(COLORS)),
        "condition": _conditions(age_N, mileage_N, rng),
        "country": _valued(_texts(place.country for place in PLACES), place_N),
        "doors": _valued(_texts(s.doors for s in SUBCATEGORIES), subcategory_N),
        "fuel": Coded(builds.fuel_N, _texts(FUELS)),
        "make_id": _valued(world.make_M, model_N),
        "model_id": _valued(world.model_M, model_N),
        "previous_owners": _owners(age_N, rng),
        "seats": _seats(subcategory_N, rng),
        "site_id": _valued(_texts(place.site for place in PLACES), place_N),
        "subcategory": Coded(subcategory_N, _texts(s.name for s in SUBCATEGORIES)),
        "transmission": Coded(builds.gear_N, _texts(TRANSMISSIONS)),
    }
    return {name: _narrow(feature) for name, feature in features.items()}


def _narrow(feature: Coded) -> Coded:
    width = np.int16 if len(feature.values) < 2**15 else np.int32
    return Coded(feature.codes_N.astype(width), feature.values)


def _texts(values: object) -> AnyArray:
    return np.array(list(values), dtype=np.str_)  # type: ignore[call-overload]


def _kinds(*categories: str) -> Ints:
    return np.flatnonzero([category in categories for category in CATEGORIES])


def _valued(values: AnyArray, rows_N: Ints) -> Coded:
    """Look a value up by row; the empty text is none."""
    distinct, codes = np.unique(values, return_inverse=True)
    if distinct.dtype.kind == "U" and distinct[0] == "":
        distinct, codes = distinct[1:], codes - 1
    return Coded(codes.astype(np.int64)[rows_N], distinct)


def _graded(values: tuple[str, ...], grade_N: Doubles, applies_N: AnyArray) -> Coded:
    codes_N = np.clip(np.floor(grade_N), 0, len(values) - 1).astype(np.int64)
    return Coded(np.where(applies_N, codes_N, -1), _texts(values))


def _conditions(age_N: Doubles, mileage_N: Doubles, rng: np.random.Generator) -> Coded:
    new_N = (age_N < 0.4) & (mileage_N < 3_000)
    accident_N = rng.random(len(age_N)) < 0.03
    return Coded(np.where(new_N, 0, np.where(accident_N, 2, 1)), _texts(CONDITIONS))


def _owners(age_N: Doubles, rng: np.random.Generator) -> Coded:
    owners_N = np.minimum(np.where(age_N < 0.4, 0, 1) + rng.poisson(age_N / 7), 6)
    return Coded(owners_N, np.arange(7))


def _seats(subcategory_N: Ints, rng: np.random.Generator) -> Coded:
    usual_N = np.array([s.seats for s in SUBCATEGORIES])[subcategory_N]
    unusual_N = (rng.random(len(usual_N)) < 0.12) & (usual_N > 3)
    seats_N = usual_N + np.where(unusual_N, rng.integers(-1, 2, len(usual_N)), 0)
    return Coded(np.where(seats_N > 0, seats_N - 1, -1), np.arange(1, 10))
