"""Ads: which vehicle each one offers, and from when to when.

Shapes as in `arrays`, and M models, D width of the hidden character. Times are seconds since the
simulation's start; ads of the stock that is there from the start were born before it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from dlrs.arrays import AnyArray, Bools, Doubles, Floats, Ints
from dlrs.simulator.equipment import Coded, equip
from dlrs.simulator.settings import DAY
from dlrs.simulator.vehicles import KINDS, PLACES, SUBCATEGORIES, World

MEDIAN_LIFE = 21 * DAY
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
    consumption_N: Floats  # l/100km
    latitude_N: Floats
    longitude_N: Floats
    categorical: dict[str, Coded]
    has_engine_N: Bools  # a trailer has neither mileage nor consumption
    appeal_N: Floats  # what draws everyone: a good price, good pictures
    character_ND: Floats  # the model's, and what the pictures and the text show beyond it


def draw_ads(world: World, count: int, days: int, rng: np.random.Generator) -> Ads:
    """Draw `count` ads: the stock at the start and all that arrive in `days` days."""
    model_N = rng.choice(len(world.share_M), count, p=world.share_M)
    kind_N = world.kind_M[model_N]
    age_N = _ages(count, rng)
    mileage_N = _mileages(kind_N, age_N, rng)
    bargain_N, born_N, died_N = _lives(count, days, rng)
    price_N = _prices(world, model_N, age_N, mileage_N, bargain_N, rng)
    place_N, latitude_N, longitude_N = _places(count, rng)
    subcategory_N = world.subcategory_M[model_N]
    consumption_G = np.array([s.consumption for s in SUBCATEGORIES])
    character_ND = rng.standard_normal((count, world.character_MD.shape[1]), np.float32) * np.float32(0.35)
    character_ND += world.character_MD.astype(np.float32)[model_N]
    return Ads(
        born_N=born_N,
        died_N=died_N,
        model_N=model_N,
        subcategory_N=subcategory_N,
        age_N=age_N.astype(np.float32),
        mileage_N=mileage_N.astype(np.float32),
        price_N=price_N.astype(np.float32),
        consumption_N=_consumptions(consumption_G[subcategory_N], rng),
        latitude_N=latitude_N,
        longitude_N=longitude_N,
        categorical=equip(world, model_N, age_N, mileage_N, price_N, place_N, rng),
        has_engine_N=consumption_G[subcategory_N] > 0,
        appeal_N=(0.5 * bargain_N + rng.normal(0, 1.15, count)).astype(np.float32),
        character_ND=character_ND,
    )


def _ages(count: int, rng: np.random.Generator) -> Doubles:
    """Years since first registration: some new, most used, a few vintage."""
    used_N = rng.gamma(1.9, 3.6, count)
    luck_N = rng.random(count)
    age_N = np.where(luck_N < 0.09, rng.uniform(0, 0.4, count), used_N)
    return np.where(luck_N > 0.985, rng.uniform(28, 60, count), np.minimum(age_N, 28))


def _mileages(kind_N: Ints, age_N: Doubles, rng: np.random.Generator) -> Doubles:
    yearly_N = np.array([kind.yearly_km for kind in KINDS])[kind_N]
    habit_N = np.exp(rng.normal(0, 0.4, len(age_N)))
    driven_N = yearly_N * habit_N * 9 * np.log1p(age_N / 9)  # old vehicles are driven less and less
    return np.minimum(np.round(driven_N, -2), 990_000)


def _prices(
    world: World,
    model_N: Ints,
    age_N: Doubles,
    mileage_N: Doubles,
    bargain_N: Doubles,
    rng: np.random.Generator,
) -> Doubles:
    """Asked prices in €: the model's new price, less age and mileage, less what makes it a bargain."""
    kind_N = world.kind_M[model_N]
    fade_N = np.array([kind.yearly_fade for kind in KINDS])[kind_N]
    yearly_N = np.array([max(kind.yearly_km, 1) for kind in KINDS])[kind_N]
    worn_N = np.minimum(mileage_N / yearly_N, 20) - np.minimum(age_N, 20) * 0.8
    vintage_N = np.maximum(age_N - 25, 0) * 0.05
    trim_N = rng.normal(0, 0.16, len(age_N))
    log_N = -fade_N * np.minimum(age_N, 22) - 0.02 * worn_N + vintage_N + trim_N - 0.1 * bargain_N
    price_N: Doubles = np.clip(np.round(world.price_M[model_N] * np.exp(log_N), -1), 150, 480_000)
    return price_N


def _consumptions(usual_N: Doubles, rng: np.random.Generator) -> Floats:
    return np.clip(usual_N * np.exp(rng.normal(0, 0.08, len(usual_N))), 0, 19.9).astype(np.float32)


def _lives(count: int, days: int, rng: np.random.Generator) -> tuple[Doubles, Ints, Ints]:
    """Return how good a bargain each ad is, its birth and its death, in the order of birth.

    Births are spread evenly from long before the start; only ads that are still there at the start
    count, so the stock consists of the long-lived ones, as in any market that has run for a while.
    """
    bargain_N = rng.normal(0, 1, count)
    median_N = MEDIAN_LIFE * np.exp(-0.25 * bargain_N)  # bargains are sold sooner
    born_N, died_N = np.empty(count), np.empty(count)
    open_N = np.arange(count)
    while len(open_N):
        birth = (np.floor(rng.uniform(-OLDEST_STOCK, days, len(open_N))) + _daytime(len(open_N), rng)) * DAY
        death = birth + np.maximum(median_N[open_N] * np.exp(rng.normal(0, 0.8, len(open_N))), DAY / 8)
        born_N[open_N], died_N[open_N] = birth, death
        open_N = open_N[death <= 0]
    order_N = np.argsort(born_N, kind="stable")
    return bargain_N[order_N], born_N[order_N].astype(np.int64), died_N[order_N].astype(np.int64) + 1


def _daytime(count: int, rng: np.random.Generator) -> Doubles:
    """Return when in the day an ad is placed, as a share of the day: mostly in working hours."""
    return rng.beta(5, 4, count)


def _places(count: int, rng: np.random.Generator) -> tuple[Ints, Floats, Floats]:
    shares = np.array([place.share for place in PLACES])
    place_N = rng.choice(len(PLACES), count, p=shares / shares.sum())
    around_N2: AnyArray = rng.normal(0, (0.25, 0.35), (count, 2))
    latitude_N = np.array([place.latitude for place in PLACES])[place_N] + around_N2[:, 0]
    longitude_N = np.array([place.longitude for place in PLACES])[place_N] + around_N2[:, 1]
    return place_N, latitude_N.astype(np.float32), longitude_N.astype(np.float32)
