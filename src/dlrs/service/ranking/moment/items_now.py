"""Items now: what the item storage says since the bundle, as the ranker's facts."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy import sparse

from dlrs.arrays import Ints
from dlrs.data.interactions import micros
from dlrs.ranking.live_facts import LiveFacts
from dlrs.ranking.past import timeless
from dlrs.ranking.stored_past import StoredPast
from dlrs.service.bundle import ServingBundle
from dlrs.service.candidates.encoding import raw_table
from dlrs.service.ranking.moment.names import Names
from dlrs.service.seams import Raw
from dlrs.service.stores import ItemChange


class ItemsNow:
    """Takes changes; `facts` are what items are after the last one. For one thread."""

    def __init__(self, bundle: ServingBundle, stored: StoredPast, names: Names) -> None:
        """Begin with the bundle's items."""
        self._bundle, self._names, self._stored = bundle, names, stored
        self._began: list[int] = []  # of the items that came
        self._version: dict[int, int] = {}  # by item row
        self._gone: set[int] = set()
        self._category_v = np.empty(0, dtype=np.int64)
        self._unit_vK: sparse.csr_array | None = None
        self.facts = LiveFacts(stored)

    def take(self, changes: Sequence[ItemChange]) -> None:
        """Take changes, ascending; what is older than the bundle's items is in them already."""
        as_of = micros(self._bundle.items_as_of)
        changes = [change for change in changes if change.time >= as_of]
        if not changes:
            return
        rows = self._names.added([change.item_id for change in changes]).tolist()
        bundled = self.facts.bundled
        first = bundled + len(self._category_v)
        came: list[Raw] = []
        for row, change in zip(rows, changes, strict=True):  # few: a change is an upload of somebody's
            if row - bundled >= len(self._began):
                self._began.append(change.time)
            if change.features is None:
                self._gone.add(row)
                self._version.setdefault(row, row if row < bundled else first)
            else:
                self._gone.discard(row)
                self._version[row] = first + len(came)
                came.append(change.features)
        self._encode(came)
        self.facts = self._facts()

    def _encode(self, came: Sequence[Raw]) -> None:
        if not came:
            return
        encoding, marketplace = self._bundle.encoding, self._bundle.recipe.marketplace
        table = raw_table(marketplace.features, came)
        codes_v = encoding.items.codes(marketplace.negatives_by, table[marketplace.negatives_by])
        units = timeless(encoding.encode_items(table), encoding.space, marketplace.features)
        before = self._unit_vK
        self._unit_vK = (
            units if before is None else sparse.csr_array(sparse.vstack([before, units], format="csr"))
        )
        self._category_v = np.concatenate([self._category_v, codes_v])

    def _facts(self) -> LiveFacts:
        rows_M = np.array(sorted(self._version), dtype=np.int64)
        versions_M: Ints = np.array([self._version[row] for row in rows_M.tolist()], dtype=np.int64)
        gone_M = np.isin(rows_M, np.array(sorted(self._gone), dtype=np.int64))
        return LiveFacts(
            self._stored,
            np.array(self._began, dtype=np.int64),
            rows_M,
            versions_M,
            gone_M,
            self._category_v,
            self._unit_vK,
        )
