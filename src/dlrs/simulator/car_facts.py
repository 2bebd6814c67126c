"""Car facts: what is known about cars, fitted from real ads by benchmarks/fit_vehicle_facts.py.

Shapes: M cars (a model in one of its bodies), B bands of age, F fuels, Q quantiles.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any, NamedTuple

import numpy as np

from dlrs.arrays import AnyArray, Doubles


class Mileage(NamedTuple):
    """log km = level + log_age · log(years) + fuel, with noise."""

    level: float
    log_age: float
    fuel_F: Doubles
    spread_B: Doubles
    new_share_B: Doubles  # share of the cars that nobody has driven yet


class Price(NamedTuple):
    """What is added to the log price of a model when new."""

    age: float  # each year
    older: float  # each year from the tenth on
    per_100_000_km: float
    log_10_000_km: float  # by log(1 + km / 10,000)
    log_power: float  # by log(kW), beyond the model's usual
    automatic: float
    fuel_F: Doubles
    spread: float


class Pricings(NamedTuple):
    """Changes of prices."""

    daily: float  # of an ad, on average
    raises: float  # share
    step: float  # median size, in log price
    spread: float  # of the sizes (lognormal)


class Life(NamedTuple):
    """How long ads are there, in days: lognormal."""

    median: float
    spread: float


@dataclass(frozen=True)
class Cars:
    """M cars: models in their bodies. `share_BM` sums to 1 in each band of age."""

    make_M: AnyArray  # texts
    model_M: AnyArray
    body_M: AnyArray
    share_BM: Doubles
    price_M: Doubles  # new, in €
    power_M: Doubles  # usual, kW
    power_spread_M: Doubles  # of the log power
    automatic_M: Doubles  # share
    fuel_MF: Doubles  # shares


@dataclass(frozen=True)
class CarFacts:
    """All fitted facts."""

    bands: tuple[float, ...]  # years between one band of age and the next
    share_Q: Doubles
    age_Q: dict[str, Doubles]  # years, by country
    mileage: Mileage
    price: Price
    gear_follows_power: float  # correlation
    diesel_consumption: float  # added to log l/100km
    missing: dict[str, float]  # shares of the ads
    life: Life
    pricings: Pricings
    cars: Cars


@cache
def car_facts() -> CarFacts:
    """Read the facts."""
    text = resources.files("dlrs.simulator").joinpath("vehicle_facts.json").read_text(encoding="utf-8")
    facts = json.loads(text)
    ages, mileage, price, lives = facts["ages"], facts["mileage"], facts["price"], facts["lives"]
    return CarFacts(
        bands=tuple(facts["bands"]),
        share_Q=np.array(ages["share"]),
        age_Q={country: np.array(ages[country]) for country in ("LU", "US")},
        mileage=Mileage(
            level=mileage["level"],
            log_age=mileage["log_age"],
            fuel_F=np.array(mileage["fuel"]),
            spread_B=np.array(mileage["spread"]),
            new_share_B=np.array(mileage["new_share"]),
        ),
        price=Price(
            age=price["age"],
            older=price["older"],
            per_100_000_km=price["per_100_000_km"],
            log_10_000_km=price["log_10_000_km"],
            log_power=price["log_power"],
            automatic=price["automatic"],
            fuel_F=np.array(price["fuel"]),
            spread=price["spread"],
        ),
        gear_follows_power=facts["gear_follows_power"],
        diesel_consumption=facts["consumption"]["diesel"],
        missing=facts["missing"],
        # the crawler of Luxembourg lost sight of ads now and then, so their spread is too large
        life=Life(lives["LU"]["median"], lives["US"]["spread"]),
        pricings=Pricings(**facts["pricings"]),
        cars=_cars(facts["cars"]),
    )


def _cars(rows: list[list[Any]]) -> Cars:
    """Spread each model over its bodies."""
    parts = [(row, body, percent / 100) for row in rows for body, percent in row[-1].items()]
    make_M, model_M, share_MB, price_M, power_M, spread_M, automatic_M, fuel_MF, _ = zip(
        *(row for row, _, _ in parts), strict=True
    )
    share_BM = (np.array(share_MB) * np.array([[part] for _, _, part in parts])).T
    return Cars(
        make_M=np.array(make_M),
        model_M=np.array([f"{make} {model}" for make, model in zip(make_M, model_M, strict=True)]),
        body_M=np.array([body for _, body, _ in parts]),
        share_BM=share_BM / share_BM.sum(axis=1, keepdims=True),
        price_M=np.array(price_M, dtype=np.float64),
        power_M=np.array(power_M),
        power_spread_M=np.array(spread_M),
        automatic_M=np.array(automatic_M),
        fuel_MF=np.array(fuel_MF),
    )
