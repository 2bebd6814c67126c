"""Cells: how a column of one kind is read, whatever type it comes in."""

from __future__ import annotations

import ibis

from dlrs.data.engine import Table
from dlrs.data.rules import CALENDAR, PATTERNS, Kind
from dlrs.schema.description import EPOCH_UNITS

TIMESTAMP = "timestamp('UTC')"


@ibis.udf.scalar.builtin(signature=(("string", "string"), "timestamp"))  # type: ignore[untyped-decorator]
def try_strptime(text: object, pattern: str) -> None:
    """Return the time that the text is in this pattern, or null."""


@ibis.udf.scalar.builtin(signature=(("int64",), "timestamp"))  # type: ignore[untyped-decorator]
def make_timestamp(microseconds: object) -> None:
    """Return the time so many microseconds after 1970."""


@ibis.udf.scalar.builtin(signature=(("string",), "array<string>"))  # type: ignore[untyped-decorator]
def text_list(text: object) -> None:
    """Return what is in a JSON list as texts, or null where it is none."""


def typed(cells: Table, kind: Kind, detail: str | None = None) -> Table | None:
    """Return the column as its kind, null where a cell is empty or not of it; None if it cannot be."""
    match kind:
        case "text":
            return None if cells.type().is_array() else _text(cells)
        case "number":
            return _number(cells)
        case "values":
            return _values(cells, detail or ",")
    time = _time(cells, detail)
    if time is None or kind == "time":
        return time
    if kind == "seconds":
        return time.epoch_seconds().cast("float64")
    return time.strftime(PATTERNS[kind])


def _text(cells: Table) -> Table:
    if not cells.type().is_floating():
        return cells.cast("string").nullif("")
    # ids and codes with gaps become floats on their way through pandas: 12.0 is 12
    whole = cells.try_cast("int64")
    text = ibis.ifelse(cells == whole, whole.cast("string"), cells.cast("string"))
    return ibis.ifelse(cells.isnan(), ibis.null("string"), text)


def _number(cells: Table) -> Table | None:
    kind = cells.type()
    if not (kind.is_string() or kind.is_numeric() or kind.is_boolean()):
        return None
    number = cells.try_cast("float64")
    return ibis.ifelse(number.isnan(), ibis.null("float64"), number)


def _time(cells: Table, pattern: str | None) -> Table | None:
    time = _any_time(cells, pattern)
    return None if time is None else ibis.ifelse(time.between(*CALENDAR), time, ibis.null(TIMESTAMP))


def _any_time(cells: Table, pattern: str | None) -> Table | None:
    kind = cells.type()
    if kind.is_temporal():
        return cells.try_cast(TIMESTAMP)
    if pattern is None:
        return _iso_time(cells) if kind.is_string() else None
    if not (kind.is_string() or kind.is_numeric()):
        return None
    if pattern not in EPOCH_UNITS:
        return try_strptime(_text(cells), pattern).cast(TIMESTAMP)
    number = cells.try_cast("float64") * (1_000_000 // EPOCH_UNITS[pattern])
    return make_timestamp(number.try_cast("int64")).cast(TIMESTAMP)


def _iso_time(text: Table) -> Table:
    # A zone by its name (Europe/Berlin) is no ISO 8601. DuckDB 1.5 takes it, and then reads the next rows
    # without a zone in it, too.
    named = text.re_search("[A-Za-z]{2}") & ~text.endswith("UTC")
    return ibis.ifelse(named, ibis.null("string"), text).try_cast(TIMESTAMP)


def _values(cells: Table, separator: str) -> Table | None:
    """Return each cell's distinct values in the order of text, an empty list where there are none."""
    if cells.type().is_array():
        listed = cells.map(lambda value: value.cast("string"))
    elif cells.type().is_string():
        is_list = cells.strip().startswith("[")
        listed = ibis.ifelse(is_list, text_list(cells), cells.split(separator))
    else:
        return None
    stripped = listed.map(lambda value: value.strip())
    return stripped.filter(lambda value: value.notnull() & (value != "")).unique().sort()
