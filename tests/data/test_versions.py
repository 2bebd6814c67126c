"""Versions on disk look like the table that was written, whatever is asked for at a time."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from dlrs.data import versions as module
from dlrs.data.versions import Some, Versions

TABLE = pa.table(
    {
        "item_id": pa.array(["a", "a", "b", "c", "c", "c", "d"]).dictionary_encode(),
        "price": pa.array([1.0, None, 3.0, 4.0, 5.0, 6.0, 7.0]),
        "colour": pa.array(["red", None, "blue", "red", "red", None, "green"]).dictionary_encode(),
        "tags": pa.array([["x"], [], ["y", "x"], None, ["z"], [], ["x"]]),
    }
)
WORDS = TABLE.to_pylist()


@pytest.fixture(params=[2, 10_000])
def versions(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> Versions:
    """Seven versions in row groups of three, with shared dictionaries or with each group's own."""
    monkeypatch.setattr(module, "GROUP", 3)
    monkeypatch.setattr(module, "MANY", request.param)
    return Versions.write(TABLE, tmp_path / "versions.parquet")


def test_rows_columns_and_parts_are_those_that_were_written(versions: Versions) -> None:
    assert versions.num_rows == 7
    assert versions.column_names == TABLE.column_names
    for name in TABLE.column_names:
        assert versions[name].to_pylist() == TABLE[name].to_pylist()
    assert versions.table().to_pylist() == WORDS
    assert [part.num_rows for part in versions.parts()] == [3, 3, 1]
    assert [row for part in versions.parts() for row in part.to_pylist()] == WORDS


@pytest.mark.parametrize("rows", [[], [6], [5, 0, 5, 2], [0, 1, 2, 3, 4, 5, 6]])
def test_some_come_in_the_order_asked_for(versions: Versions, rows: list[int]) -> None:
    taken = versions.take(np.array(rows, dtype=np.int64))
    assert taken.column_names == TABLE.column_names
    assert taken.to_pylist() == [WORDS[row] for row in rows]


def test_a_table_of_some_rows(versions: Versions) -> None:
    some = Some(versions, np.array([1, 2, 6]))
    assert some.num_rows == 3
    assert some["colour"].to_pylist() == [None, "blue", "green"]


def test_a_group_has_only_its_own_items(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    many = pa.table({"item_id": pa.array([f"item {n:032}" for n in range(20_000)]).dictionary_encode()})
    whole = Versions.write(many, tmp_path / "whole").content.size
    monkeypatch.setattr(module, "GROUP", 1_000)
    parted = Versions.write(many, tmp_path / "parted")
    assert parted.table().to_pylist() == many.to_pylist()
    assert parted.content.size < 1.5 * whole
