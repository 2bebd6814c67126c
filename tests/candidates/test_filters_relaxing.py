"""The ladder: what is given up, in which order, and for whom."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import numpy as np
import pytest

from dlrs.candidates.filtering.filters import AnyOf, Between, Within, parse_filters
from dlrs.candidates.filtering.relaxing import ladder, parse_steps
from dlrs.errors import RequestError

NEAR = Within(within_km=50, latitude=0.0, longitude=0.0)
CHEAP = Between(feature="price", min=1000, max=2000)


def test_steps_relax_what_was_asked_for_and_add_up() -> None:
    forms = [
        {"within_km": 100},
        {"feature": "price", "widen": 0.1},
        {"feature": "price", "widen": 0.2},
        {"within_km": None},
        {"feature": "fuel", "drop": True},
    ]
    filters = (NEAR, CHEAP, AnyOf(feature="fuel", any_of=("a",)))
    rungs = ladder(filters, parse_steps(forms))
    assert rungs[0] == filters
    assert [wanted.within_km for rung in rungs for wanted in rung if isinstance(wanted, Within)] == [
        *(50, 100, 100, 100),
    ]
    assert [wanted.bounds for rung in rungs for wanted in rung if isinstance(wanted, Between)] == [
        *((1000, 2000), (1000, 2000), (900, 2200), (800, 2400), (800, 2400), (800, 2400)),
    ]
    assert [len(rung) for rung in rungs] == [3, 3, 3, 3, 2, 1]


@pytest.mark.parametrize(
    "forms",
    [
        [{"within_km": 100}, {"within_km": 60}],
        [{"within_km": None}, {"within_km": 100}],
        [{"feature": "price", "widen": 0.2}, {"feature": "price", "by": 50}],
        [{"feature": "price", "drop": True}, {"feature": "price", "widen": 0.1}],
    ],
)
def test_a_step_that_takes_back_what_was_given_up_is_refused(forms: list[dict[str, Any]]) -> None:
    with pytest.raises(RequestError, match=r"relax\[1\]: expected a step that relaxes"):
        ladder([NEAR, CHEAP], parse_steps(forms))


def test_ends_that_are_open_negative_or_times() -> None:
    (_, wider) = ladder(
        [Between(feature="price", max=-100)], parse_steps([{"feature": "price", "widen": 0.5}])
    )
    assert wider == (Between(feature="price", max=-50),)
    since = Between(feature="released", min=datetime(1970, 1, 3, tzinfo=UTC))
    (_, earlier) = ladder([since], parse_steps([{"feature": "released", "by": 86_400}]))
    assert isinstance(earlier[0], Between)
    assert earlier[0].bounds == (86_400, np.inf)


@pytest.mark.parametrize(
    "form",
    [
        {"within_km": 50},
        {"feature": "fuel", "widen": 0.1},
        {"feature": "mileage", "by": 1},
        {"feature": "latitude", "drop": True},
    ],
)
def test_a_step_that_relaxes_nothing_is_refused(form: dict[str, Any]) -> None:
    filters = parse_filters([NEAR, CHEAP, {"feature": "fuel", "none_of": ["a"]}])
    with pytest.raises(RequestError, match=r"relax\[1\]: expected a step that relaxes one of the filters"):
        ladder(filters, parse_steps([{"within_km": 100}, form]))


@pytest.mark.parametrize(
    ("form", "said"),
    [
        ({"feature": "price"}, r"relax\[0\]: expected an object with within_km, widen, by or drop"),
        ({"feature": "price", "widen": 0}, r"relax\[0\]\.widen: expected greater than 0, received 0"),
        ({"feature": "price", "by": float("nan")}, r"relax\[0\]\.by: expected a finite number"),
        ({"feature": "price", "drop": False}, r"relax\[0\]\.drop: expected True, received False"),
        ({"within_km": "100"}, r"relax\[0\]\.within_km: expected a valid number, received '100'"),
    ],
)
def test_what_is_no_step_is_refused(form: dict[str, Any], said: str) -> None:
    with pytest.raises(RequestError, match=said) as raised:
        parse_steps([form])
    assert "A step is {" in str(raised.value)
