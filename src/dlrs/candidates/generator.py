"""Candidate generation: narrow the catalogue to the items worth ranking.

An index only *proposes*. Exclusion and the cut to T happen here, once: the index is asked for as
many more as a user has known positives, so that a long history never uses up the T places.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import sparse

from dlrs.arrays import NO_ITEM, Floats, Ints, stores
from dlrs.candidates.index import ItemIndex

GROUP = 128
"""Users looked up together know about as many items, so that one long history lengthens few searches."""


@dataclass(frozen=True)
class Candidates:
    """T positions in the catalogue for each of U users, nearest first, padded with `NO_ITEM`."""

    positions_UT: Ints
    similarity_UT: Floats  # −inf where padded


def generate(index: ItemIndex, queries_UD: Floats, count: int, known_UN: sparse.csr_array) -> Candidates:
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


def _generate(index: ItemIndex, queries_UD: Floats, count: int, known_UN: sparse.csr_array) -> Candidates:
    most_known = int(np.diff(known_UN.indptr).max(initial=0))
    positions_UT, similarity_UT = index.propose(queries_UD, count + most_known)
    keep_UT = ~stores(known_UN, positions_UT)
    order_UT = np.argsort(~keep_UT, axis=1, kind="stable")[:, :count]
    kept_UT = np.take_along_axis(keep_UT, order_UT, axis=1)
    return Candidates(
        np.where(kept_UT, np.take_along_axis(positions_UT, order_UT, axis=1), NO_ITEM),
        np.where(kept_UT, np.take_along_axis(similarity_UT, order_UT, axis=1), -np.inf).astype(np.float32),
    )
