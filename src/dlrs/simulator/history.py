"""History: how ads change from creation to deletion, version by version (method §1, §2).

Shapes as in `arrays`: V versions of N ads, sorted by (ad, time).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from dlrs.arrays import Bools, Doubles, Ints
from dlrs.simulator.ads import Ads
from dlrs.simulator.settings import DAY

OPERATIONS = ("create", "update", "delete")
CREATE, UPDATE, DELETE = range(3)
MEDIAN_CHANGES = 0.17  # a day; some dealers change theirs daily


@dataclass(frozen=True)
class History:
    """V versions of the ads. A deletion is a version too; it carries the last features."""

    item_V: Ints
    number_V: Ints  # 1, 2, …
    time_V: Ints  # seconds since the simulation's start; grows within an ad
    operation_V: Ints  # position in OPERATIONS
    price_V: Doubles  # €
    mileage_V: Doubles  # km

    @property
    def first_N(self) -> Ints:
        """First version of each ad."""
        return np.flatnonzero(self.operation_V == CREATE)


def draw_history(ads: Ads, end: int, rng: np.random.Generator) -> History:
    """Draw the versions of all ads up to `end`, in seconds since the simulation's start."""
    count = len(ads.born_N)
    until_N = np.minimum(ads.died_N, end)
    changes_N = _changes(until_N - ads.born_N, rng)
    changed_E = np.repeat(np.arange(count), changes_N)
    when_E = ads.born_N[changed_E] + (rng.random(len(changed_E)) * (until_N - ads.born_N)[changed_E])
    deleted = np.flatnonzero(ads.died_N < end)
    item_V = np.concatenate([np.arange(count), changed_E, deleted])
    time_V = np.concatenate([ads.born_N, when_E.astype(np.int64), ads.died_N[deleted]])
    operation_V = np.repeat([CREATE, UPDATE, DELETE], [count, len(changed_E), len(deleted)])
    order_V = np.lexsort((operation_V, time_V, item_V))
    item_V, time_V, operation_V = item_V[order_V], time_V[order_V], operation_V[order_V]
    kept_V = ~_same_moment(item_V, time_V, operation_V)
    return _numbered(ads, item_V[kept_V], time_V[kept_V], operation_V[kept_V], rng)


def _changes(lives_N: Ints, rng: np.random.Generator) -> Ints:
    """How often each ad changes: most seldom, a few daily."""
    daily_N = np.minimum(MEDIAN_CHANGES * np.exp(rng.normal(0, 1.0, len(lives_N))), 1.5)
    changes_N: Ints = rng.poisson(daily_N * lives_N / DAY)
    return changes_N


def _same_moment(item_V: Ints, time_V: Ints, operation_V: Ints) -> Bools:
    """Mark updates in the same second as another version of their ad: they would have no moment to hold."""
    same_V = (np.diff(item_V) == 0) & (np.diff(time_V) == 0)
    after_V, before_V = np.append(False, same_V), np.append(same_V, False)
    idle_V: Bools = (operation_V == UPDATE) & (after_V | before_V)
    return idle_V


def _numbered(ads: Ads, item_V: Ints, time_V: Ints, operation_V: Ints, rng: np.random.Generator) -> History:
    first_N = np.flatnonzero(operation_V == CREATE)
    number_V = np.arange(len(item_V)) - first_N[item_V] + 1
    updated_V = operation_V == UPDATE
    return History(
        item_V=item_V,
        number_V=number_V,
        time_V=time_V,
        operation_V=operation_V,
        price_V=_prices(ads, item_V, first_N, updated_V, rng),
        mileage_V=_mileages(ads, item_V, first_N, updated_V, rng),
    )


def _prices(ads: Ads, item_V: Ints, first_N: Ints, updated_V: Bools, rng: np.random.Generator) -> Doubles:
    """About half of the changes are a price drop, and few a raise."""
    luck_V, size_V = rng.random(len(item_V)), rng.uniform(0.01, 0.05, len(item_V))
    step_V = np.where(luck_V < 0.45, -size_V, np.where(luck_V > 0.96, size_V, 0.0))
    factor_V = np.exp(np.maximum(_running(step_V * updated_V, item_V, first_N), -0.5))
    return np.clip(np.round(ads.price_N[item_V] * factor_V, -1), 100, 480_000)


def _mileages(ads: Ads, item_V: Ints, first_N: Ints, updated_V: Bools, rng: np.random.Generator) -> Doubles:
    """Now and then a vehicle was driven on while it was for sale."""
    driven_V = np.where(rng.random(len(item_V)) < 0.04, rng.exponential(400, len(item_V)), 0.0)
    driven_V *= updated_V & ads.has_engine_N[item_V]
    return np.round(ads.mileage_N[item_V] + _running(driven_V, item_V, first_N))


def _running(steps_V: Doubles, item_V: Ints, first_N: Ints) -> Doubles:
    """Sum the steps of each ad up to each of its versions; its first step must be 0."""
    total_V = np.cumsum(steps_V)
    running_V: Doubles = total_V - total_V[first_N][item_V]
    return running_V
