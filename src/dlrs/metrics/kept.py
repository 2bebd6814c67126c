"""Metrics of candidates, which are sets: pure functions, one value for each user.

A items of the catalogue    T candidates, K wanted items, both as positions in it, −1 at padding

kept@k    share of the k best of all items that the candidates hold: recall of the gold standard
recall    share of the items relevant to the user that they hold, which no ranking of them can better
"""

from __future__ import annotations

import numpy as np
from scipy import sparse

from dlrs.arrays import Doubles, Ints, stores


def kept(candidates_UT: Ints, best_UK: Ints, k: int, items: int) -> Doubles:
    """Return the share of the first k of `best_UK` that is among the candidates: (U,), in [0, 1].

    Of fewer than k best ones, of these; 0 where there are none.
    """
    wanted_UK = best_UK[:, :k]
    found_UK = stores(_members(candidates_UT, items), wanted_UK)
    return np.asarray(found_UK.sum(axis=1) / np.maximum((wanted_UK >= 0).sum(axis=1), 1))


def recall(candidates_UT: Ints, relevant_UA: sparse.csr_array) -> Doubles:
    """Return the share of the items stored for each user that is among his candidates: (U,), in [0, 1].

    0 where none is stored.
    """
    found_U = stores(relevant_UA, candidates_UT).sum(axis=1)
    return np.asarray(found_U / np.maximum(np.diff(relevant_UA.indptr), 1))


def _members(positions_UT: Ints, items: int) -> sparse.csr_array:
    user_L, place_L = np.nonzero(positions_UT >= 0)
    entries = np.ones(len(user_L), dtype=np.bool_), (user_L, positions_UT[user_L, place_L])
    return sparse.csr_array(entries, shape=(len(positions_UT), items))
