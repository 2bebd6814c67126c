"""Successions: what users turned to after an item, as it was known at any moment.

E events of the log    S successions    R requests    H last items of each    M last successions of each
"""

from __future__ import annotations

import numpy as np
from scipy import sparse

from dlrs.arrays import Doubles, Ints
from dlrs.ranking.timelines import NO_EVENT, Timelines


class Successions:
    """For each item the items that users turned to within their next few events.

    A succession a → b is known from the moment after b: of item a only the last M of them count, so that the
    window is as short as the item is busy.
    """

    def __init__(
        self, user_E: Ints, item_E: Ints, time_E: Ints, *, steps: tuple[int, ...], most: int
    ) -> None:
        """Take who met what, in the order of time; in place of items it may be what kinds of items.

        Args:
            user_E: user rows.
            item_E: item rows.
            time_E: ascending.
            steps: b is the `step`-th event of a user after a, for each of these.
            most: M, successions of an item that count, the latest ones.
        """
        self.items, self.most = int(item_E.max(initial=-1)) + 1, most
        first_S, self._next_S, time_S = _successions(user_E, item_E, time_E, steps)
        self._after = Timelines(first_S, time_S)

    def shares(self, items_RH: Ints, moment_R: Ints, weight_H: Doubles) -> sparse.csr_array:
        """Return how likely each item comes after each request's last items: (R, items that came).

        It is Σ_h weight_h · c / (m + 1) for c of the last m ≤ M successions of item h: never more than
        Σ weight_h, and few successions say little.

        Args:
            items_RH: item rows, NO_EVENT where there are fewer.
            moment_R: only what came before it counts.
            weight_H: of the first, second, … column.
        """
        requests, width = items_RH.shape
        there_P = items_RH.ravel() != NO_EVENT
        keys_P = items_RH.ravel()[there_P]
        places_PM = self._after.last(keys_P, np.repeat(moment_R, width)[there_P], self.most)
        known_PM = places_PM != NO_EVENT
        weight_P = np.tile(weight_H, requests)[there_P] / (known_PM.sum(axis=1) + 1)
        row_P = np.repeat(np.arange(requests), width)[there_P]
        row_S = np.repeat(row_P, known_PM.sum(axis=1))
        weight_S = np.repeat(weight_P, known_PM.sum(axis=1)).astype(np.float32)
        next_S = self._next_S[places_PM[known_PM]]
        shares = sparse.coo_array((weight_S, (row_S, next_S)), shape=(requests, self.items)).tocsr()
        return sparse.csr_array(shares)  # sums up what comes twice


def _successions(user_E: Ints, item_E: Ints, time_E: Ints, steps: tuple[int, ...]) -> tuple[Ints, Ints, Ints]:
    """Return item, next item and the time of the next one, in the order of these times: all (S,)."""
    order_E = np.argsort(user_E, kind="stable")
    user_E, item_E, time_E = user_E[order_E], item_E[order_E], time_E[order_E]
    firsts, nexts, times = [], [], []
    for step in steps:
        same_E = (user_E[:-step] == user_E[step:]) & (item_E[:-step] != item_E[step:])
        firsts.append(item_E[:-step][same_E])
        nexts.append(item_E[step:][same_E])
        times.append(time_E[step:][same_E])
    time_S = np.concatenate(times)
    order_S = np.argsort(time_S, kind="stable")
    return np.concatenate(firsts)[order_S], np.concatenate(nexts)[order_S], time_S[order_S]
