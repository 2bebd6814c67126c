"""Lists: which ads a visit gets to see before anything is chosen.

Three ways lead to an ad: a search within the subcategory, a search for a model, and the ads that
are on everybody's pages. Each shows ads with a strong pull rather than others.

Shapes: N ads, R visits, L ads of a list.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from dlrs.arrays import Bools, Doubles, Ints
from dlrs.simulator.ads import Ads
from dlrs.simulator.settings import DAY

SEARCHED, BY_MODEL, ANYWHERE = 80, 15, 25  # ads of each list that come each way
RANKING = 0.7  # how far the lists follow the pull; 0: not at all


@dataclass(frozen=True)
class Shelf:
    """Ads in an order that keeps groups together, and the group of each."""

    item: Ints
    group: Ints

    @classmethod
    def sorted_by(cls, group_N: Ints) -> Shelf:
        """Sort all ads by group."""
        order_N = np.argsort(group_N, kind="stable")
        return cls(order_N, group_N[order_N])

    def only(self, wanted_N: Bools) -> Shelf:
        """Keep the wanted ads."""
        kept = wanted_N[self.item]
        return Shelf(self.item[kept], self.group[kept])

    def draw(
        self, group_R: Ints, weight_N: Doubles, count: int, rng: np.random.Generator
    ) -> tuple[Ints, Bools]:
        """Draw `count` ads of a group for each visit, by weight and some twice; none if there are none."""
        low_R, high_R = np.searchsorted(self.group, group_R), np.searchsorted(self.group, group_R, "right")
        reach = np.append(0.0, np.cumsum(weight_N[self.item]))
        aim_RL = rng.uniform(reach[low_R][:, None], reach[high_R][:, None], (len(group_R), count))
        place_RL = np.searchsorted(reach, aim_RL, side="right") - 1
        place_RL = np.clip(place_RL, low_R[:, None], np.maximum(high_R - 1, low_R)[:, None])
        real_RL = np.broadcast_to((high_R > low_R)[:, None], place_RL.shape)
        return np.append(self.item, 0)[place_RL], real_RL


@dataclass(frozen=True)
class Market:
    """The ads that are there on one day, or always."""

    by_subcategory: Shelf
    by_model: Shelf
    anywhere: Shelf

    @classmethod
    def of(cls, ads: Ads) -> Market:
        """Sort all ads by what they are searched by."""
        nothing_N = np.zeros_like(ads.model_N)
        return cls(*(Shelf.sorted_by(group_N) for group_N in (ads.subcategory_N, ads.model_N, nothing_N)))

    def on(self, day: int, ads: Ads) -> Market:
        """Keep the ads that are there at any moment of a day."""
        alive_N = (ads.born_N < (day + 1) * DAY) & (ads.died_N > day * DAY)
        return Market(*(shelf.only(alive_N) for shelf in (self.by_subcategory, self.by_model, self.anywhere)))

    def lists(
        self, subcategory_R: Ints, model_R: Ints, pull_N: Doubles, rng: np.random.Generator
    ) -> tuple[Ints, Bools]:
        """Return the ads on the list of each visit, and which places of it are filled; no ad twice."""
        weight_N = np.exp(RANKING * pull_N)
        drawn = (
            self.by_subcategory.draw(subcategory_R, weight_N, SEARCHED, rng),
            self.by_model.draw(model_R, weight_N, BY_MODEL, rng),
            self.anywhere.draw(np.zeros_like(model_R), weight_N, ANYWHERE, rng),
        )
        list_RL = np.concatenate([items for items, _ in drawn], axis=1)
        real_RL = np.concatenate([real for _, real in drawn], axis=1)
        order_RL = np.argsort(np.where(real_RL, list_RL, -1), axis=1)
        list_RL, real_RL = np.take_along_axis(list_RL, order_RL, 1), np.take_along_axis(real_RL, order_RL, 1)
        real_RL[:, 1:] &= list_RL[:, 1:] != list_RL[:, :-1]
        return list_RL, real_RL


def pull(ads: Ads, price_N: Doubles, day: int) -> Doubles:
    """Return what draws everyone to an ad on a day: appeal, freshness, price drops. `price_N`: log €."""
    days_N = np.maximum(day + 0.5 - ads.born_N / DAY, 0)
    cheaper_N = np.log(ads.price_N) - price_N
    pull_N: Doubles = ads.appeal_N - 0.7 * np.log1p(days_N) + 3.0 * cheaper_N
    return pull_N
