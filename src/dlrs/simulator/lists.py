"""Lists: which ads a visit gets to see before anything is chosen.

Three ways lead to an ad: a search within the subcategory, a search for a model, and the ads that
are on everybody's pages. Each shows ads with a strong pull rather than others.

Shapes: N ads, A ads of a day, G groups, T tickets, R visits, L places of a list.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from dlrs.arrays import NO_ITEM, Bools, Columns, Floats, Ints
from dlrs.simulator.ads import Ads
from dlrs.simulator.settings import DAY

SEARCHED, BY_MODEL, ANYWHERE = 80, 15, 25  # places of each list that are filled each way
RANKING = 0.7  # how far the lists follow the pull; 0: not at all
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

    by_subcategory: Shelf
    by_model: Shelf
    anywhere: Shelf

    @classmethod
    def of(cls, ads: Ads) -> Shelves:
        """Sort all ads by what they are searched by."""
        subcategories, models = int(ads.subcategory_N.max()) + 1, int(ads.model_N.max()) + 1
        return cls(
            Shelf.sorted_by(ads.subcategory_N, subcategories),
            Shelf.sorted_by(ads.model_N, models),
            Shelf.sorted_by(np.zeros_like(ads.model_N), 1),
        )

    def on(self, alive_N: Bools, pull_N: Floats, rng: np.random.Generator) -> Market:
        """Return what a day offers."""
        weight_N = np.exp(np.float32(RANKING) * pull_N)
        shelves = (self.by_subcategory, self.by_model, self.anywhere)
        return Market(*(shelf.tickets(alive_N, weight_N, rng) for shelf in shelves))


@dataclass(frozen=True)
class Market:
    """The ads that are there on one day."""

    by_subcategory: Tickets
    by_model: Tickets
    anywhere: Tickets

    def lists(self, subcategory_R: Ints, model_R: Ints, rng: np.random.Generator) -> tuple[Columns, Bools]:
        """Return the ads on the list of each visit, and which places of it are filled; no ad twice."""
        ways = (
            (self.by_subcategory, subcategory_R, SEARCHED),
            (self.by_model, model_R, BY_MODEL),
            (self.anywhere, np.zeros_like(model_R), ANYWHERE),
        )
        drawn = [
            tickets.draw(np.broadcast_to(group_R[:, None], (len(group_R), places)), rng)
            for tickets, group_R, places in ways
        ]
        list_RL = np.sort(np.concatenate(drawn, axis=1), axis=1)
        real_RL = list_RL != NO_ITEM
        real_RL[:, 1:] &= list_RL[:, 1:] != list_RL[:, :-1]
        return list_RL, real_RL


def pull(ads: Ads, price_N: Floats, day: int) -> Floats:
    """Return what draws everyone to an ad on a day: appeal, freshness, price drops. `price_N`: log €."""
    days_N = np.maximum(day + 0.5 - ads.born_N / DAY, 0)
    cheaper_N = np.log(ads.price_N) - price_N
    pull_N = ads.appeal_N - 0.7 * np.log1p(days_N) + 3.0 * cheaper_N
    return pull_N.astype(np.float32)
