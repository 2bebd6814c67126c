"""Popular: what users without a profile see, whatever their arm: the ads of the last week's most events.

U users    K places of a list    T ads, most popular first
"""

from __future__ import annotations

import numpy as np
from scipy import sparse

from dlrs.arrays import NO_ITEM, Floats, Ints
from dlrs.candidates.generator import generate
from dlrs.closed_loop.serving import Day
from dlrs.simulator.settings import DAY

WINDOW = 7  # days


class PopularIndex:
    """An `candidates.index.Proposes` that proposes the same positions to everybody."""

    def __init__(self, count_A: Ints) -> None:
        self._order_A = np.argsort(-count_A, kind="stable")

    def __len__(self) -> int:
        return len(self._order_A)

    def propose(self, queries_UD: Floats, count: int) -> tuple[Ints, Floats]:
        """Return the `count` most popular positions, and minus their places as similarities."""
        best_T = self._order_A[:count]
        shape = (len(queries_UD), len(best_T))
        places_T = -np.arange(len(best_T), dtype=np.float32)
        return np.broadcast_to(best_T, shape), np.broadcast_to(places_T, shape)


def popular_lists(day: Day, k: int) -> Ints:
    """Return the k most popular ads that each user of the day has not met: (U, K)."""
    log, theirs, users = day.log, day.theirs, len(day.users_U)
    recent_E = log.item_E[log.time_E >= (day.day - WINDOW) * DAY]
    ads = int(max(day.ads_A.max(initial=0), log.item_E.max(initial=0))) + 1
    count_N = np.bincount(recent_E, minlength=ads)
    index = PopularIndex(count_N[day.ads_A])
    at = np.searchsorted(day.users_U, theirs.user_E), theirs.item_E
    ones = np.ones(len(at[0]), dtype=np.float32)
    known_UN = sparse.csr_array(sparse.coo_array((ones, at), shape=(users, ads)).tocsr())
    nothing_U0 = np.empty((users, 0), dtype=np.float32)
    found = generate(index, nothing_U0, k, sparse.csr_array(known_UN[:, day.ads_A]))
    positions_UK = np.full((users, k), NO_ITEM, dtype=np.int64)
    positions_UK[:, : found.positions_UT.shape[1]] = found.positions_UT
    ads_UK: Ints = np.where(positions_UK == NO_ITEM, NO_ITEM, day.ads_A[positions_UK])
    return ads_UK
