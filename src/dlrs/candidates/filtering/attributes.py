"""Attributes: the filterable features of a catalogue, laid out once and asked many times.

    attributes.json    number of items; name and kind of each feature
    0/, 1/, …          their columns

They never change and may be mapped from their folder, shared by processes.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from operator import attrgetter
from pathlib import Path
from typing import Self

import numpy as np

from dlrs.arrays import Bools, Ints
from dlrs.candidates.filtering.columns import Numbers, Sets
from dlrs.candidates.filtering.filters import Filter
from dlrs.candidates.filtering.kinds import Kind, Kinds, check, kinds_of
from dlrs.candidates.filtering.passing import Passing, look_up
from dlrs.data.values import ColumnTable, values_of
from dlrs.schema import Features

FILE = "attributes.json"

DENSE = 0.05
"""From this share of the items on, columns are read from end to end instead of by lists of rows."""


@dataclass(frozen=True)
class Attributes:
    """What each of N items has, by feature."""

    kinds: Kinds
    columns: Mapping[str, Numbers | Sets]
    items: int

    @classmethod
    def build(cls, table: ColumnTable, features: Features) -> Self:
        """Lay out ids and raw features of an item table: `Published.items`, or rows of `Versions`."""
        kinds = kinds_of(features)
        columns = {name: _column(table, name, kind, features) for name, kind in kinds.items()}
        return cls(kinds, columns, table.num_rows)

    def save(self, folder: Path) -> None:
        """Write everything into `folder`, which is made if need be."""
        folder.mkdir(parents=True, exist_ok=True)
        for number, name in enumerate(self.kinds):
            self.columns[name].save(folder / str(number))
        content = {"items": self.items, "kinds": dict(self.kinds)}
        (folder / FILE).write_text(json.dumps(content, indent=1), encoding="utf-8")

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Map what `save` wrote into memory, read-only."""
        content = json.loads((folder / FILE).read_text(encoding="utf-8"))
        kinds: Kinds = content["kinds"]
        columns = {
            name: (Numbers if kind in ("number", "time") else Sets).load(folder / str(number))
            for number, (name, kind) in enumerate(kinds.items())
        }
        return cls(kinds, columns, content["items"])

    def __len__(self) -> int:
        return self.items

    def passing(self, filters: Sequence[Filter]) -> Selection:
        """Return the items that pass all filters, to be counted, listed or tested.

        Raises:
            RequestError: a filter asks for a feature that there is not, or for what it does not have.
        """
        check(filters, self.kinds)
        passing = sorted((look_up(f, self.columns) for f in filters), key=attrgetter("at_most"))
        return Selection(tuple(passing), self.items)


@dataclass(frozen=True)
class Selection:
    """The items that pass all of some filters, of which the tightest comes first."""

    passing: tuple[Passing, ...]
    items: int

    @property
    def at_most(self) -> int:
        """How many they are, or more: what the tightest filter leaves."""
        return self.passing[0].at_most if self.passing else self.items

    def rows(self) -> Ints:
        """Return them, ascending: those that pass the tightest filter, tested by the others."""
        if self.at_most > DENSE * self.items:
            return np.flatnonzero(self._read())
        if not self.passing:
            return np.arange(self.items)
        rows_R = self.passing[0].rows()
        for other in self.passing[1:]:
            rows_R = rows_R[other.test(rows_R)]
        return rows_R

    def mask(self) -> Bools:
        """Tell for all items: (N,)."""
        if self.at_most > DENSE * self.items:
            return self._read()
        mask_N = np.zeros(self.items, dtype=np.bool_)
        mask_N[self.rows()] = True
        return mask_N

    def test(self, rows_R: Ints) -> Bools:
        """Tell for some items: (R,)."""
        passed_R = np.ones(len(rows_R), dtype=np.bool_)
        for one in self.passing:
            passed_R &= one.test(rows_R)
        return passed_R

    def _read(self) -> Bools:
        mask_N = np.ones(self.items, dtype=np.bool_)
        for one in self.passing:
            mask_N &= one.mask()
        return mask_N


def _column(table: ColumnTable, name: str, kind: Kind, features: Features) -> Numbers | Sets:
    if kind in ("number", "time"):
        return Numbers.build(table[name].cast("float64").fill_null(np.nan).to_numpy())
    values = values_of(table, name, features)
    there_E = values.code_E >= 0
    return Sets.build(values.row_E[there_E], values.code_E[there_E], values.values_X, table.num_rows)
