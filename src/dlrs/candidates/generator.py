"""Candidate generation: narrow the catalogue to the items worth ranking.

An index only *proposes*. Filters, exclusion and the cut to T happen here, once: the index is asked for as
many more as a user has known positives, so that a long history never uses up the T places.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import sparse

from dlrs.arrays import Floats, Ints, stores
from dlrs.candidates.cut import cut
from dlrs.candidates.filtering.planner import Filtered
from dlrs.candidates.filtering.where import Where
from dlrs.candidates.index import Proposes

GROUP = 128
"""Users looked up together know about as many items, so that one long history lengthens few searches."""


@dataclass(frozen=True)
class Candidates:
    """T positions in the catalogue for each of U users, nearest first, padded with `NO_ITEM`."""

    positions_UT: Ints
    similarity_UT: Floats  # −inf where padded


def generate(
    index: Proposes,
    queries_UD: Floats,
    count: int,
    known_UN: sparse.csr_array,
    where: Where | None = None,
) -> Candidates:
    """Return the `count` nearest items that are not known to the user, and that `where` admits.

    `known_UN` has a column for each position in the index; what it stores is known. A list is
    shorter than min(count, N) only if the unknown items run out, or those that pass the filters.
    """
    if where is not None:
        index, known_UN = Filtered(index, where), _admitted(known_UN, where)
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
    return Candidates(*cut(positions_UT, similarity_UT, keep_UT, min(count, len(index))))


def _admitted(known_UN: sparse.csr_array, where: Where) -> sparse.csr_array:
    """Return what is known of the items that `where` admits: the rest lengthens no search."""
    admitted_E = where.test(known_UN.indices)
    ends_U = np.concatenate(([0], np.cumsum(admitted_E)))[known_UN.indptr]
    return sparse.csr_array(
        (known_UN.data[admitted_E], known_UN.indices[admitted_E], ends_U), shape=known_UN.shape
    )
