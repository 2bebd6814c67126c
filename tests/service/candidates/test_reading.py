"""Features from JSON are read as the cells of an item table are."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dlrs.errors import DataError
from dlrs.schema import Features
from dlrs.service.candidates.reading import missing, read_features

FEATURES = Features.model_validate(
    {
        "continuous": {
            "price": {"min": 0, "max": 500},
            "weight": {},
            "built": {"kind": "time"},
            "seen": {"kind": "time", "format": "milliseconds"},
        },
        "categorical": ["color"],
        "dates": {
            "built": {"parts": ["year", "month", "weekday"]},
            "day": {"parts": ["day"], "format": "%d.%m.%Y"},
        },
        "multi_valued": {"extras": {"separator": "|"}},
        "text": {"title": {}},
    }
)


def _read(**content: Any) -> dict[str, Any]:
    return read_features(FEATURES, content, item="7", whole=False)


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ({"price": "12.5"}, {"price": 12.5}),
        ({"price": " 1e2 "}, {"price": 100.0}),
        ({"price": ""}, {"price": None}),
        ({"price": "nan"}, {"price": None}),
        ({"color": 12.0}, {"color": "12"}),
        ({"color": 12.5}, {"color": "12.5"}),
        ({"color": True}, {"color": "true"}),
        ({"color": ""}, {"color": None}),
        ({"extras": " b|a||b "}, {"extras": ["a", "b"]}),
        ({"extras": '["b", " a", null, 3]'}, {"extras": ["3", "a", "b"]}),
        ({"extras": None}, {"extras": []}),
        ({"day": "03.02.2017"}, {"day_day": "03"}),
        ({"seen": 1500}, {"seen": 1.5}),
        (
            {"built": "1970-01-02T01:00:00+01:00"},
            {"built": 86400.0, "built_year": "1970", "built_month": "01", "built_weekday": "Friday"},
        ),
        (
            {"built": 86400.0},
            {"built": 86400.0, "built_year": "1970", "built_month": "01", "built_weekday": "Friday"},
        ),
        ({"built_month": "02"}, {"built_month": "02"}),
    ],
)
def test_one_value(content: dict[str, Any], expected: dict[str, Any]) -> None:
    assert _read(**content) == expected


def test_what_is_not_named_is_missing() -> None:
    assert read_features(FEATURES, {}, item="7") == missing(FEATURES)
    assert missing(FEATURES)["extras"] == []


def test_all_problems_are_in_one_message() -> None:
    with pytest.raises(DataError) as refused:
        _read(price=501, weight="much", colour="red", built="soon", extras=7, title="ok")
    message = str(refused.value)
    assert message.startswith("item '7': ")
    for part in (
        "at most 500",
        "a number, received 'much'",
        "did you mean 'color'?",
        "a time like",
        "a list",
    ):
        assert part in message


@pytest.mark.parametrize("value", [math.inf, 1e101, 10**400, "1e400", [1], {}])
def test_numbers_out_of_all_bounds_are_refused(value: Any) -> None:
    with pytest.raises(DataError, match="weight"):
        _read(weight=value)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=6,
)
NAMES = st.sampled_from([*FEATURES.names, *FEATURES.dates]) | st.text(max_size=5)


@given(st.dictionaries(NAMES, JSON, max_size=6))
@settings(max_examples=300, deadline=None)
def test_anything_is_read_or_refused_and_what_was_read_is_read_again(content: dict[str, Any]) -> None:
    try:
        read = read_features(FEATURES, content, item="7")
    except DataError:
        return
    assert set(read) == set(FEATURES.names)
    again = {name: value for name, value in read.items() if name != "seen"}  # which counts milliseconds
    if read["built"] is None:
        assert read_features(FEATURES, again, item="7") | {"seen": read["seen"]} == read
    json.dumps(read, allow_nan=False).encode()
