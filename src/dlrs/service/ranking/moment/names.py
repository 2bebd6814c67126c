"""Names: which row each item and each user has, those of the bundle first, then whoever comes."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from dlrs.arrays import Ints
from dlrs.candidates.filtering.columns import Texts, as_texts
from dlrs.candidates.live.items import decoded, positions_of

UNKNOWN = -1


class Names:
    """Rows by id. One thread adds, any number read."""

    def __init__(self, ids: Texts) -> None:
        """Take the ids of the bundle, ascending."""
        self._ids = ids
        self._later: dict[str, int] = {}
        self._names: list[str] = []  # of these, in their order
        self._again: set[str] = set()

    def __len__(self) -> int:
        return len(self._ids) + len(self._names)

    def rows(self, ids: Sequence[str]) -> Ints:
        """Return the row of each id, UNKNOWN where it has none."""
        rows = positions_of(self._ids, as_texts(ids))
        if self._later:
            for place in np.flatnonzero(rows < 0).tolist():
                rows[place] = self._later.get(ids[place], UNKNOWN)
        if self._again:
            for place, id in enumerate(ids):
                rows[place] = self._later[id] if id in self._again else rows[place]
        return rows

    def added(self, ids: Sequence[str]) -> Ints:
        """Return the row of each id; those that have none get the next ones."""
        rows = self.rows(ids)
        for place in np.flatnonzero(rows < 0).tolist():
            if (id := ids[place]) not in self._later:  # one may be there twice
                self._begin(id)
            rows[place] = self._later[id]
        return rows

    def anew(self, id: str) -> None:
        """Let an id begin again: what its old row stands for is nobody's any more."""
        if id in self._later:
            self._names[self._later[id] - len(self._ids)] = ""
        self._begin(id)
        self._again.add(id)

    def ids(self, rows: Ints) -> list[str]:
        """Return the ids of some rows, in the order given."""
        known = len(self._ids)
        found = decoded(self._ids[np.minimum(rows, known - 1)]) if known else [""] * len(rows)
        if self._names:
            for place in np.flatnonzero(rows >= known).tolist():
                found[place] = self._names[rows[place] - known]
        return found

    def _begin(self, id: str) -> None:
        self._names.append(id)
        self._later[id] = len(self) - 1
