"""AttributeRows: filterable features of a small set of items that grows one by one, as a live index's does.

There is no order to look things up in: a filter is held against every row, which for 20,000 of them takes
less than a millisecond. One thread may append while others ask: a question sees the rows that were whole when
it began.

    M rows so far   E entries
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, assert_never

import numpy as np
import pyarrow as pa

from dlrs.arrays import AnyArray, Bools, Doubles, Ints, positions_in
from dlrs.candidates.filtering.filters import AnyOf, Between, Filter, NoneOf, Within
from dlrs.candidates.filtering.kinds import Kinds, check
from dlrs.candidates.filtering.sphere import within
from dlrs.errors import DataError

CODE_BITS = 32
CODE = (1 << CODE_BITS) - 1

ROOM = 64
"""Values that an array has room for at first."""


class AttributeRows:
    """What each of M items has, by feature."""

    def __init__(self, kinds: Kinds) -> None:
        """Begin without rows; `kinds` are those of the catalogue's `Attributes`."""
        self.kinds = kinds
        self._rows = 0
        numeric = [name for name, kind in kinds.items() if kind in ("number", "time")]
        self._numbers = {name: _Grown(np.empty(0)) for name in numeric}
        self._sets = {n: _GrowingSets({}, np.empty(0, dtype=np.int64)) for n in kinds if n not in numeric}

    def __len__(self) -> int:
        return self._rows

    def append(self, record: Mapping[str, Any]) -> int:
        """Add an item, as a row of an item table says it, and return its row. What it lacks is missing.

        Raises:
            DataError: a value is not of its feature's kind; then nothing was added.
        """
        numbers = {name: _number(name, record.get(name)) for name in self._numbers}
        texts = {name: _texts(name, record.get(name)) for name in self._sets}
        for name, number in numbers.items():
            self._numbers[name].append(number)
        for name, values in texts.items():
            self._sets[name].append(self._rows, values)
        self._rows += 1  # last: from now on it is seen
        return self._rows - 1

    def extend(self, table: pa.Table) -> None:
        """Add the items of a table, one by one. DataError as in `append`, after the rows before."""
        named = [name for name in table.column_names if name in self.kinds]
        for record in table.select(named).to_pylist():
            self.append(record)

    def take(self, rows_R: Ints) -> AttributeRows:
        """Return some of the rows, ascending, to grow on their own: what is left when others are folded."""
        taken = AttributeRows(self.kinds)
        taken._numbers = {name: _Grown(grown.values[rows_R]) for name, grown in self._numbers.items()}
        taken._sets = {name: sets.take(rows_R) for name, sets in self._sets.items()}
        taken._rows = len(rows_R)
        return taken

    def mask(self, filters: Sequence[Filter]) -> Bools:
        """Tell which rows pass all filters: (M,).

        Raises:
            RequestError: see `kinds.check`.
        """
        check(filters, self.kinds)
        mask_M = np.ones(self._rows, dtype=np.bool_)
        for wanted in filters:
            mask_M &= self._passing(wanted, len(mask_M))
        return mask_M

    def _passing(self, wanted: Filter, rows: int) -> Bools:
        match wanted:
            case Between():
                low, high = wanted.bounds
                number_M = self._number_M(wanted.feature, rows)
                inside_M: Bools = (number_M >= low) & (number_M <= high)
                return inside_M
            case AnyOf():
                return self._sets[wanted.feature].having(wanted.any_of, rows)
            case NoneOf():
                return ~self._sets[wanted.feature].having(wanted.none_of, rows)
            case Within():
                latitude_M = self._number_M(wanted.latitude_feature, rows)
                longitude_M = self._number_M(wanted.longitude_feature, rows)
                return within(latitude_M, longitude_M, wanted.latitude, wanted.longitude, wanted.within_km)
            case _:
                assert_never(wanted)

    def _number_M(self, name: str, rows: int) -> Doubles:
        number_M: Doubles = self._numbers[name].array[:rows]
        return number_M


class _Grown:
    """An array with room behind its end; one that became too small is replaced, not changed."""

    def __init__(self, values: AnyArray) -> None:
        self.count = len(values)
        self.array: AnyArray = np.concatenate([values, np.empty(ROOM, dtype=values.dtype)])

    @property
    def values(self) -> AnyArray:
        return self.array[: self.count]

    def append(self, value: float) -> None:
        if self.count == len(self.array):
            self.array = np.concatenate([self.array, np.empty_like(self.array)])
        self.array[self.count] = value
        self.count += 1


class _GrowingSets:
    """Pairs of a row and the code of a value, both in one integer: no reader sees half of a pair."""

    def __init__(self, codes: dict[str, int], pair_E: Ints) -> None:
        self._codes = codes
        self._pairs = _Grown(pair_E)

    def append(self, row: int, values: Iterable[str]) -> None:
        for value in values:
            self._pairs.append(row << CODE_BITS | self._codes.setdefault(value, len(self._codes)))

    def take(self, rows_R: Ints) -> _GrowingSets:
        pair_E = self._pairs.values
        row_E = positions_in(rows_R, pair_E >> CODE_BITS)
        taken_E = row_E >= 0
        return _GrowingSets(dict(self._codes), row_E[taken_E] << CODE_BITS | pair_E[taken_E] & CODE)

    def having(self, values: Iterable[str], rows: int) -> Bools:
        """Tell which rows have at least one of the values."""
        pair_E = self._pairs.values
        codes = [self._codes[value] for value in set(values) if value in self._codes]
        row_E = pair_E[np.isin(pair_E & CODE, codes)] >> CODE_BITS
        having_M = np.zeros(rows, dtype=np.bool_)
        having_M[row_E[row_E < rows]] = True  # a row that came meanwhile is not asked about
        return having_M


def _number(name: str, value: Any) -> float:
    if value is None:
        return np.nan
    if isinstance(value, bool) or not isinstance(value, int | float | np.number):
        raise _unfit(name, "a number, or nothing", value)
    return float(value)


def _texts(name: str, value: Any) -> list[str]:
    if value is None or isinstance(value, str):
        return [] if value is None else [value]
    values = [one for one in value if one is not None] if isinstance(value, list | tuple) else [value]
    if not all(isinstance(one, str) for one in values):
        raise _unfit(name, "text, a list of texts, or nothing", value)
    return values


def _unfit(name: str, expected: str, value: Any) -> DataError:
    mend = "Read it as the item table is read."
    return DataError.at(
        file="an item", column=name, row=None, expected=expected, received=repr(value), mend=mend
    )
