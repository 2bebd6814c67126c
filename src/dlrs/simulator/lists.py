"""Lists: which ads a visit gets to see before anything is chosen.

Four ways lead to an ad: searches within the subcategory by price and by region, a search for a model,
and the ads that are on everybody's pages. Each shows ads with a strong pull rather than others.

Shapes: N ads, A ads of a day, G groups, T tickets, R visits, L places of a list.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from dlrs.arrays import NO_ITEM, Bools, Columns, Doubles, Floats, Ints
from dlrs.simulator.ads import Ads
from dlrs.simulator.settings import DAY
from dlrs.simulator.wants import Wants

BY_PRICE, BY_REGION, BY_MODEL, ANYWHERE = 40, 40, 20, 10  # places of each list that are filled each way
APPEAL, FADING = 1.0, 0.7  # weights in the pull
RANKING = 0.4  # how far the lists follow the pull; 0: not at all
LOWEST, WIDTH, BANDS = 5.0, 0.4, 21  # price bands, log €
SOUTH, WEST, SQUARE, ROWS, COLUMNS = 40.0, -5.0, 120.0, 18, 18  # regions, degrees and km
CELLS = ROWS * COLUMNS
NORTH, EAST = 111.0, 71.0  # km in a degree
TICKETS = 4  # of an ad, on average: to draw one by weight is to draw a ticket


@dataclass(frozen=True)
class Tickets:
    """Ads by group, each as often as its weight says. A draw by weight costs one look-up."""

    item_T: Columns
    start_G: Ints  # the first ticket of each group, and T at the end

    def draw(self, group_RL: Ints, rng: np.random.Generator) -> Columns:
        """Draw an ad of each group; `NO_ITEM` of an empty one."""
        start_RL = self.start_G[group_RL]
        count_RL = self.start_G[group_RL + 1] - start_RL
        ticket_RL = start_RL + (rng.random(group_RL.shape) * count_RL).astype(np.int64)
        return np.where(count_RL > 0, np.append(self.item_T, NO_ITEM)[ticket_RL], NO_ITEM).astype(np.int32)


@dataclass(frozen=True)
class Shelf:
    """All ads in an order that keeps groups together."""

    item_N: Columns
    group_N: Columns  # of the ad at the same place
    groups: int

    @classmethod
    def sorted_by(cls, group_N: Ints, groups: int) -> Shelf:
        """Sort all ads by group."""
        order_N = np.argsort(group_N, kind="stable")
        return cls(order_N.astype(np.int32), group_N[order_N].astype(np.int32), groups)

    def tickets(self, alive_N: Bools, weight_N: Floats, rng: np.random.Generator) -> Tickets:
        """Give tickets to the ads of a day."""
        kept = alive_N[self.item_N]
        item_A, group_A = self.item_N[kept], self.group_N[kept]
        weight_A = weight_N[item_A]
        share_A = weight_A * (TICKETS * len(item_A) / max(float(weight_A.sum(dtype=np.float64)), 1e-9))
        count_A = np.floor(share_A + rng.random(len(item_A), dtype=np.float32)).astype(np.int64)
        ends_G = np.cumsum(np.bincount(group_A, count_A, self.groups)).astype(np.int64)
        return Tickets(np.repeat(item_A, count_A), np.append(0, ends_G))


@dataclass(frozen=True)
class Shelves:
    """All ads, sorted by what they are searched by."""

    by_price: Shelf
    by_region: Shelf
    by_model: Shelf
    anywhere: Shelf

    @classmethod
    def of(cls, ads: Ads) -> Shelves:
        """Sort all ads by what they are searched by. Price bands are those of the first price."""
        body_N = ads.subcategory_N
        bodies = int(body_N.max()) + 1
        return cls(
            Shelf.sorted_by(body_N * BANDS + band(np.log(ads.price_N)), bodies * BANDS),
            Shelf.sorted_by(body_N * CELLS + cell(ads.latitude_N, ads.longitude_N), bodies * CELLS),
            Shelf.sorted_by(ads.model_N, int(ads.model_N.max()) + 1),
            Shelf.sorted_by(np.zeros_like(ads.model_N), 1),
        )

    def on(self, alive_N: Bools, pull_N: Floats, rng: np.random.Generator) -> Searches:
        """Return what a day offers."""
        weight_N = np.exp(np.float32(RANKING) * pull_N)
        shelves = (self.by_price, self.by_region, self.by_model, self.anywhere)
        return Searches(*(shelf.tickets(alive_N, weight_N, rng) for shelf in shelves))


@dataclass(frozen=True)
class Searches:
    """The ways to the ads of one day."""

    by_price: Tickets
    by_region: Tickets
    by_model: Tickets
    anywhere: Tickets

    def lists(self, wants: Wants, rng: np.random.Generator) -> tuple[Columns, Bools]:
        """Return the ads on the list of each visit, oldest first; no ad counts twice."""
        visits, body_R1 = len(wants), wants.subcategory_R[:, None]
        band_RL = band(_around(wants.price_R, wants.tolerance_R, BY_PRICE, rng))
        north_R, east_R = wants.radius_R / (3 * NORTH), wants.radius_R / (3 * EAST)
        latitude_RL = _around(wants.latitude_R, north_R, BY_REGION, rng)
        cell_RL = cell(latitude_RL, _around(wants.longitude_R, east_R, BY_REGION, rng))
        drawn = [
            self.by_price.draw(body_R1 * BANDS + band_RL, rng),
            self.by_region.draw(body_R1 * CELLS + cell_RL, rng),
            self.by_model.draw(np.broadcast_to(wants.model_R[:, None], (visits, BY_MODEL)), rng),
            self.anywhere.draw(np.zeros((visits, ANYWHERE), np.int64), rng),
        ]
        list_RL = np.sort(np.concatenate(drawn, axis=1), axis=1)
        real_RL = list_RL != NO_ITEM
        real_RL[:, 1:] &= list_RL[:, 1:] != list_RL[:, :-1]
        return list_RL, real_RL


def band(price: Doubles | Floats) -> Ints:
    """Return the price band of log €."""
    band: Ints = np.clip((price - LOWEST) / WIDTH, 0, BANDS - 1).astype(np.int64)
    return band


def cell(latitude: Doubles | Floats, longitude: Doubles | Floats) -> Ints:
    """Return the region of a place: a square of a grid over where ads are."""
    row = np.clip((latitude - SOUTH) * NORTH / SQUARE, 0, ROWS - 1).astype(np.int64)
    column = np.clip((longitude - WEST) * EAST / SQUARE, 0, COLUMNS - 1).astype(np.int64)
    return row * COLUMNS + column


def _around(middle_R: Floats, spread_R: Floats, places: int, rng: np.random.Generator) -> Floats:
    spread_RL = spread_R[:, None] * rng.standard_normal((len(middle_R), places), dtype=np.float32)
    return middle_R[:, None] + spread_RL


def pull(ads: Ads, price_N: Floats, day: int) -> Floats:
    """Return what draws everyone to an ad on a day: appeal, freshness, price drops. `price_N`: log €."""
    days_N = np.maximum(day + 0.5 - ads.born_N / DAY, 0)
    cheaper_N = np.log(ads.price_N) - price_N
    pull_N = APPEAL * ads.appeal_N - FADING * np.log1p(days_N) + 3.0 * cheaper_N
    return pull_N.astype(np.float32)
