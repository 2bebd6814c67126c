"""BundleItems: what a bundle knows of its items, by their ids: raw features, and which were popular.

A items of the bundle, ascending by id
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from dlrs.arrays import Ints
from dlrs.candidates.bundled import BundledItems
from dlrs.candidates.live.items import positions_of
from dlrs.schema import Features
from dlrs.service.candidates.records import Records

MOST_POPULAR = 20_000
"""Items known as popular: more are never wanted."""


class BundleItems:
    """Reading only: shared by all threads."""

    def __init__(self, stored: BundledItems, features: Features) -> None:
        """Take what is stored."""
        ids_A = self._ids_A = stored.ids_A
        table = stored.table.select(list(features.names))
        self.records = Records(table, stored.attributes.columns)
        self.representations = stored.representations
        recent_A = stored.retrieval.recent_A
        self.popular_ids = ids_A[:0] if recent_A is None else ids_A[_most_first(recent_A)]

    def __len__(self) -> int:
        return len(self._ids_A)

    def rows(self, ids: Sequence[str]) -> Ints:
        """Return where each item is in the bundle, −1 where it is not."""
        return positions_of(self._ids_A, np.array([_encoded(id) for id in ids], dtype=np.bytes_))

    def features(self, ids: Sequence[str]) -> dict[str, dict[str, Any]]:
        """Return the raw features of those items that the bundle has."""
        rows = self.rows(ids).tolist()
        there = [id for id, row in zip(ids, rows, strict=True) if row >= 0]
        return dict(zip(there, self.records.of([row for row in rows if row >= 0]), strict=True))


def _encoded(id: str) -> bytes:
    """Return an id's UTF-8; one that no item can have must not become another's: numpy cuts NUL off."""
    return id.encode(errors="surrogatepass").replace(b"\0", b"\xff")


def _most_first(recent_A: Ints) -> Ints:
    rows = np.flatnonzero(recent_A)
    return rows[np.argsort(-recent_A[rows], kind="stable")][:MOST_POPULAR]
