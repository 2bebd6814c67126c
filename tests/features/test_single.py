"""One profile at a time is encoded as many are."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dlrs.data.one_row import OneRow
from dlrs.data.values import values_of
from dlrs.features.encoding import Encoding
from dlrs.features.scaler import Scaler
from dlrs.features.single import SingleEncoding
from dlrs.features.table import TableEncoding
from dlrs.profiles.profile import ProfileFacts, Profiles, ValueCounts
from dlrs.schema import Features

FEATURES = Features(
    continuous={"price": {"transform": "log", "min": 0}, "size": {}},
    categorical=("colour",),
    multi_valued={"tags": {}},
    text={"title": {"buckets": 8}},
)
OWN = Features(
    continuous={"age": {"transform": "log", "min": 0}},
    categorical=("country",),
    multi_valued={"langs": {}},
    text={"about": {"buckets": 8}},
)
ITEMS = pa.table(
    {
        "price": [1.0, 2.0, 4.0],
        "size": [1.0, 1.0, 1.0],  # never varies
        "colour": ["red", "blue", "b"],
        "tags": [["x", "y"], ["z"], []],
        "title": ["one two", "three", None],
    }
)
PEOPLE = pa.table(
    {
        "age": [20.0, 40.0],
        "country": ["de", "lu"],
        "langs": [["de", "en"], ["fr"]],
        "about": ["likes cars", None],
    }
)
SCALER = Scaler.fit(np.array([[1.0, 2.0, 4.0], [1.0, 1.0, 1.0], [0.1, 0.2, 0.7], [0.0, 1.0, 5.0]]))
ENCODING = Encoding(TableEncoding.fit(FEATURES, ITEMS), TableEncoding.fit(OWN, PEOPLE), SCALER)

NAMES = ["red", "blue", "b", "x", "y", "z", "unheard of", "0", "3", "7"]
counts = st.dictionaries(st.sampled_from(NAMES), st.floats(1e-3, 1e6), max_size=8)
numbers = st.none() | st.tuples(st.floats(-1e9, 1e9), st.floats(0, 1e9))
own = st.fixed_dictionaries(
    {
        "age": st.none() | st.floats(0, 1e6),
        "country": st.sampled_from([None, "de", "lu", "xx"]),
        "langs": st.lists(st.sampled_from(["de", "en", "fr", "xx"]), unique=True),
        "about": st.none() | st.text(max_size=20),
    }
)


def _together(values: dict[str, dict[str, float]], known: dict[str, tuple[float, float] | None]) -> Profiles:
    pairs = [known[name] or (np.nan, np.nan) for name in FEATURES.continuous]
    facts = ProfileFacts(
        *(np.zeros(1, dtype=np.int64) for _ in range(3)),
        known_PF=np.ones((1, 3), dtype=np.float32),
        mean_PC=np.array([[mean for mean, _ in pairs]]),
        std_PC=np.array([[std for _, std in pairs]]),
    )
    entries = {
        name: ValueCounts(
            np.zeros(len(of), dtype=np.int64),
            pa.array(sorted(of), pa.string()),
            np.array([of[v] for v in sorted(of)]),
        )
        for name, of in values.items()
    }
    return Profiles(facts, entries)


@given(
    st.fixed_dictionaries(dict.fromkeys(FEATURES.discrete, counts)),
    st.fixed_dictionaries(dict.fromkeys(FEATURES.continuous, numbers)),
    own,
)
def test_one_is_encoded_like_many(
    values: dict[str, dict[str, float]],
    known: dict[str, tuple[float, float] | None],
    own: dict[str, object],
) -> None:
    told = {name: SimpleNamespace(mean=n[0], std=n[1]) for name, n in known.items() if n is not None}
    one = SingleEncoding(ENCODING).profile(values, told, own)
    assert ENCODING.users is not None
    own_rows = ENCODING.users.encode(pa.Table.from_pylist([own], schema=PEOPLE.schema))
    many = ENCODING.encode_profiles(_together(values, known), own_rows)
    for field in ("continuous_NC", "offsets", "columns_E", "weights_E"):
        np.testing.assert_array_equal(getattr(one, field), getattr(many, field))
        assert getattr(one, field).dtype == getattr(many, field).dtype


def test_by_hand() -> None:
    values = {"colour": {"red": 3.0, "blue": 1.0, "green": 5.0}, "tags": {"z": 2.0}}
    row = SingleEncoding(ENCODING).profile(values, {}, None)
    # columns: b, blue, red; x, y, z; buckets of the title; then country, languages, about
    np.testing.assert_array_equal(row.columns_E, [1, 2, 5])
    np.testing.assert_array_equal(row.weights_E, np.float32([0.25, 0.75, 1.0]))
    np.testing.assert_array_equal(row.offsets, [0, 2, 3, 3, 3, 3, 3])
    assert not row.continuous_NC.any()


def test_nothing_known() -> None:
    row = SingleEncoding(ENCODING).profile({}, {}, None)
    assert len(row.columns_E) == 0
    assert row.continuous_NC.shape == (1, 5)


def test_values_of_a_row_are_those_of_a_table() -> None:
    for record in ITEMS.to_pylist():
        shares = OneRow(FEATURES).shares(record)
        table = pa.Table.from_pylist([record], schema=ITEMS.schema)
        assert tuple(shares) == FEATURES.discrete
        for name, of in shares.items():
            values = values_of(table, name, FEATURES)
            expected = dict(zip(values.value_E.to_pylist(), values.share_E.tolist(), strict=True))
            assert of == pytest.approx(expected)


raws = st.fixed_dictionaries(
    {
        "price": st.none() | st.floats(0, 1e6),
        "size": st.none() | st.floats(-1e6, 1e6),
        "colour": st.sampled_from([None, "red", "blue", "unheard of"]),
        "tags": st.none() | st.lists(st.sampled_from(["x", "y", "z", "w"]), unique=True, max_size=3),
        "title": st.sampled_from([None, "", "one two", "three three", "!!"]),
    }
)


@given(st.lists(raws, max_size=4))
def test_items_are_encoded_as_tables_of_them_are(some: list[dict[str, object]]) -> None:
    columns = {
        name: pa.array([raw[name] for raw in some], kind)
        for name, kind in {
            "price": pa.float64(),
            "size": pa.float64(),
            "colour": pa.string(),
            "tags": pa.list_(pa.string()),
            "title": pa.string(),
        }.items()
    }
    expected, found = ENCODING.encode_items(pa.table(columns)), SingleEncoding(ENCODING).items(some)
    np.testing.assert_array_equal(found.continuous_NC, expected.continuous_NC)
    np.testing.assert_array_equal(found.offsets, expected.offsets)
    np.testing.assert_array_equal(found.columns_E, expected.columns_E)
    np.testing.assert_array_equal(found.weights_E, expected.weights_E)
