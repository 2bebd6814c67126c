"""Live facts: what items are now: those of a bundle, and what came of items since.

Item rows below N are the bundle's, in the order of their ids; what comes later has rows from N on. Version
rows likewise: those below N are of the bundle's items as they were at its end.

    N items of the bundle    n later ones    M items that changed    v versions that came    P any
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from scipy import sparse

from dlrs.arrays import AnyArray, Bools, Ints, positions_in
from dlrs.ranking.stored_past import StoredPast


@dataclass(frozen=True)
class LiveFacts:
    """Facts of now; see `known.Facts`. Whatever moment is asked about, versions are those of now."""

    stored: StoredPast
    first_from_n: Ints = field(default_factory=lambda: np.empty(0, dtype=np.int64))
    row_M: Ints = field(default_factory=lambda: np.empty(0, dtype=np.int64))  # ascending
    version_M: Ints = field(default_factory=lambda: np.empty(0, dtype=np.int64))
    gone_M: Bools = field(default_factory=lambda: np.empty(0, dtype=np.bool_))
    category_v: Ints = field(default_factory=lambda: np.empty(0, dtype=np.int64))
    unit_vK: sparse.csr_array | None = None

    @property
    def bundled(self) -> int:
        """N."""
        return len(self.stored.arrays.first_from_N)

    @property
    def items(self) -> int:
        """N + n."""
        return self.bundled + len(self.first_from_n)

    def alive_at(self, moment: int) -> Ints:
        """Return the rows of the items that are there now and had begun by then, ascending."""
        alive = np.concatenate([self.stored.arrays.alive_N, np.ones(len(self.first_from_n), dtype=np.bool_)])
        alive[self.row_M] = ~self.gone_M
        rows = np.flatnonzero(alive)
        return rows[self.first_from(rows) <= moment]

    def version_at(self, items_P: Ints, moments_P: Ints) -> Ints:
        """Return the version of each item: of any shape."""
        if not len(self.row_M):
            return items_P
        place_P = positions_in(self.row_M, items_P.ravel()).reshape(items_P.shape)
        return np.where(place_P >= 0, self.version_M[place_P], items_P)

    def alive(self, items_P: Ints, moments_P: Ints) -> Bools:
        """Tell whether each item is there now."""
        known = items_P < self.bundled
        alive_P = np.where(known, self.stored.arrays.alive_N[np.where(known, items_P, 0)], True)
        place_P = positions_in(self.row_M, items_P)
        if len(self.row_M):
            alive_P = np.where(place_P >= 0, ~self.gone_M[place_P], alive_P)
        return np.asarray(alive_P)

    def first_from(self, items_P: Ints) -> Ints:
        """Return when each item began: of any shape."""
        return _either(self.stored.arrays.first_from_N, self.first_from_n, items_P)

    def categories(self, versions_P: Ints) -> Ints:
        """Return the category of each version, −1 where it is missing: of any shape."""
        return _either(self.stored.arrays.category_N, self.category_v, versions_P)

    def units(self, versions_P: Ints) -> sparse.csr_array:
        """Return the features of versions: (P, K)."""
        later_P = versions_P >= self.bundled
        if self.unit_vK is None or not later_P.any():
            return self._bundled_units[versions_P]
        order_P = np.empty(len(versions_P), dtype=np.int64)
        order_P[np.argsort(later_P, kind="stable")] = np.arange(len(versions_P))
        parts = self._bundled_units[versions_P[~later_P]], self.unit_vK[versions_P[later_P] - self.bundled]
        return sparse.csr_array(sparse.vstack(parts, format="csr"))[order_P]

    @cached_property
    def _bundled_units(self) -> sparse.csr_array:
        return self.stored.unit_NK


def _either(bundled_N: AnyArray, later_n: Ints, rows_P: Ints) -> Ints:
    """Return the value of each row: of the bundle, or of what came later."""
    if not len(later_n):
        return bundled_N[rows_P].astype(np.int64)
    later = rows_P >= len(bundled_N)
    old_P = bundled_N[np.where(later, 0, rows_P)] if len(bundled_N) else np.zeros(rows_P.shape, np.int64)
    new_P = later_n[np.where(later, rows_P - len(bundled_N), 0)]
    return np.where(later, new_P, old_P)
