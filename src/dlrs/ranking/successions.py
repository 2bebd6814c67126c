"""Successions: what users turned to after an item, as it was known at any moment.

E events of the log    S successions    R requests    H last items of each    M last successions of each
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from dlrs.arrays import NO_ITEM, Bools, Columns, Doubles, Ints, StoredArrays, positions_in
from dlrs.ranking.known import Followed
from dlrs.ranking.timelines import NO_EVENT, Timelines

MOST = 200
"""Successions of an item that count, the latest ones: the window is as short as the item is busy."""


class Successions:
    """For each item the items that users turned to within their next few events.

    A succession a → b is known from the moment after b: of item a only the last M of them count.
    """

    def __init__(
        self,
        user_E: Ints,
        item_E: Ints,
        time_E: Ints,
        *,
        steps: tuple[int, ...],
        most: int = MOST,
        new_E: Bools | None = None,
    ) -> None:
        """Take who met what, in the order of time; in place of items it may be what kinds of items.

        Args:
            user_E: user rows.
            item_E: item rows.
            time_E: ascending.
            steps: b is the `step`-th event of a user after a, for each of these.
            most: M.
            new_E: b is one of these events; None: any.
        """
        self.items, self.most = int(item_E.max(initial=-1)) + 1, most
        first_S, self._next_S, time_S = _successions(user_E, item_E, time_E, steps, new_E)
        self._after = Timelines(first_S, time_S)

    def latest(self, keys_P: Ints, moments_P: Ints) -> Ints:
        """Return what came after each item before each moment, latest first: (P, M)."""
        places_PM = self._after.last(keys_P, moments_P, self.most)
        if not len(self._next_S):
            return places_PM
        return np.where(places_PM != NO_EVENT, self._next_S[places_PM], NO_EVENT)

    def stored(self) -> LastSuccessions:
        """Return the last M of each item, whatever the moment, to be kept."""
        keys_K = np.arange(self.items)
        starts_K = self._after.before(keys_K, np.array(0))
        ends_K = self._after.before(keys_K + 1, np.array(0))
        lengths_K = np.minimum(ends_K - starts_K, self.most)
        place_S = self._after.sorted_E % (len(self._after) + 1)
        kept_S = np.arange(len(place_S)) >= np.repeat(ends_K - lengths_K, ends_K - starts_K)
        starts_K1 = np.concatenate(([0], np.cumsum(lengths_K)))
        return LastSuccessions(starts_K1, self._next_S[place_S[kept_S]].astype(np.int32))


@dataclass(frozen=True)
class LastSuccessions(StoredArrays):
    """The last successions of K items until some moment; who asks, asks later."""

    starts_K1: Ints
    next_S: Columns  # of each item, the earliest first

    @property
    def items(self) -> int:
        """K."""
        return len(self.starts_K1) - 1

    def latest(self, keys_P: Ints, moments_P: Ints) -> Ints:
        """Return what came after each item, latest first, at most MOST of it: (P, MOST)."""
        inside_P = keys_P < self.items
        safe_P = np.where(inside_P, keys_P, 0)
        if not len(self.next_S):
            return np.full((len(keys_P), MOST), NO_EVENT)
        found_PM = self.starts_K1[safe_P + 1][:, None] - 1 - np.arange(MOST)
        there_PM = (found_PM >= self.starts_K1[safe_P][:, None]) & inside_P[:, None]
        return np.where(there_PM, self.next_S[np.where(there_PM, found_PM, 0)], NO_EVENT).astype(np.int64)


@dataclass(frozen=True)
class Shares:
    """How likely items come after what R requests had last: E entries above 0, by request and item."""

    requests: int
    row_E: Ints
    item_E: Ints
    value_E: Doubles

    def at(self, items_RC: Ints) -> Doubles:
        """Return the shares of some items of each request, 0 where there is none: (R, C)."""
        columns = 1 + max(int(self.item_E.max(initial=0)), int(items_RC.max(initial=0)))
        wanted_P = (np.arange(self.requests)[:, None] * columns + items_RC).ravel()
        place_P = positions_in(self.row_E * columns + self.item_E, wanted_P)
        if not len(self.value_E):
            return np.zeros(items_RC.shape)
        return np.where(place_P >= 0, self.value_E[place_P], 0).reshape(items_RC.shape)

    def best(self, most: int) -> Ints:
        """Return the items of the largest shares of each request, best first, ties by item: (R, most)."""
        order_E = np.lexsort((-self.value_E, self.row_E))  # stable: equal ones stay in the order of items
        first_R = np.searchsorted(self.row_E, np.arange(self.requests))
        rank_E = np.arange(len(self.row_E)) - first_R[self.row_E]
        kept_E = rank_E < most
        best_RK = np.full((self.requests, most), NO_ITEM)
        best_RK[self.row_E[kept_E], rank_E[kept_E]] = self.item_E[order_E][kept_E]
        return best_RK


def shares(followed: Followed, items_RH: Ints, moment_R: Ints, weight_H: Doubles) -> Shares:
    """Return how likely each item comes after each request's last items.

    It is Σ_h weight_h · c / (m + 1) for c of the last m ≤ M successions of item h: never more than
    Σ weight_h, and few successions say little.

    Args:
        followed: the successions.
        items_RH: item rows, NO_EVENT where there are fewer.
        moment_R: only what came before it counts.
        weight_H: of the first, second, … column.
    """
    requests, width = items_RH.shape
    there_P = items_RH.ravel() != NO_EVENT
    next_PM = followed.latest(items_RH.ravel()[there_P], np.repeat(moment_R, width)[there_P])
    known_PM = next_PM != NO_EVENT
    known_P = known_PM.sum(axis=1)
    weight_P = np.tile(weight_H, requests)[there_P] / (known_P + 1)
    row_P = np.repeat(np.arange(requests), width)[there_P]
    next_S = next_PM[known_PM]
    columns = 1 + int(next_S.max(initial=0))
    key_S = np.repeat(row_P * columns, known_P) + next_S
    order_S = np.argsort(key_S, kind="stable")
    key_S = key_S[order_S]
    first_E = np.flatnonzero(np.diff(key_S, prepend=-1))
    weight_S = np.repeat(weight_P, known_P)[order_S]
    value_E = np.add.reduceat(weight_S, first_E) if len(first_E) else weight_S
    row_E, item_E = np.divmod(key_S[first_E], columns)
    return Shares(requests, row_E, item_E, value_E)


def _successions(
    user_E: Ints, item_E: Ints, time_E: Ints, steps: tuple[int, ...], new_E: Bools | None
) -> tuple[Ints, Ints, Ints]:
    """Return item, next item and the time of the next one, in the order of these times: all (S,)."""
    order_E = np.argsort(user_E, kind="stable")
    user_E, item_E, time_E = user_E[order_E], item_E[order_E], time_E[order_E]
    new_E = np.ones(len(order_E), dtype=np.bool_) if new_E is None else new_E[order_E]
    firsts, nexts, times = [], [], []
    for step in steps:
        same_E = (user_E[:-step] == user_E[step:]) & (item_E[:-step] != item_E[step:]) & new_E[step:]
        firsts.append(item_E[:-step][same_E])
        nexts.append(item_E[step:][same_E])
        times.append(time_E[step:][same_E])
    time_S = np.concatenate(times)
    order_S = np.argsort(time_S, kind="stable")
    return np.concatenate(firsts)[order_S], np.concatenate(nexts)[order_S], time_S[order_S]
