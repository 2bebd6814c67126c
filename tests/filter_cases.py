"""Random catalogues and filters, and what passes, decided row by row in plain Python."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
from hypothesis import strategies as st

from dlrs.candidates.filtering.filters import AnyOf, Between, Filter, NoneOf, Within
from dlrs.schema import ITEM, Continuous, Features, MultiValued

FEATURES = Features(
    continuous={
        "price": Continuous(),
        "released": Continuous(kind="time"),
        "latitude": Continuous(),
        "longitude": Continuous(),
    },
    categorical=("fuel", "seller"),
    multi_valued={"tags": MultiValued()},
)
SCHEMA = pa.schema(
    {
        ITEM: pa.string(),
        **dict.fromkeys(FEATURES.continuous, pa.float64()),
        **dict.fromkeys(FEATURES.categorical, pa.string()),
        "tags": pa.list_(pa.string()),
    }
)
WORDS = ("a", "b", "ö", "long word", "zz")
NUMBERS = (-1.5, 0.0, 1.0, 2.0, 2.5, 1e9)

Record = dict[str, Any]

words = st.sampled_from(WORDS)
numbers = st.sampled_from(NUMBERS)
records = st.fixed_dictionaries(
    {
        "price": st.none() | numbers,
        "released": st.none() | numbers,
        "latitude": st.none() | st.sampled_from((-90.0, -89.0, -1.0, 0.0, 52.0, 52.5, 90.0)),
        "longitude": st.none() | st.sampled_from((-180.0, -179.5, -1.0, 0.0, 13.0, 179.5, 180.0)),
        "fuel": st.none() | words,
        "seller": st.none() | words,
        "tags": st.lists(words, unique=True, max_size=3),
    }
)


@st.composite
def catalogues(draw: st.DrawFn, most: int = 40) -> list[Record]:
    rows = draw(st.lists(records, min_size=1, max_size=most))
    return [{ITEM: str(number), **row} for number, row in enumerate(rows)]


def table_of(rows: Sequence[Mapping[str, Any]]) -> pa.Table:
    return pa.Table.from_pylist(rows, schema=SCHEMA)


@st.composite
def ranges(draw: st.DrawFn) -> Between:
    low, high = sorted((draw(numbers), draw(numbers)))
    ends = draw(st.sampled_from(({"min": low}, {"max": high}, {"min": low, "max": high})))
    return Between.model_validate({"feature": draw(st.sampled_from(("price", "released"))), **ends})


some_words = st.lists(words | st.just("nobody has it, and it is longer than all"), min_size=1).map(tuple)
some_ids = st.lists(st.integers(0, 45).map(str), min_size=1).map(tuple)
texts = st.sampled_from(("fuel", "seller", "tags"))
filters = st.one_of(
    ranges(),
    st.builds(AnyOf, feature=texts, any_of=some_words),
    st.builds(NoneOf, feature=texts, none_of=some_words),
    st.builds(AnyOf, feature=st.just(ITEM), any_of=some_ids),
    st.builds(NoneOf, feature=st.just(ITEM), none_of=some_ids),
    st.builds(
        Within,
        within_km=st.sampled_from((1.0, 50.0, 120.0, 5000.0, 15_000.0, 30_000.0)),
        latitude=st.sampled_from((-90.0, -1.0, 0.0, 52.3, 90.0)),
        longitude=st.sampled_from((-180.0, 0.3, 13.2, 179.8)),
    ),
)
filter_lists = st.lists(filters, max_size=4)


def passes(record: Mapping[str, Any], wanted: Filter) -> bool:
    match wanted:
        case Between():
            number = record[wanted.feature]
            low, high = wanted.min, wanted.max
            return number is not None and (low is None or number >= low) and (high is None or number <= high)
        case AnyOf():
            return bool(set(wanted.any_of) & _values(record, wanted.feature))
        case NoneOf():
            return not set(wanted.none_of) & _values(record, wanted.feature)
        case Within():
            point = record[wanted.latitude_feature], record[wanted.longitude_feature]
            return None not in point and _apart(*point, wanted.latitude, wanted.longitude) <= wanted.within_km


def passing_rows(rows: Sequence[Mapping[str, Any]], wanted: Sequence[Filter]) -> list[int]:
    return [number for number, row in enumerate(rows) if all(passes(row, one) for one in wanted)]


def _values(record: Mapping[str, Any], name: str) -> set[str]:
    value = record[name]
    return set(value) if isinstance(value, list) else {value} - {None}


def _apart(latitude: float, longitude: float, other_latitude: float, other_longitude: float) -> float:
    """The angle between two vectors, times the radius: another way to the distance than the haversine."""
    one, other = _vector(latitude, longitude), _vector(other_latitude, other_longitude)
    return 6371.0088 * math.atan2(float(np.linalg.norm(np.cross(one, other))), float(one @ other))


def _vector(latitude: float, longitude: float) -> np.ndarray:
    north, east = math.radians(latitude), math.radians(longitude)
    return np.array([math.cos(north) * math.cos(east), math.cos(north) * math.sin(east), math.sin(north)])
