"""History: how ads change from creation to deletion, version by version (method §1, §2).

An ad is edited when its seller sits down to it, mostly in its first days, and then often saved several
times within minutes; its price changes at any time of its life. What is exported begins with the
simulation: of the versions before it only the last one of each ad is kept, with its number.

Shapes as in `arrays`: V versions of N ads, sorted by (ad, time).
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from functools import cached_property

import numpy as np

from dlrs.arrays import AnyArray, Bools, Doubles, Floats, Ints
from dlrs.simulator.ads import Ads
from dlrs.simulator.car_facts import car_facts
from dlrs.simulator.settings import DAY

OPERATIONS = ("create", "update", "delete")
CREATE, UPDATE, DELETE = range(3)

# The kinds of changes; of those in the same second the later one here stays.
BIRTH, EDIT, PRICING, DEATH = range(4)
OPERATION_OF = np.array([CREATE, UPDATE, UPDATE, DELETE], dtype=np.int8)

SITTINGS, SITTINGS_SPREAD = 2.5, 0.8  # lognormal: median and spread over ads, in a whole life
SAVES = 2.0  # of a sitting, on average
SAVE_SECONDS = 600  # between two of them, on average
EARLY = 1.5  # a sitting is at (uniform ** EARLY) of a life: half of them in its first third

PRICINGS_SPREAD = 1.0  # over ads, of how often their price changes (lognormal)

DRIVEN = 0.04  # share of the edits that write down that the vehicle was driven on
DRIVEN_KM = 400


@dataclass(frozen=True)
class History:
    """V versions of the ads. A deletion is a version too; it carries the last features."""

    item_V: Ints
    number_V: Ints  # 1, 2, …; of the ads that are there at the start the first one may be later
    time_V: Ints  # seconds since the simulation's start; grows within an ad
    operation_V: AnyArray  # int8: position in OPERATIONS
    price_V: Floats  # €
    mileage_V: Floats  # km

    @cached_property
    def first_N(self) -> Ints:
        """First version of each ad."""
        return np.flatnonzero(np.diff(self.item_V, prepend=-1))

    def take(self, chosen: slice | Bools) -> History:
        """Return some of the versions."""
        return History(*(getattr(self, field.name)[chosen] for field in fields(self)))


def draw_history(ads: Ads, end: int, rng: np.random.Generator) -> History:
    """Draw the versions of all ads up to `end`, in seconds since the simulation's start."""
    item_V, time_V, kind_V = _sorted(*_changes(ads, end, rng))
    first_N = np.flatnonzero(kind_V == BIRTH)
    history = History(
        item_V=item_V,
        number_V=np.arange(len(item_V)) - first_N[item_V] + 1,
        time_V=time_V,
        operation_V=OPERATION_OF[kind_V],
        price_V=_prices(ads, item_V, first_N, kind_V == PRICING, rng),
        mileage_V=_mileages(ads, item_V, first_N, kind_V == EDIT, rng),
    )
    return history.take(~_replaced(item_V, time_V))


def _changes(ads: Ads, end: int, rng: np.random.Generator) -> tuple[Ints, Ints, AnyArray]:
    """Return ad, time and kind of every change, in no order."""
    edited, edits = _edits(ads, rng)
    priced, pricings = _pricings(ads, rng)
    items = [np.arange(len(ads.born_N)), edited, priced, np.arange(len(ads.born_N))]
    item_V = np.concatenate(items)
    time_V = np.concatenate([ads.born_N, edits, pricings, ads.died_N])
    kind_V = np.repeat(np.arange(DEATH + 1), [len(item) for item in items])
    happens_V = (time_V < end) & ((time_V < ads.died_N[item_V]) | (kind_V == DEATH))
    return item_V[happens_V], time_V[happens_V], kind_V[happens_V]


