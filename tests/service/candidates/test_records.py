"""Rows of a table as dictionaries, whichever way each column is read."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dlrs.candidates.filtering.attributes import Attributes
from dlrs.schema import ITEM, Features
from dlrs.service.candidates import records
from dlrs.service.candidates.records import Records

FEATURES = Features.model_validate(
    {"categorical": ["fuel", "make"], "continuous": {"price": {}}, "multi_valued": {"equipment": {}}}
)
ROW = st.fixed_dictionaries(
    {
        "fuel": st.none() | st.sampled_from(["DIESEL", "GAS", "a\0b", "é"]),
        "make": st.sampled_from(["Ford", "VW"]),
        "price": st.none() | st.floats(allow_nan=False),
        "equipment": st.lists(st.sampled_from(["abs", "roof"]), unique=True).map(sorted),
    }
)
KINDS = {"fuel": pa.string(), "make": pa.string(), "price": pa.float64(), "equipment": pa.list_(pa.string())}


def table_of(rows: list[dict[str, Any]]) -> pa.Table:
    return pa.table({name: pa.array([row[name] for row in rows], kind) for name, kind in KINDS.items()})


def attributes_of(table: pa.Table) -> Attributes:
    ids = pa.array([f"{row:04}" for row in range(table.num_rows)])
    return Attributes.build(table.append_column(ITEM, ids), FEATURES)


@given(st.lists(ROW, min_size=1, max_size=30), st.randoms())
def test_rows_are_what_the_table_says(rows: list[dict[str, Any]], random: Any) -> None:
    table = table_of(rows)
    wanted = random.choices(range(len(rows)), k=10)
    expected = table.take(wanted).to_pylist()
    assert Records(table, {}).of(wanted) == expected
    assert Records(table, attributes_of(table).columns).of(wanted) == expected


def test_what_filters_have_is_read_there_and_the_rest_from_the_table() -> None:
    table = table_of([{"fuel": "GAS", "make": "VW", "price": 1.0, "equipment": ["abs"]}] * 3)
    read = Records(table, attributes_of(table).columns)
    assert read.table.column_names == ["equipment"]
    assert len(read.arrays) == 5  # a number, and where the values of each of two features are, and which


def test_features_with_very_many_values_are_read_from_the_table(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(records, "MOST_VALUES", 2)
    numbers = np.arange(3)
    rows = [{"fuel": f"f{n}", "make": f"m{n % 2}", "price": None, "equipment": []} for n in numbers.tolist()]
    table = table_of(rows)
    read = Records(table, attributes_of(table).columns)
    assert read.table.column_names == ["fuel", "equipment"]
    assert read.of([2, 0]) == [rows[2], rows[0]]
