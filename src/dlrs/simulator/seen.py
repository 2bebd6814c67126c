"""Seen: which users and ads have met. A user chooses among what is new to him; the rest is in the chains.

Shapes: P choices, R visits, L places of a list, N ads.
"""

from __future__ import annotations

import numpy as np

from dlrs.arrays import Bools, Columns, Ints
from dlrs.simulator.choices import Choices
from dlrs.simulator.settings import DAY


class Seen:
    """Pairs of a user and an ad that is still there, as ascending numbers."""

    def __init__(self, items: int) -> None:
        self._items = items
        self._pairs = np.zeros(0, dtype=np.int64)

    def on_lists(self, user_R: Ints, list_RL: Columns) -> Bools:
        """Tell which ads on the lists of some visits, by user, their users have seen on earlier days."""
        if not len(user_R):
            return np.zeros(list_RL.shape, dtype=np.bool_)
        low, high = np.searchsorted(self._pairs, [user_R[0] * self._items, (user_R[-1] + 1) * self._items])
        return _among(user_R[:, None] * self._items + list_RL, self._pairs[low:high])

    def first_looks(self, choices: Choices) -> Choices:
        """Keep the first choice of each pair that has not met before, by user and ad; remember it."""
        pair_P = choices.user_P * self._items + choices.item_P
        order_P = np.argsort(pair_P * DAY + choices.time_P % DAY, kind="stable")
        pair_P = pair_P[order_P]
        new_P = np.append(True, np.diff(pair_P) > 0)[: len(pair_P)] & ~_among(pair_P, self._pairs)
        self._pairs = np.sort(np.concatenate([self._pairs, pair_P[new_P]]), kind="stable")
        return choices.take(order_P[new_P])

    def forget(self, gone_N: Bools) -> None:
        """Drop the pairs of ads that are gone."""
        self._pairs = self._pairs[~gone_N[self._pairs % self._items]]


def _among(values: Ints, ascending: Ints) -> Bools:
    if not len(ascending):
        return np.zeros(values.shape, dtype=np.bool_)
    near = np.searchsorted(ascending, values).clip(max=len(ascending) - 1)
    among: Bools = ascending[near] == values
    return among
