"""What a row has of a feature: shares, words and their hashes."""

from __future__ import annotations

import zlib

import numpy as np
import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from dlrs.data.values import numbers_of, values_of
from dlrs.schema import Continuous, Features, MultiValued, Text

FEATURES = Features(
    continuous={"price": Continuous(transform="log", min=0), "age": Continuous()},
    categorical=("make",),
    multi_valued={"tags": MultiValued()},
    text={"title": Text(ngrams=2, buckets=1_000_000)},
)


def _bucket(words: str) -> str:
    return f"{zlib.crc32(words.encode()) % 1_000_000:06d}"


def _rows(name: str, column: list[object]) -> list[dict[str, float]]:
    """Return each row's values with their shares."""
    kinds = {"tags": pa.list_(pa.string())}
    # a slice, as of a table in chunks, whose arrays do not begin at their buffers' start
    table = pa.table({name: pa.array([None, *column], kinds.get(name, pa.string()))}).slice(1)
    values = values_of(table, name, FEATURES)
    rows: list[dict[str, float]] = [{} for _ in column]
    for row, value, share in zip(values.row_E, values.value_E.to_pylist(), values.share_E, strict=True):
        rows[row][value] = share
    return rows


def test_a_category_has_all_of_its_row() -> None:
    assert _rows("make", ["vw", None, "bmw"]) == [{"vw": 1}, {}, {"bmw": 1}]


def test_several_values_share_their_row() -> None:
    assert _rows("tags", [["a", "b"], [], None, ["c"]]) == [{"a": 0.5, "b": 0.5}, {}, {}, {"c": 1}]


def test_a_text_is_its_words_and_their_neighbours_in_any_script() -> None:
    rows = _rows("title", ["Roter  VW, roter!", None, "Ёлка", "?!"])
    words = ["roter", "vw", "roter vw", "vw roter"]
    assert rows == [{_bucket(w): 0.25 for w in words}, {}, {_bucket("ёлка"): 1}, {}]


def test_words_of_neighbouring_rows_are_no_neighbours() -> None:
    assert _rows("title", ["red", "car"]) == [{_bucket("red"): 1}, {_bucket("car"): 1}]


@given(st.lists(st.none() | st.text(max_size=20), max_size=8), st.integers(1, 4), st.integers(2, 9))
def test_shares_of_a_text_sum_to_one_and_no_bucket_comes_twice(
    texts: list[str | None], ngrams: int, buckets: int
) -> None:
    features = Features(text={"title": Text(ngrams=ngrams, buckets=buckets)})
    values = values_of(pa.table({"title": pa.array(texts, pa.string())}), "title", features)
    entries = list(zip(values.row_E.tolist(), values.value_E.to_pylist(), strict=True))
    assert entries == sorted(set(entries))
    known = np.unique(values.row_E)
    np.testing.assert_allclose(np.bincount(values.row_E, weights=values.share_E)[known], 1.0)


def test_numbers_are_as_the_model_sees_them() -> None:
    table = pa.table({"price": pa.array([0, np.e - 1, None]), "age": pa.array([1, None, 3])})
    np.testing.assert_allclose(numbers_of(table, FEATURES), [[0, 1], [1, np.nan], [np.nan, 3]], atol=1e-15)
