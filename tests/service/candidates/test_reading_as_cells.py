"""Text in JSON is read as DuckDB reads the same text in a cell of an item table."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import ibis
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dlrs.data.cells import typed
from dlrs.data.duckdb import TEXT_LIST
from dlrs.data.rules import Kind
from dlrs.errors import DataError
from dlrs.schema import Features
from dlrs.service.candidates.reading import read_features

FEATURES = Features.model_validate(
    {
        "continuous": {"number": {}, "seconds": {"kind": "time"}},
        "categorical": ["text"],
        "multi_valued": {"values": {"separator": "|"}},
    }
)
WRONG = "wrong"
NUMBERS = st.floats(-1e90, 1e90).map(str) | st.integers(-(10**12), 10**12).map(str)
SPOILT = st.tuples(NUMBERS, st.sampled_from(["x", " ", "e", "+"])).map("".join)
TIMES = st.datetimes().map(lambda time: f"{time.isoformat(' ')}Z")
LISTS = st.lists(st.sampled_from(["a", " b ", "c c", "", "ä"]), max_size=4)


@pytest.fixture(scope="module")
def base() -> ibis.BaseBackend:
    base = ibis.duckdb.connect()
    base.raw_sql("SET TimeZone = 'UTC'")
    base.raw_sql(TEXT_LIST)
    return base


def _as_cells(base: ibis.BaseBackend, cells: Sequence[str], kind: Kind, detail: str | None) -> list[Any]:
    table = ibis.memtable(pa.table({"cell": pa.array(cells, pa.string())}))
    read = base.to_pyarrow(table.select(read=typed(table.cell, kind, detail)))["read"].to_pylist()
    return [
        WRONG if value is None and cell.lower() not in ("", "nan") else value
        for cell, value in zip(cells, read, strict=True)
    ]


def _as_json(cells: Sequence[str], name: str) -> list[Any]:
    read = []
    for cell in cells:
        try:
            read.append(read_features(FEATURES, {name: cell}, item="7")[name])
        except DataError:
            read.append(WRONG)
    return read


@pytest.mark.parametrize(
    ("kind", "detail", "cells"),
    [
        ("number", None, NUMBERS | SPOILT | st.sampled_from(["", "nan", "1.", ".5", "--1"])),
        ("seconds", None, TIMES | st.sampled_from(["", "2017-10-14", "soon", "2017-10-14T03:00:00+02:00"])),
        ("text", None, st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=5)),
        ("values", "|", LISTS.map("|".join)),
    ],
)
def test_as_duckdb_reads_it(
    base: ibis.BaseBackend, kind: Kind, detail: str | None, cells: st.SearchStrategy[str]
) -> None:
    @given(st.lists(cells, min_size=30, max_size=60))
    @settings(max_examples=5, deadline=None)
    def check(some: list[str]) -> None:
        if kind == "text":
            some = [cell for cell in some if cell.lower() != "nan"]
        pairs = zip(_as_json(some, kind), _as_cells(base, some, kind, detail), strict=True)
        for ours, theirs in pairs:
            near = kind == "seconds" and isinstance(theirs, float)  # the last bit of a far time may differ
            assert ours == (pytest.approx(theirs, abs=1e-4, rel=0) if near else theirs)

    check()
