"""Candidate generation: narrow the catalogue to the items worth ranking.

An index only *proposes*. Exclusion and the cut to T happen here, once: the index is asked for as
many more as a user has known positives, so that a long history never uses up the T places.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import sparse

from dlrs.arrays import NO_ITEM, Floats, Ints, stores
from dlrs.candidates.index import Proposes

GROUP = 128
"""Users looked up together know about as many items, so that one long history lengthens few searches."""


@dataclass(frozen=True)
class Candidates:
    """T positions in the catalogue for each of U users, nearest first, padded with `NO_ITEM`."""

    positions_UT: Ints
    similarity_UT: Floats  # −inf where padded


def generate(index: Proposes, queries_UD: Floats, count: int, known_UN: sparse.csr_array) -> Candidates:
    """Return the `count` nearest items that are not known to the user.

    `known_UN` has a column for each position in the index; what it stores is known. A list is
    shorter than min(count, N) only if the unknown items run out.
    """
    order_U = np.argsort(np.diff(known_UN.indptr), kind="stable")
    groups = [order_U[start : start + GROUP] for start in range(0, max(1, len(order_U)), GROUP)]
    found = [_generate(index, queries_UD[users], count, known_UN[users]) for users in groups]
    back_U = np.argsort(order_U)
    return Candidates(
        np.concatenate([part.positions_UT for part in found])[back_U],
        np.concatenate([part.similarity_UT for part in found])[back_U],
    )


def _generate(index: Proposes, queries_UD: Floats, count: int, known_UN: sparse.csr_array) -> Candidates:
    most_known = int(np.diff(known_UN.indptr).max(initial=0))
    positions_UT, similarity_UT = index.propose(queries_UD, count + most_known)
    keep_UT = ~stores(known_UN, positions_UT)
    place_UT = np.cumsum(keep_UT, axis=1) - 1
    user_L, old_L = np.nonzero(keep_UT & (place_UT < count))
    shape = len(queries_UD), min(count, len(index))
    found = Candidates(np.full(shape, NO_ITEM), np.full(shape, -np.inf, dtype=np.float32))
    places = user_L, place_UT[user_L, old_L]
    found.positions_UT[places] = positions_UT[user_L, old_L]
    found.similarity_UT[places] = similarity_UT[user_L, old_L]
    return found
