"""What the columns of a table hold: counts that the guesses rest on.

What a column can be read as is tried on a sample of its rows; how much of it there is, on all.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import ibis
import pyarrow as pa

from dlrs.data.cells import typed
from dlrs.data.engine import ROW, Engine, Table
from dlrs.data.rules import Kind
from dlrs.data.sources import Source
from dlrs.errors import DataError
from dlrs.progress import track

SAMPLE = 20_000
"""Rows, about, on which kinds are tried."""

SURE = 0.99
"""Share of the filled cells that must be readable as a kind, for a column to be of it."""

ISO = ""
TIME_FORMATS = (
    "%Y%m",
    "%m-%Y",
    "%m/%Y",
    "%d.%m.%Y",
    "%d/%m/%Y",
    "%m/%d/%Y",
    "%d.%m.%Y %H:%M",
    "%d.%m.%Y %H:%M:%S",
    "%d/%m/%Y %H:%M",
    "%m/%d/%Y %H:%M",
)
EPOCHS = {"seconds": (3e8, 4e9), "milliseconds": (3e11, 4e12)}
"""Numbers between these bounds may count from 1970: the years 1979 to 2096."""

TIME_HINTS = ("time", "date", "_at", "stamp", "when")
SEPARATORS = (",", ";", "|")
LONGEST_VALUE = 30
"""Mean characters of the values of a list: what is longer is prose."""


@dataclass(frozen=True)
class Numbers:
    """A column of numbers: its median, the extremes, and where 99 % of them lie."""

    low: float
    high: float
    middle: float
    inner_low: float
    inner_high: float
    whole: bool  # without fractions


@dataclass(frozen=True)
class Times:
    """A column of times: the pattern that reads them (ISO for none), the first and the last."""

    format: str
    since: datetime
    until: datetime
    complete: bool  # every row has one


@dataclass(frozen=True)
class Seen:
    """One column: how much of it is filled and what it can be read as."""

    name: str
    rows: int
    filled: int
    distinct: int
    words: float  # mean count of words
    common: tuple[str, ...]  # the most frequent values first, at most 12
    is_list: bool  # a column of lists, or text that looks like JSON lists
    numbers: Numbers | None
    times: Times | None
    separator: str | None  # the one that cuts cells into values that come again and again

    @property
    def is_unique(self) -> bool:
        """Tell whether each row has a value of its own."""
        return self.filled == self.distinct == self.rows


@dataclass(frozen=True)
class SeenTable:
    """One table: where it is, its cells, and its columns."""

    source: Source
    table: Table
    columns: tuple[Seen, ...]

    def __getitem__(self, name: str) -> Seen:
        return next(column for column in self.columns if column.name == name)

    @property
    def rows(self) -> int:
        """How many rows it has."""
        return self.columns[0].rows


def moments(table: SeenTable, name: str) -> Table:
    """Return a column of times as such."""
    times = table[name].times
    assert times is not None, name
    moment = typed(table.table[name], "time", times.format or None)
    assert moment is not None, name
    return moment


def look_at(connection: Engine, source: Source, name: str) -> SeenTable:
    """Read a table and count what its columns hold.

    Raises:
        DataError: it cannot be read, or has no rows.
    """
    with connection.reading(source):
        table = connection.kept(name, source.read(connection, f"{name}_raw"))
    rows = table.count().to_pyarrow().as_py()
    if rows == 0:
        raise DataError(f"{source}: expected at least one row, received none.")
    sample = connection.kept(f"{name}_sample", table.filter(table[ROW] % -(-rows // SAMPLE) == 0))
    names = [column for column in table.columns if column != ROW]
    columns = [_look(table, sample, column) for column in track(names, f"Look at {source.table}")]
    return SeenTable(source, table, tuple(columns))


def _look(table: Table, sample: Table, name: str) -> Seen:
    text = _text(table, name)
    spaces = text.length() - text.replace(" ", "").length()
    counts = _one(
        table,
        rows=table.count(),
        filled=text.count(),
        distinct=text.nunique(),
        words=(spaces + 1).mean(),
    )
    is_list = table[name].type().is_array() or _holds(sample, name, _text(sample, name).startswith("["))
    times = None if is_list else _times(table, sample, name)
    numbers = None if is_list or times else _numbers(table, sample, name)
    return Seen(
        name=name,
        rows=counts["rows"],
        filled=counts["filled"],
        distinct=counts["distinct"],
        words=counts["words"] or 0.0,
        common=_common(table, text),
        is_list=is_list,
        numbers=numbers,
        times=times,
        separator=None if is_list or times or numbers else _separator(sample, name),
    )


def _numbers(table: Table, sample: Table, name: str) -> Numbers | None:
    if not _reads(sample, name, "number"):
        return None
    number = typed(table[name], "number")
    assert number is not None  # the sample has the same type
    whole = (number.isnull() | (number == number.floor())).all()
    found = _one(
        table,
        low=number.min(),
        high=number.max(),
        middle=number.median(),
        inner_low=number.quantile(0.005),
        inner_high=number.quantile(0.995),
        whole=whole,
    )
    return Numbers(**found)


def _times(table: Table, sample: Table, name: str) -> Times | None:
    formats = [ISO, *TIME_FORMATS]
    if _reads(sample, name, "number") and any(hint in name.lower() for hint in TIME_HINTS):
        number = typed(sample[name], "number")
        assert number is not None
        span = _one(sample, low=number.min(), high=number.max())
        formats += [u for u, (low, high) in EPOCHS.items() if low <= span["low"] and span["high"] <= high]
    fitting = next((f for f in formats if _reads(sample, name, "time", f or None)), None)
    if fitting is None:
        return None
    time = typed(table[name], "time", fitting or None)
    assert time is not None
    return Times(
        format=fitting, **_one(table, since=time.min(), until=time.max(), complete=time.notnull().all())
    )


def _separator(sample: Table, name: str) -> str | None:
    """Return what cuts the cells into few short values: each, on average, three times at least."""
    text = _text(sample, name)
    filled = _one(sample, n=text.count())["n"]
    for separator in SEPARATORS:
        parts = sample.select(part=text.split(separator).unnest())
        part = parts["part"].strip().nullif("")
        found = _one(parts, n=part.count(), distinct=part.nunique(), length=part.length().mean())
        cut = found["n"] >= 1.1 * max(1, filled)
        if cut and found["n"] >= 3 * found["distinct"] and found["length"] <= LONGEST_VALUE:
            return separator
    return None


def _reads(sample: Table, name: str, kind: Kind, detail: str | None = None) -> bool:
    """Tell whether nearly all filled cells can be read as a kind."""
    value = typed(sample[name], kind, detail)
    return value is not None and _holds(sample, name, value.notnull())


def _holds(sample: Table, name: str, check: Table) -> bool:
    """Tell whether a check holds for nearly all filled cells, and there are any."""
    filled = _text(sample, name).notnull()
    found = _one(sample, n=filled.sum(), good=(filled & check.fill_null(False)).sum())
    return bool(found["n"] and found["good"] >= SURE * found["n"])


def _text(table: Table, name: str) -> Table:
    return table[name].cast("string").nullif("")


def _common(table: Table, text: Table) -> tuple[str, ...]:
    values = table.select(value=text)
    values = values.filter(values["value"].notnull())
    counted = values.group_by("value").aggregate(n=values.count())
    best: pa.Table = counted.order_by([ibis.desc("n"), "value"]).limit(12).to_pyarrow()
    return tuple(best["value"].to_pylist())


def _one(table: Table, **aggregates: Table) -> dict[str, Any]:
    row: dict[str, Any] = table.aggregate(**aggregates).to_pyarrow().to_pylist()[0]
    return row
