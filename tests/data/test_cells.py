"""Every kind of cell, in every type that it may come in."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import ibis
import pyarrow as pa
import pytest

from dlrs.data import engine
from dlrs.data.cells import typed
from dlrs.data.engine import Engine
from dlrs.data.rules import Kind

MARCH = datetime(2017, 3, 1, tzinfo=UTC)


@pytest.fixture(scope="module")
def connection() -> Iterator[Engine]:
    with engine.connect() as connection:
        yield connection


def _typed(connection: Engine, cells: pa.Array, kind: Kind, detail: str | None = None) -> list[Any]:
    table = ibis.memtable(pa.table({"cells": cells}))
    column = typed(table["cells"], kind, detail)
    assert column is not None
    read: list[Any] = connection.to_pyarrow(table.select(read=column))["read"].to_pylist()
    return read


@pytest.mark.parametrize(
    ("cells", "kind", "detail", "expected"),
    [
        (["1.5", "", "x", "nan", None], "number", None, [1.5, None, None, None, None]),
        (pa.array([True, None]), "number", None, [1.0, None]),
        (pa.array([12.0, 0.5, None, float("nan")]), "text", None, ["12", "0.5", None, None]),
        (["a", "", None], "text", None, ["a", None, None]),
        (["2017-03-01", "2017-03-01T02:00:00+02:00", "x"], "time", None, [MARCH, MARCH, None]),
        # a zone's name is no ISO 8601, and must not shift the rows behind it
        (["2017-03-01 00:00:00 Asia/Tokyo", "2017-03-01", "2017/03/01"], "time", None, [None, MARCH, MARCH]),
        (["2017-03-01 00:00:00 UTC", "2017-03-01T00:00:00Z"], "time", None, [MARCH, MARCH]),
        (pa.array([MARCH], pa.timestamp("us", "UTC")), "seconds", None, [MARCH.timestamp()]),
        (["201703", "2017", None], "time", "%Y%m", [MARCH, None, None]),
        (pa.array([201703, None]), "time", "%Y%m", [MARCH, None]),
        (pa.array([201703.0]), "time", "%Y%m", [MARCH]),
        (["03-2017"], "seconds", "%m-%Y", [MARCH.timestamp()]),
        (pa.array([MARCH.timestamp()]), "time", "seconds", [MARCH]),
        ([str(int(MARCH.timestamp() * 1000)), "x"], "time", "milliseconds", [MARCH, None]),
        (pa.array([int(MARCH.timestamp() * 1e6)]), "time", "microseconds", [MARCH]),
        (pa.array([-86_400]), "time", "seconds", [datetime(1969, 12, 31, tzinfo=UTC)]),
        (["2017-03-01T05:00:00Z", None], "year", None, ["2017", None]),
        (["2017-03-01T05:00:00Z"], "month", None, ["03"]),
        (["2017-03-01T05:00:00Z"], "day", None, ["01"]),
        (["2017-03-01T05:00:00Z"], "weekday", None, ["Wednesday"]),
        (["2017-03-01T05:00:00Z"], "hour", None, ["05"]),
        (["201703"], "month", "%Y%m", ["03"]),
        (["b, a,,a ", "", ",", None], "values", ",", [["a", "b"], [], [], None]),
        (["b|a,c"], "values", "|", [["a,c", "b"]]),
        (['["b", "a, c"]', "['b', 'a']", "[]"], "values", ",", [["a, c", "b"], ["a", "b"], []]),
        (['["\\u00e4", "a\\"b", 2.50]'], "values", ",", [["2.5", 'a"b', "ä"]]),  # as JSON escapes them
        (pa.array([["b", None, "a"], [], None]), "values", ",", [["a", "b"], [], None]),
        (pa.array([[3, 1]]), "values", ",", [["1", "3"]]),
    ],
)
def test_a_cell_is_read_as_its_kind_or_is_null(
    connection: Engine, cells: Any, kind: Kind, detail: str | None, expected: list[Any]
) -> None:
    assert _typed(connection, pa.array(cells), kind, detail) == expected


@pytest.mark.parametrize(
    ("cells", "kind", "detail"),
    [
        (pa.array([["a"]]), "text", None),
        (pa.array([["a"]]), "number", None),
        (pa.array([1.5]), "time", None),  # seconds, or what? The recipe must say
        (pa.array([["a"]]), "time", "%Y"),
        (pa.array([1.5]), "values", ","),
    ],
)
def test_a_column_of_another_type_is_no_such_kind(cells: pa.Array, kind: Kind, detail: str | None) -> None:
    assert typed(ibis.memtable(pa.table({"cells": cells}))["cells"], kind, detail) is None