def _edits(ads: Ads, rng: np.random.Generator) -> tuple[Ints, Ints]:
    """Return ad and time of each save: some sittings in the life of an ad, some saves in each."""
    usual_N = SITTINGS * np.exp(rng.normal(0, SITTINGS_SPREAD, len(ads.born_N)))
    item_S = np.repeat(np.arange(len(usual_N)), rng.poisson(usual_N))
    life_S = ads.died_N[item_S].astype(np.int64) - ads.born_N[item_S]
    time_S = ads.born_N[item_S] + 1 + rng.random(len(item_S)) ** EARLY * life_S
    saves_S = rng.geometric(1 / SAVES, len(item_S))
    wait_E = rng.exponential(SAVE_SECONDS, int(saves_S.sum()))
    since_E = np.cumsum(wait_E) - np.repeat(
        (np.cumsum(wait_E) - wait_E)[np.cumsum(saves_S) - saves_S], saves_S
    )
    return np.repeat(item_S, saves_S), (np.repeat(time_S, saves_S) + since_E).astype(np.int64)


def _pricings(ads: Ads, rng: np.random.Generator) -> tuple[Ints, Ints]:
    """Return ad and time of each change of a price."""
    life_N = ads.died_N.astype(np.int64) - ads.born_N
    habit_N = np.exp(rng.normal(-(PRICINGS_SPREAD**2) / 2, PRICINGS_SPREAD, len(life_N)))
    item_E = np.repeat(
        np.arange(len(life_N)), rng.poisson(car_facts().pricings.daily * habit_N * life_N / DAY)
    )
    return item_E, ads.born_N[item_E] + 1 + (rng.random(len(item_E)) * life_N[item_E]).astype(np.int64)


def _sorted(item_V: Ints, time_V: Ints, kind_V: Ints) -> tuple[Ints, Ints, AnyArray]:
    """Sort by ad, time and kind, packed into one number; of changes in the same second keep the last."""
    offset = -min(int(time_V.min(initial=0)), 0)
    span = int(time_V.max(initial=0)) + offset + 1
    packed_V = np.sort(((item_V * span + time_V + offset) << 2) + kind_V)
    moment_V = packed_V >> 2
    lasting_V = np.append(np.diff(moment_V) > 0, True)
    item_V, time_V = np.divmod(moment_V[lasting_V], span)
    return item_V, time_V - offset, (packed_V[lasting_V] & 3).astype(np.int8)


def _replaced(item_V: Ints, time_V: Ints) -> Bools:
    """Mark versions that another one of their ad replaces by the start."""
    replaced_V: Bools = np.append((np.diff(item_V) == 0) & (time_V[1:] <= 0), False)
    return replaced_V


def _prices(ads: Ads, item_V: Ints, first_N: Ints, priced_V: Bools, rng: np.random.Generator) -> Floats:
    """Prices fall by some percent, and now and then rise."""
    facts, count = car_facts().pricings, int(priced_V.sum())
    size = facts.step * np.exp(rng.normal(0, facts.spread, count))
    step_V = np.zeros(len(item_V))
    step_V[priced_V] = np.where(rng.random(count) < facts.raises, size, -size)
    factor_V = np.exp(np.clip(_running(step_V, item_V, first_N), -0.6, 0.3))
    return np.clip(np.round(ads.price_N[item_V] * factor_V, -1), 100, 480_000).astype(np.float32)


def _mileages(ads: Ads, item_V: Ints, first_N: Ints, edited_V: Bools, rng: np.random.Generator) -> Floats:
    """Now and then a vehicle was driven on while it was for sale."""
    edited = np.flatnonzero(edited_V & ads.has_engine_N[item_V])
    driven = edited[rng.random(len(edited)) < DRIVEN]
    step_V = np.zeros(len(item_V))
    step_V[driven] = np.round(rng.exponential(DRIVEN_KM, len(driven)))
    return (ads.mileage_N[item_V] + _running(step_V, item_V, first_N)).astype(np.float32)


def _running(steps_V: Doubles, item_V: Ints, first_N: Ints) -> Doubles:
    """Sum the steps of each ad up to each of its versions; its first step must be 0."""
    total_V = np.cumsum(steps_V)
    running_V: Doubles = total_V - total_V[first_N][item_V]
    return running_V
