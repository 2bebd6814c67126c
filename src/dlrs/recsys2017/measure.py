"""Measure: what a submission is worth by the challenge's rules.

score = Σ over target items of [ Σ over its users of userSuccess + itemSuccess ]
userSuccess = (1·clicked + 5·(bookmarked or replied) + 20·recruiter − 10·(only deleted)) · (2 if premium)
itemSuccess = 50 if the ad is paid for, else 25, where some userSuccess is above 0

P pairs of an item and a user
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from dlrs.arrays import Bools, Ints
from dlrs.recsys2017.official import TYPES

CLICK, KEPT, RECRUITER, DELETE = 1, 5, 20, -10
PREMIUM = 2
ITEM, PAID_ITEM = 25, 50
BITS = {name: 1 << number for number, name in enumerate(TYPES)}


@dataclass(frozen=True)
class Score:
    """What a submission is worth, and of what that is made."""

    users: int  # Σ userSuccess
    items: int  # Σ itemSuccess
    pairs: int
    successes: int  # pairs with a userSuccess above 0
    items_reached: int  # items with such a pair

    @property
    def total(self) -> int:
        """What the leaderboard shows."""
        return self.users + self.items


def did(type_E: Ints, pair_E: Ints, pairs: int) -> Ints:
    """Return for each pair which types of events there were, as a sum of `BITS`: (P,). Repeats count once.

    `type_E` are positions in `TYPES`, `pair_E` says to which of the pairs an event belongs.
    """
    did_P = np.zeros(pairs, dtype=np.int64)
    np.bitwise_or.at(did_P, pair_E, 1 << type_E)
    return did_P


def user_success(did_P: Ints, premium_P: Bools) -> Ints:
    """Return userSuccess of each pair, at most 52: (P,)."""

    def had(*names: str) -> Bools:
        return np.asarray((did_P & sum(BITS[name] for name in names)) != 0)

    chosen_P = had("click", "bookmark", "reply", "recruiter")
    points_P = (
        CLICK * had("click")
        + KEPT * had("bookmark", "reply")
        + RECRUITER * had("recruiter")
        + DELETE * (had("delete") & ~chosen_P)
    )
    success_P: Ints = points_P * np.where(premium_P, PREMIUM, 1)
    return success_P


def score(item_P: Ints, did_P: Ints, premium_P: Bools, paid_P: Bools) -> Score:
    """Return what pairs are worth: each once, with the item's number and whether its ad is paid for."""
    success_P = user_success(did_P, premium_P)
    reached, first = np.unique(item_P[success_P > 0], return_index=True)
    paid = paid_P[success_P > 0][first]
    return Score(
        users=int(success_P.sum()),
        items=int(np.where(paid, PAID_ITEM, ITEM).sum()),
        pairs=len(item_P),
        successes=int(np.count_nonzero(success_P > 0)),
        items_reached=len(reached),
    )
