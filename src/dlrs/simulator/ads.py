"""Ads: which vehicles are for sale, where, and from when to when.

Shapes as in `arrays`, and M models, D width of the hidden character. Times are seconds since the
simulation's start; ads of the stock that is there from the start were born before it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from dlrs.arrays import AnyArray, Bools, Doubles, Floats, Ints
from dlrs.simulator.builds import Builds, draw_builds
from dlrs.simulator.car_facts import car_facts
from dlrs.simulator.equipment import Coded, equip
from dlrs.simulator.settings import DAY
from dlrs.simulator.use import consumptions, mileages, prices
from dlrs.simulator.vehicles import PLACES, SUBCATEGORIES, World

BARGAIN_LIFE = 0.25  # log life that one standard deviation of bargain takes off
OLDEST_STOCK = 180  # days before the start
YEAR = 365.25 * DAY


@dataclass(frozen=True)
class Ads:
    """N ads in the order of their birth. What is true of the vehicle, whatever its ad says."""

    born_N: Ints
    died_N: Ints  # sold or withdrawn; maybe after the simulation's end
    model_N: Ints
    subcategory_N: Ints
    age_N: Floats  # years at birth of the ad
    mileage_N: Floats  # km
    price_N: Floats  # € at birth of the ad
    power_N: Floats  # kW
    consumption_N: Floats  # l/100km
    latitude_N: Floats
    longitude_N: Floats
    categorical: dict[str, Coded]
    has_engine_N: Bools  # a trailer has neither power nor mileage nor consumption
    appeal_N: Floats  # what draws everyone: a good price, good pictures
    character_ND: Floats  # the model's, and what the pictures and the text show beyond it


class Lives(NamedTuple):
    """When each ad is there, and how good a bargain it is (standard scores)."""

    bargain_N: Doubles
    born_N: Ints
    died_N: Ints


class Homes(NamedTuple):
    """Where each vehicle stands."""

    place_N: Ints  # position in PLACES
    latitude_N: Doubles
    longitude_N: Doubles


def draw_ads(world: World, count: int, days: int, rng: np.random.Generator) -> Ads:
    """Draw `count` ads: the stock at the start and all that arrive in `days` days."""
    builds = draw_builds(world, count, rng)
    lives = draw_lives(count, days, rng)
    mileage_N = mileages(world, builds, rng)
    price_N = prices(world, builds, mileage_N, lives.bargain_N, rng)
    return offered(world, builds, lives, draw_homes(count, rng), mileage_N, price_N, rng)


def offered(
    world: World,
    builds: Builds,
    lives: Lives,
    homes: Homes,
    mileage_N: Doubles,
    price_N: Doubles,
    rng: np.random.Generator,
) -> Ads:
    """Return the ads of some vehicles, and draw what nothing else depends on."""
    subcategory_N = world.subcategory_M[builds.model_N]
    count, width = len(subcategory_N), world.character_MD.shape[1]
    character_ND = rng.standard_normal((count, width), np.float32) * np.float32(0.35)
    character_ND += world.character_MD.astype(np.float32)[builds.model_N]
    return Ads(
        born_N=lives.born_N,
        died_N=lives.died_N,
        model_N=builds.model_N,
        subcategory_N=subcategory_N,
        age_N=builds.age_N.astype(np.float32),
        mileage_N=mileage_N.astype(np.float32),
        price_N=price_N.astype(np.float32),
        power_N=builds.power_N.astype(np.float32),
        consumption_N=consumptions(world, builds, rng).astype(np.float32),
        latitude_N=homes.latitude_N.astype(np.float32),
        longitude_N=homes.longitude_N.astype(np.float32),
        categorical=equip(world, builds, mileage_N, price_N, homes.place_N, rng),
        has_engine_N=np.array([s.consumption > 0 for s in SUBCATEGORIES])[subcategory_N],
        appeal_N=(0.5 * lives.bargain_N + rng.normal(0, 1.15, count)).astype(np.float32),
        character_ND=character_ND,
    )


def draw_lives(count: int, days: int, rng: np.random.Generator) -> Lives:
    """Draw lives in the order of birth.

    Births are spread evenly from long before the start; only ads that are still there at the start
    count, so the stock consists of the long-lived ones, as in any market that has run for a while.
    """
    bargain_N = rng.normal(0, 1, count)
    born_N, died_N = np.empty(count), np.empty(count)
    open_N = np.arange(count)
    while len(open_N):
        birth = (np.floor(rng.uniform(-OLDEST_STOCK, days, len(open_N))) + _daytime(len(open_N), rng)) * DAY
        death = birth + draw_spans(bargain_N[open_N], rng)
        born_N[open_N], died_N[open_N] = birth, death
        open_N = open_N[death <= 0]
    order_N = np.argsort(born_N, kind="stable")
    return Lives(bargain_N[order_N], born_N[order_N].astype(np.int64), died_N[order_N].astype(np.int64) + 1)


def draw_spans(bargain_N: Doubles, rng: np.random.Generator) -> Doubles:
    """Return how many seconds each ad is there: bargains are sold sooner."""
    life = car_facts().life
    spread = np.sqrt(life.spread**2 - BARGAIN_LIFE**2)
    log_N = rng.normal(0, spread, len(bargain_N)) - BARGAIN_LIFE * bargain_N
    return np.maximum(life.median * np.exp(log_N), 1 / 8) * DAY


def draw_homes(count: int, rng: np.random.Generator) -> Homes:
    """Draw towns by their shares, and a place in the country around."""
    shares = np.array([place.share for place in PLACES])
    place_N = rng.choice(len(PLACES), count, p=shares / shares.sum())
    around_N2: AnyArray = rng.normal(0, (0.25, 0.35), (count, 2))
    latitude_N = np.array([place.latitude for place in PLACES])[place_N] + around_N2[:, 0]
    longitude_N = np.array([place.longitude for place in PLACES])[place_N] + around_N2[:, 1]
    return Homes(place_N, latitude_N, longitude_N)


def _daytime(count: int, rng: np.random.Generator) -> Doubles:
    """Return when in the day an ad is placed, as a share of the day: mostly in working hours."""
    return rng.beta(5, 4, count)
