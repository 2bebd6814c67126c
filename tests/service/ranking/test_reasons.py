"""Reasons are true: counted again with nothing but the raw features."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dlrs.candidates.filtering.sphere import EARTH_KM
from dlrs.schema import Features
from dlrs.service.ranking.reasons import Common, Part, Reasons, nice
from dlrs.service.seams import Met

FEATURES = Features.model_validate(
    {
        "categorical": ["fuel", "make_id"],
        "multi_valued": {"equipment": {}},
        "continuous": {"price": {}, "built": {"kind": "time"}, "latitude": {}, "longitude": {}},
    }
)
RAW = st.fixed_dictionaries(
    {
        "fuel": st.sampled_from(["DIESEL", "PETROL", None]),
        "make_id": st.sampled_from(["Ford", "VW"]),
        "equipment": st.none() | st.lists(st.sampled_from(["abs", "radio", "roof"]), unique=True),
        "price": st.none() | st.floats(-10, 1e6),
        "built": st.floats(0, 1e9),
        "latitude": st.none() | st.floats(-90, 90),
        "longitude": st.floats(-180, 180),
    }
)


def car(fuel: str = "DIESEL", price: float = 5000.0, **others: Any) -> dict[str, Any]:
    return {"fuel": fuel, "make_id": "VW", "equipment": [], "price": price, **others}


def met(raws: list[dict[str, Any]]) -> list[Met]:
    return [Met(str(number), "view", number, 1.0, raw) for number, raw in enumerate(raws)]


def test_a_reason_worked_out_by_hand() -> None:
    catalogue = [car("PETROL", 30_000.0)] * 8 + [car("DIESEL", 5_000.0)] * 2
    history = met([car("DIESEL", 17_000.0)] * 3 + [car("DIESEL", 40_000.0), car("PETROL", 9_000.0)])
    reason = Reasons(history, FEATURES, Common.of(catalogue, FEATURES)).of([car("DIESEL", 16_500.0)])[0]
    # DIESEL: 4 of 5, 20 % of the catalogue: 4 ln(0.8 / 0.2) = 5.5; price ≤ 20,000: 4 of 5 and 20 % as well;
    # both: 3 of 5, expected 4 %: 3 ln(0.6 / 0.04) = 8.1; all are VW, which says nothing
    assert str(reason) == "3 of your last 5: fuel DIESEL, price ≤ 20,000"


def test_names_are_words_and_distance_is_from_the_middle() -> None:
    places = [{"latitude": 50.0, "longitude": 10.0}, {"latitude": 50.2, "longitude": 10.0}]
    history = met([car(**place) for place in places])
    common = Common.of([{**car("PETROL", 1e5), "make_id": "Ford"}] * 10, FEATURES)
    item = {**car("GAS"), "latitude": 50.1 + 12 / (EARTH_KM * 3.141592653589793 / 180), "longitude": 10.0}
    assert str(Reasons(history, FEATURES, common).of([item])[0]) == (
        "2 of your last 2: make VW, price ≤ 5,000; 12 km from where you look"
    )


def test_nothing_speaks_for_what_has_nothing_in_common() -> None:
    common = Common.of([car()], FEATURES)
    assert Reasons(met([car()] * 3), FEATURES, common).of([{"fuel": "GAS", "price": None}]) == [None]
    assert Reasons([], FEATURES, common).of([car()]) == [None]


@pytest.mark.parametrize(
    ("number", "expected"),
    [(17_300, 20_000), (20_000, 20_000), (20_001, 25_000), (99, 100), (0.021, 0.025), (9, 10)],
)
def test_nice(number: float, expected: float) -> None:
    assert nice(number) == pytest.approx(expected)


@given(st.lists(RAW, max_size=20), st.lists(RAW, max_size=20), RAW)
def test_what_is_counted_is_true(history: list[Any], catalogue: list[Any], item: Any) -> None:
    reason = Reasons(met(history), FEATURES, Common.of(catalogue, FEATURES)).of([item])[0]
    if reason is None:
        return
    assert reason.parts or reason.km is not None
    assert len(reason.parts) <= 3
    assert len(set(reason.parts)) == len(reason.parts)
    having = [raw for raw in history if reason.parts and all(_has(raw, part) for part in reason.parts)]
    assert (reason.count, reason.of) == (len(having), len(history))
    assert all(_has(item, part) for part in reason.parts)
    if reason.parts:
        assert reason.count >= 2


def _has(raw: dict[str, Any], part: Part) -> bool:
    found = raw[part.feature]
    if part.value is None:
        return found is not None and found <= part.most
    return part.value == found if isinstance(found, str) else part.value in (found or [])
