"""Candidate generation: narrow the catalogue to the items worth ranking.

An index only *proposes*, and so does every other source. Filters, exclusion and the cut to T happen here,
once: it is asked for as many more as a user has known positives, so that a long history never uses up the
T places.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from scipy import sparse

from dlrs.arrays import NO_ITEM, Bools, Floats, Ints, stores
from dlrs.candidates.cut import cut
from dlrs.candidates.filtering.planner import Filtered
from dlrs.candidates.filtering.where import Where
from dlrs.candidates.index import Proposes

GROUP = 128
"""Users looked up together know about as many items, so that one long history lengthens few searches."""


Propose = Callable[[Ints, int], tuple[Ints, Floats]]
"""Finds so many items for some users, by position; as `Proposes.propose`, but filled up with `NO_ITEM`."""


@dataclass(frozen=True)
class Candidates:
    """T positions in the catalogue for each of U users, nearest first, padded with `NO_ITEM`."""

    positions_UT: Ints
    similarity_UT: Floats  # −inf where padded

    def take(self, rows: Ints) -> Candidates:
        """Return those of some users, in the order given."""
        return Candidates(self.positions_UT[rows], self.similarity_UT[rows])


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
        index, known_UN = Filtered(index, where), admitted(known_UN, where)
    count = min(count, len(index))
    return generate_by(lambda users, most: index.propose(queries_UD[users], most), count, known_UN)


def generate_by(propose: Propose, count: int, known_UN: sparse.csr_array) -> Candidates:
    """Return the first `count` items that are not known to the user, of whatever proposes; see `generate`."""
    order_U = np.argsort(np.diff(known_UN.indptr), kind="stable")
    groups = [order_U[start : start + GROUP] for start in range(0, max(1, len(order_U)), GROUP)]
    found = [_generate(propose, users, count, known_UN[users]) for users in groups]
    back_U = np.argsort(order_U)
    return Candidates(
        np.concatenate([part.positions_UT for part in found])[back_U],
        np.concatenate([part.similarity_UT for part in found])[back_U],
    )


def merge(found: Sequence[Candidates], shares: Sequence[float]) -> Candidates:
    """Return the candidates of several sources as lists as long as theirs, each item once.

    The i-th item of a source stands before the j-th of another if (i − ½) / share is less than (j − ½) / its
    share, so that every head of the list is in proportion to the shares. An item that several name counts
    for the one where it stands first, and what a source lacks is made up by the others. A share of 0 is
    for what all the others lack.
    """
    if len(found) == 1:
        return found[0]
    with np.errstate(divide="ignore"):
        places = [
            (np.arange(part.positions_UT.shape[1]) + 0.5) / np.float64(share)
            for part, share in zip(found, shares, strict=True)
        ]
    order = np.argsort(np.concatenate(places), kind="stable")
    positions_UM = np.hstack([part.positions_UT for part in found])[:, order]
    similarity_UM = np.hstack([part.similarity_UT for part in found])[:, order]
    keep_UM = (positions_UM != NO_ITEM) & _first_of_equals(positions_UM)
    count = max(part.positions_UT.shape[1] for part in found)
    return Candidates(*cut(positions_UM, similarity_UM, keep_UM, count))


def admitted(known_UN: sparse.csr_array, where: Where) -> sparse.csr_array:
    """Return what is known of the items that `where` admits: the rest lengthens no search."""
    admitted_E = where.test(known_UN.indices)
    ends_U = np.concatenate(([0], np.cumsum(admitted_E)))[known_UN.indptr]
    return sparse.csr_array(
        (known_UN.data[admitted_E], known_UN.indices[admitted_E], ends_U), shape=known_UN.shape
    )


def _generate(propose: Propose, users: Ints, count: int, known_UN: sparse.csr_array) -> Candidates:
    most_known = int(np.diff(known_UN.indptr).max(initial=0))
    positions_UT, similarity_UT = propose(users, count + most_known)
    keep_UT = (positions_UT != NO_ITEM) & ~stores(known_UN, positions_UT)
    return Candidates(*cut(positions_UT, similarity_UT, keep_UT, count))


def _first_of_equals(values_UM: Ints) -> Bools:
    """Tell which values stand in no earlier column of their row."""
    order_UM = np.argsort(values_UM, axis=1, kind="stable")
    sorted_UM = np.take_along_axis(values_UM, order_UM, axis=1)
    first_UM = np.ones(values_UM.shape, dtype=np.bool_)
    np.put_along_axis(first_UM, order_UM[:, 1:], sorted_UM[:, 1:] != sorted_UM[:, :-1], axis=1)
    return first_UM
