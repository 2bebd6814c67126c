"""Arrays on disk, and sets of numbers."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dlrs.arrays import GrowingArray, distinct

NUMBERS = st.lists(st.integers(-(2**62), 2**62))


@pytest.mark.parametrize("lengths", [[3], [0, 2, 0, 5], [0]])
@pytest.mark.parametrize("width", [(), (2,)])
def test_an_array_that_grew_is_the_concatenation(
    tmp_path: Path, lengths: list[int], width: tuple[int, ...]
) -> None:
    rng = np.random.default_rng(0)
    parts = [rng.random((length, *width), dtype=np.float32) for length in lengths]
    with GrowingArray(tmp_path / "array.npy") as growing:
        for part in parts:
            growing.append(part)
    for mode in (None, "r"):
        read = np.load(tmp_path / "array.npy", mmap_mode=mode)
        assert read.dtype == np.float32
        np.testing.assert_array_equal(read, np.concatenate(parts))


def test_rows_of_any_layout_are_written_row_by_row(tmp_path: Path) -> None:
    table = np.arange(12).reshape(3, 4)
    with GrowingArray(tmp_path / "array.npy") as growing:
        growing.append(table.T)
        growing.append(table.T[::2])
    np.testing.assert_array_equal(np.load(tmp_path / "array.npy"), np.vstack([table.T, table.T[::2]]))


@given(NUMBERS)
def test_distinct_is_what_a_set_holds(values: list[int]) -> None:
    assert distinct(np.array(values, dtype=np.int64)).tolist() == sorted(set(values))
