"""Assignment: who is told of which item, where each user hears of one item at most and items have room.

Of the pairs that are offered, those with the largest sum of values are chosen. Few pairs are a linear
program, solved exactly (its matrix is totally unimodular, so a vertex is an assignment). Many go to an
auction (Bertsekas, 1988; with several places an item: Bertsekas & Castañón, 1989): users bid for the item
that is worth most to them at its price, a full item keeps the highest bids and costs as much as the lowest of
them. The prices that it ends with bound from above what any assignment can reach, so that it is known how far
from the best it may be.

    E pairs    U users    I items    S places of an item
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import sparse
from scipy.optimize import linprog

from dlrs.arrays import Bools, Doubles, Ints, gather_ranges
from dlrs.errors import DlrsError

EXACT = 50_000
"""Pairs up to which the linear program is solved: a second or two."""

PRECISION = 1e-3
"""What a bid goes beyond what is needed, as a share of what users' best pairs are worth on average: about so
much may be lost."""


@dataclass(frozen=True)
class Assignment:
    """The chosen pairs, as positions among those offered, ascending; their sum, and a bound for any sum."""

    chosen: Ints
    value: float
    bound: float

    @property
    def gap(self) -> float:
        """The share of the bound that may be missing."""
        return 0.0 if self.bound <= 0 else max(0.0, 1 - self.value / self.bound)


def assign(user_E: Ints, item_E: Ints, value_E: Doubles, places: int, *, exact: int = EXACT) -> Assignment:
    """Choose pairs: of each user one at most, of each item `places` at most, worth most together.

    A pair that is worth nothing, or less, is never chosen.

    Args:
        user_E: user of each pair, any numbers.
        item_E: item of each pair, any numbers; no pair twice.
        value_E: what it is worth.
        places: users that an item may have.
        exact: pairs up to which the answer is the best one; beyond, it is within about `PRECISION`.
    """
    worth = np.flatnonzero(value_E > 0)
    if len(worth) == 0:
        return Assignment(worth, 0.0, 0.0)
    _, user = np.unique(user_E[worth], return_inverse=True)
    _, item = np.unique(item_E[worth], return_inverse=True)
    value = np.asarray(value_E[worth], dtype=np.float64)
    if len(worth) <= exact:
        chosen = _by_program(user, item, value, places)
        bound = float(value[chosen].sum())
    else:
        chosen, bound = _Auction(user, item, value, places).run()
    return Assignment(worth[np.sort(chosen)], float(value[chosen].sum()), bound)


def _by_program(user_E: Ints, item_E: Ints, value_E: Doubles, places: int) -> Ints:
    users, items, E = int(user_E.max()) + 1, int(item_E.max()) + 1, len(value_E)
    rows = np.concatenate([user_E, users + item_E])
    limits = sparse.csr_array((np.ones(2 * E), (rows, np.tile(np.arange(E), 2))), shape=(users + items, E))
    room = np.concatenate([np.ones(users), np.full(items, float(places))])
    solved = linprog(-value_E, A_ub=limits, b_ub=room, bounds=(0, 1), method="highs-ds")
    if solved.status != 0:
        raise DlrsError(f"assignment: expected HiGHS to solve it, received: {solved.message}")
    return np.flatnonzero(solved.x > 0.5)


class _Auction:
    """One auction. Prices begin at 0 and only rise; an item that is not full costs nothing."""

    def __init__(self, user_E: Ints, item_E: Ints, value_E: Doubles, places: int) -> None:
        order = np.argsort(user_E, kind="stable")
        self._order = order
        self._item_E, self._value_E = item_E[order], value_E[order]
        counts_U = np.bincount(user_E)
        self._starts_U1 = np.concatenate(([0], np.cumsum(counts_U)))
        best_U = np.maximum.reduceat(self._value_E, self._starts_U1[:-1])
        self._step = PRECISION * float(best_U.mean())
        items = int(item_E.max()) + 1
        self._places = places
        self._price_I = np.zeros(items)
        self._pair_U = np.full(len(counts_U), -1)  # the pair that each user holds, in the order of users
        self._bid_U = np.zeros(len(counts_U))

    def run(self) -> tuple[Ints, float]:
        """Return the chosen pairs, as given, and the bound."""
        bidding_U = np.arange(len(self._pair_U))
        while len(bidding_U):
            bidders_B, pair_B, bid_B = self._bids(bidding_U)
            self._pair_U[bidders_B], self._bid_U[bidders_B] = pair_B, bid_B
            bidding_U = self._outbid(self._item_E[pair_B])
        chosen: Ints = self._order[self._pair_U[self._pair_U >= 0]]
        return chosen, self._bound()

    def _bids(self, users_B: Ints) -> tuple[Ints, Ints, Doubles]:
        """Return who of some users bids, for which pair, and how much: up to what the second best leaves."""
        starts_B, lengths_B = self._starts_U1[users_B], np.diff(self._starts_U1)[users_B]
        pairs = gather_ranges(starts_B, lengths_B)
        net = self._value_E[pairs] - self._price_I[self._item_E[pairs]]
        first_B = np.concatenate(([0], np.cumsum(lengths_B)[:-1]))
        best_B = np.maximum.reduceat(net, first_B)
        is_best = np.flatnonzero(net == np.repeat(best_B, lengths_B))
        owner = np.repeat(np.arange(len(users_B)), lengths_B)[is_best]
        _, once = np.unique(owner, return_index=True)
        place_B = is_best[once]
        net[place_B] = 0  # what staying out is worth, in place of the best
        second_B = np.maximum(np.maximum.reduceat(net, first_B), 0)
        some = best_B > 0
        pair_B = pairs[place_B]
        bid_B = self._value_E[pair_B] - second_B + self._step
        return users_B[some], pair_B[some], bid_B[some]

    def _outbid(self, touched: Ints) -> Ints:
        """Leave each item that got bids its highest, set its price, and return who lost his place."""
        is_touched_I: Bools = np.zeros(len(self._price_I), dtype=np.bool_)
        is_touched_I[touched] = True
        holders = np.flatnonzero(self._pair_U >= 0)
        item = self._item_E[self._pair_U[holders]]
        holders, item = holders[is_touched_I[item]], item[is_touched_I[item]]
        order = np.lexsort((holders, -self._bid_U[holders], item))
        holders, item = holders[order], item[order]
        starts = np.flatnonzero(np.diff(item, prepend=-1) != 0)
        counts = np.diff(starts, append=len(item))
        rank = np.arange(len(item)) - np.repeat(starts, counts)
        full = counts >= self._places
        last = starts[full] + self._places - 1
        self._price_I[item[last]] = self._bid_U[holders[last]]
        lost: Ints = holders[rank >= self._places]
        self._pair_U[lost] = -1
        return lost

    def _bound(self) -> float:
        """Return the value of the dual program at the prices: no assignment is worth more."""
        net_U = np.maximum.reduceat(self._value_E - self._price_I[self._item_E], self._starts_U1[:-1])
        return float(np.maximum(net_U, 0).sum() + self._places * self._price_I.sum())
