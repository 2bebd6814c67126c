"""Filters: how they are read, refused, and what passes them."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dlrs.candidates.filtering import sphere
from dlrs.candidates.filtering.attributes import Attributes
from dlrs.candidates.filtering.filters import AnyOf, Between, Filter, NoneOf, Within, parse_filters
from dlrs.candidates.filtering.growing import AttributeRows
from dlrs.candidates.filtering.kinds import check, kinds_of
from dlrs.candidates.filtering.sphere import Box, kilometres
from dlrs.errors import DataError, RequestError
from dlrs.schema import ITEM, Date, Features, Text
from filter_cases import FEATURES, Record, catalogues, filter_lists, passing_rows, table_of

ROWS: list[Record] = [
    {
        ITEM: "17",
        "price": 900.0,
        "fuel": "DIESEL",
        "tags": ["red", "old"],
        "latitude": 52.5,
        "longitude": 13.4,
    },
    {ITEM: "4", "price": 1000.0, "fuel": "PETROL", "tags": [], "latitude": 48.1, "longitude": 11.6},
    {ITEM: "x", "price": None, "fuel": None, "tags": ["old"], "latitude": 52.4, "longitude": None},
    {ITEM: "9", "price": 5000.0, "fuel": "DIESEL", "tags": ["new"], "latitude": 52.4, "longitude": 13.1},
]


def _attributes(rows: list[Record]) -> Attributes:
    return Attributes.build(table_of(rows), FEATURES)


@pytest.mark.parametrize(
    ("form", "passing"),
    [
        ({"feature": "price", "min": 1000, "max": 5000}, ["4", "9"]),
        ({"feature": "price", "max": 999.5}, ["17"]),
        ({"feature": "price", "min": 5000.5}, []),
        ({"feature": "fuel", "any_of": ["DIESEL", "GAS"]}, ["17", "9"]),
        ({"feature": "fuel", "none_of": ["DIESEL"]}, ["4", "x"]),
        ({"feature": "tags", "any_of": ["red", "old"]}, ["17", "x"]),
        ({"feature": "tags", "none_of": ["old"]}, ["4", "9"]),
        ({"feature": "item_id", "none_of": ["x", "4", "5"]}, ["17", "9"]),
        ({"within_km": 30, "latitude": 52.5, "longitude": 13.4}, ["17", "9"]),
        ({"within_km": 20, "latitude": 52.5, "longitude": 13.4}, ["17"]),
    ],
)
def test_what_passes(form: dict[str, Any], passing: list[str]) -> None:
    selection = _attributes(ROWS).passing(parse_filters(json.loads(json.dumps([form]))))
    assert [ROWS[row][ITEM] for row in selection.rows()] == passing


def test_times_are_given_as_times_or_as_seconds() -> None:
    rows: list[Record] = [{ITEM: "1", "released": 0.0}, {ITEM: "2", "released": 86_400.0}]
    for least in ("1970-01-02T00:00:00Z", "1970-01-02T01:00:00+01:00", 86_400):
        filters = parse_filters([{"feature": "released", "min": least}])
        assert _attributes(rows).passing(filters).rows().tolist() == [1]
    assert Between(feature="released", max=datetime(1970, 1, 2, tzinfo=UTC)).bounds == (-np.inf, 86_400.0)


@settings(deadline=None)
@given(catalogues(), filter_lists)
def test_everything_agrees_with_brute_force(rows: list[Record], filters: list[Filter]) -> None:
    expected = passing_rows(rows, filters)
    selection = _attributes(rows).passing(filters)
    assert selection.rows().tolist() == expected
    assert np.flatnonzero(selection.mask()).tolist() == expected
    assert np.flatnonzero(selection.test(np.arange(len(rows)))).tolist() == expected
    assert selection.at_most >= len(expected)
    grown = AttributeRows(kinds_of(FEATURES))
    for row in rows:
        grown.append(row)
    assert np.flatnonzero(grown.mask(filters)).tolist() == expected


@settings(deadline=None)
@given(catalogues(), filter_lists, st.randoms())
def test_each_filter_lists_tests_and_marks_the_same(
    rows: list[Record], filters: list[Filter], random: Any
) -> None:
    """Beneath the choice of a way: every way of each filter, over rows in any order, some repeated."""
    some = np.array(random.choices(range(len(rows)), k=10))
    for wanted in filters:
        (one,) = _attributes(rows).passing([wanted]).passing
        expected = passing_rows(rows, [wanted])
        assert one.rows().tolist() == np.flatnonzero(one.mask()).tolist() == expected
        assert one.test(some).tolist() == np.isin(some, expected).tolist()
        assert one.at_most >= len(expected)
        if isinstance(wanted, Between):
            assert one.at_most == len(expected)


def test_the_same_after_saving_and_mapping(tmp_path: Path) -> None:
    _attributes(ROWS).save(tmp_path)
    mapped = Attributes.load(tmp_path)
    assert len(mapped) == 4
    assert mapped.kinds == kinds_of(FEATURES)
    for filters in (
        [Between(feature="price", min=950)],
        [NoneOf(feature=ITEM, none_of=("4",)), AnyOf(feature="tags", any_of=("old", "new"))],
        [Within(within_km=30, latitude=52.5, longitude=13.4)],
    ):
        assert mapped.passing(filters).rows().tolist() == passing_rows(_whole(ROWS), filters)
    assert not mapped.columns["price"].row_E.flags.writeable


def _whole(rows: list[Record]) -> list[Record]:
    return table_of(rows).to_pylist()


@pytest.mark.parametrize(("text", "passing"), [("a", [1]), ("a\0", [0]), ("a\0\1", [2]), ("\ud800", [])])
def test_texts_that_numpy_would_cut_or_not_encode(text: str, passing: list[int]) -> None:
    rows: list[Record] = [{ITEM: str(n), "fuel": fuel} for n, fuel in enumerate(["a\0", "a", "a\0\1"])]
    filters = [AnyOf(feature="fuel", any_of=(text,))]
    assert _attributes(rows).passing(filters).rows().tolist() == passing
    grown = AttributeRows(kinds_of(FEATURES))
    grown.extend(table_of(rows))
    assert np.flatnonzero(grown.mask(filters)).tolist() == passing


@pytest.mark.parametrize("text", ["2017", "1500000000", " -1.5"])
def test_a_number_as_text_is_no_time(text: str) -> None:
    with pytest.raises(RequestError, match=r"filters\[0\]\.min: expected a time like 2017-10-14T03:00:00Z"):
        parse_filters([{"feature": "released", "min": text}])


def test_no_filter_passes_all_and_a_catalogue_may_be_empty() -> None:
    assert _attributes(ROWS).passing([]).rows().tolist() == [0, 1, 2, 3]
    nothing = _attributes([]).passing([Between(feature="price", min=1), AnyOf(feature="fuel", any_of=("a",))])
    assert nothing.rows().tolist() == nothing.mask().tolist() == []


# The sphere


def test_distances_worked_out_by_hand() -> None:
    """A degree of a great circle is π / 180 × 6371.0088 km = 111.19508 km."""
    degree = np.pi / 180 * 6371.0088
    latitude = np.array([1.0, 0.0, 90.0, 60.0, np.nan])
    longitude = np.array([0.0, 1.0, 77.0, 180.0, 0.0])
    distance = kilometres(latitude, longitude, 0.0, 0.0)
    np.testing.assert_allclose(distance, [degree, degree, 90 * degree, 120 * degree, np.nan], rtol=1e-12)
    # from (60°, 0°) to (60°, 90°): cos = sin² 60 + cos² 60 × cos 90 = 3/4
    np.testing.assert_allclose(
        kilometres(np.array([60.0]), np.array([90.0]), 60.0, 0.0), 6371.0088 * np.arccos(0.75), rtol=1e-12
    )
    # Berlin (52.52° N, 13.405° E) and Hamburg (53.5511° N, 9.9937° E) are 255.2 km apart
    np.testing.assert_allclose(
        kilometres(np.array([53.5511]), np.array([9.9937]), 52.52, 13.405), 255.25, atol=0.1
    )


def test_a_radius_reaches_across_the_date_line_and_over_the_pole() -> None:
    rows: list[Record] = [
        {ITEM: "a", "latitude": 0.0, "longitude": 179.9},
        {ITEM: "b", "latitude": 0.0, "longitude": -179.9},
        {ITEM: "c", "latitude": 0.0, "longitude": 178.0},
        {ITEM: "d", "latitude": 89.9, "longitude": 0.0},
        {ITEM: "e", "latitude": 89.9, "longitude": 180.0},
        {ITEM: "f", "latitude": 0.0, "longitude": 0.0},
    ]
    attributes = _attributes(rows)
    for longitude in (179.9, -179.9):
        (near,) = attributes.passing([Within(within_km=30, latitude=0.0, longitude=longitude)]).passing
        assert near.at_most == 3  # by longitude; there are four as to latitude
        assert near.rows().tolist() == np.flatnonzero(near.mask()).tolist() == [0, 1]
    assert attributes.passing([Within(within_km=23, latitude=89.9, longitude=0.0)]).rows().tolist() == [3, 4]


def test_points_are_measured_block_by_block(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sphere, "BLOCK", 2)
    latitude = np.array([0.0, 0.1, 5.0, 0.2, 0.3, np.nan, 0.0])
    near = sphere.within(latitude, np.zeros(7), 0.0, 0.0, 30.0)  # 0.27 degrees
    assert near.tolist() == [True, True, False, True, False, False, True]


def test_the_widest_points_of_a_circle_are_in_its_box() -> None:
    """Of a circle of 1,000 km round 60° N they lie north of 60°: asin(sin r / cos 60°) east and west."""
    box = Box.around(60.0, 13.0, 1000.0)
    angle = 1000.0 / 6371.0088
    east = np.arcsin(np.sin(angle) / np.cos(np.radians(60)))
    north = np.arcsin(np.sin(np.radians(60)) / np.cos(angle))
    assert box.half_width == pytest.approx(np.degrees(east), abs=1e-6)
    np.testing.assert_allclose(
        kilometres(np.degrees([north]), np.degrees([east]) + 13, 60.0, 13.0), 1000, rtol=1e-9
    )


# What is refused


@pytest.mark.parametrize(
    ("form", "said"),
    [
        ({"feature": "price", "min": 5, "max": 1}, r"filters\[1\]: expected min ≤ max, received min 5"),
        (
            {"feature": "price", "min": float("nan")},
            r"filters\[1\]\.min: expected a finite number, received nan",
        ),
        (
            {"feature": "price", "min": "cheap"},
            r"filters\[1\]\.min: .*valid datetime.*received 'cheap'\.\nA filter",
        ),
        (
            {"feature": "price", "min": "2020-01-01T00:00:00"},
            r"filters\[1\]\.min: expected a time with its zone",
        ),
        (
            {"feature": "price", "min": [1]},
            r"filters\[1\]\.min: expected a valid number, received \[1\]\.\nA filter",
        ),
        ({"feature": "price", "min": True}, r"filters\[1\]\.min: expected a valid number, received True"),
        ({"feature": "price", "min": None}, "expected min, max or both, received neither"),
        ({"feature": "price", "min": 1, "maxx": 2}, r"filters\[1\]\.maxx: Extra inputs are not permitted"),
        ({"feature": "fuel", "any_of": []}, r"filters\[1\]\.any_of: .* at least 1"),
        (
            {"feature": "fuel", "any_of": [4]},
            r"filters\[1\]\.any_of\[0\]: expected a valid string, received 4",
        ),
        ({"within_km": 5, "latitude": 91, "longitude": 0}, r"filters\[1\]\.latitude: .* 90, received 91"),
        ({"within_km": 5, "longitude": 0}, r"filters\[1\]\.latitude: Field required"),
        ({"within_km": 0, "latitude": 1, "longitude": 0}, r"filters\[1\]\.within_km: .*greater than 0"),
        ({"feature": "price"}, r"filters\[1\]: expected an object with min, max"),
        ("price", r"filters\[1\]: expected an object with min, max"),
    ],
)
def test_bad_filters_are_refused(form: Any, said: str) -> None:
    good = {"feature": "price", "min": 1}
    with pytest.raises(RequestError, match=said) as raised:
        parse_filters([good, form])
    assert 'A filter is {"feature": "price", "min": 1000' in str(raised.value)


@pytest.mark.parametrize(
    ("wanted", "said"),
    [
        (
            Between(feature="prize", min=1),
            r"\[0\]: expected a feature for min and max.*'prize'.*mean 'price'",
        ),
        (
            Between(feature="fuel", min=1),
            "received 'fuel', of kind 'value'. Filter it with any_of or none_of",
        ),
        (Between(feature="price", min=datetime(2020, 1, 1, tzinfo=UTC)), "expected numbers.*received a time"),
        (
            AnyOf(feature="price", any_of=("1",)),
            "for any_of .*received 'price', of kind 'number'.*with min and max",
        ),
        (NoneOf(feature="about", none_of=("1",)), "for none_of .*received 'about'"),
        (Within(within_km=1, latitude=0, longitude=0, latitude_feature="north"), "for within_km .*'north'"),
    ],
)
def test_filters_that_do_not_fit_the_features_are_refused(wanted: Filter, said: str) -> None:
    for passing in (_attributes(ROWS).passing, AttributeRows(kinds_of(FEATURES)).mask):
        with pytest.raises(RequestError, match=said):
            passing([wanted])


def test_kinds_of_every_feature() -> None:
    features = Features(
        categorical=("fuel",), dates={"published": Date(parts=("year",))}, text={"about": Text()}
    )
    assert kinds_of(features) == {ITEM: "value", "fuel": "value", "published_year": "value"}
    check([AnyOf(feature="published_year", any_of=("2017",))], kinds_of(features))
    with pytest.raises(RequestError, match="'about'"):
        check([AnyOf(feature="about", any_of=("word",))], kinds_of(features))


# Rows that grow


def test_some_rows_go_on_growing() -> None:
    grown = AttributeRows(kinds_of(FEATURES))
    grown.extend(table_of(ROWS))
    rest = grown.take(np.array([1, 3]))
    assert rest.append({ITEM: "17", "fuel": "DIESEL", "price": 7}) == 2
    assert rest.mask([AnyOf(feature="fuel", any_of=("DIESEL",))]).tolist() == [False, True, True]
    assert rest.mask([AnyOf(feature="tags", any_of=("new",))]).tolist() == [False, True, False]
    assert rest.mask([Between(feature="price", max=1000)]).tolist() == [True, False, True]
    assert len(grown) == 4


def test_many_rows_are_not_lost_when_arrays_grow() -> None:
    grown = AttributeRows(kinds_of(FEATURES))
    for number in range(300):
        grown.append(
            {ITEM: str(number), "price": number, "tags": ["even", "old"] if number % 2 == 0 else ["odd"]}
        )
    assert grown.mask([Between(feature="price", min=250)]).sum() == 50
    assert np.flatnonzero(grown.mask([AnyOf(feature="tags", any_of=("odd",))])).tolist() == list(
        range(1, 300, 2)
    )


@pytest.mark.parametrize(
    ("record", "said"),
    [
        ({"price": "7"}, "column 'price': expected a number, or nothing, received '7'"),
        ({"price": True}, "expected a number"),
        ({"fuel": 4}, "column 'fuel': expected text"),
        ({"tags": ["a", 4]}, "column 'tags': expected text"),
    ],
)
def test_a_record_that_does_not_fit_adds_nothing(record: Record, said: str) -> None:
    grown = AttributeRows(kinds_of(FEATURES))
    with pytest.raises(DataError, match=said):
        grown.append({ITEM: "1", "price": 1.0, **record})
    assert len(grown) == 0
    assert grown.append({ITEM: "2", "price": 2.0}) == 0
    assert grown.mask([Between(feature="price", max=1)]).tolist() == [False]
