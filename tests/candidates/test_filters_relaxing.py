"""The ladder: what is given up, in which order, and for whom."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import numpy as np
import pytest
from scipy import sparse

from dlrs.arrays import NO_ITEM, Floats
from dlrs.candidates.exact import ExactIndex
from dlrs.candidates.filtering.attributes import Attributes
from dlrs.candidates.filtering.filters import AnyOf, Between, Within, parse_filters
from dlrs.candidates.filtering.relaxing import Relaxed, generate_relaxing, ladder, parse_steps
from dlrs.candidates.filtering.where import Where
from dlrs.candidates.vectors import ItemVectors
from dlrs.errors import RequestError
from dlrs.schema import ITEM
from filter_cases import FEATURES, Record, table_of

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


def _relaxing(known_UN: Floats, enough: int) -> Relaxed:
    """Ten ads a third of a degree (37 km) apart on the equator, each further from the point and the query."""
    rows: list[Record] = [{ITEM: str(n), "latitude": 0.0, "longitude": n / 3} for n in range(10)]
    vectors = np.arange(10, dtype=np.float32)[:, None]
    attributes = Attributes.build(table_of(rows), FEATURES)
    rungs = ladder([NEAR], parse_steps([{"within_km": 120}, {"within_km": 200}]))
    return generate_relaxing(
        ExactIndex.build(ItemVectors(vectors, "euclidean")),
        np.zeros((len(known_UN), 1), dtype=np.float32),
        5,
        sparse.csr_array(known_UN),
        [Where(attributes, rung) for rung in rungs],
        enough,
    )


def test_each_user_climbs_only_as_far_as_he_must() -> None:
    """50 km hold items 0 and 1, 120 km also 2 and 3, 200 km also 4 and 5."""
    known_UN = np.zeros((4, 10), dtype=np.float32)
    known_UN[1, 0] = 1
    known_UN[2, :3] = 1
    known_UN[3, :6] = 1
    relaxed = _relaxing(known_UN, enough=2)
    assert relaxed.steps_U.tolist() == [0, 1, 2, 2]
    assert [[n for n in row if n != NO_ITEM] for row in relaxed.candidates.positions_UT.tolist()] == [
        *([0, 1], [1, 2, 3], [3, 4, 5], []),
    ]
    assert np.isneginf(relaxed.candidates.similarity_UT[0, 2:]).all()
    assert relaxed.rungs[2].filters == (Within(within_km=200, latitude=0.0, longitude=0.0),)


def test_who_has_enough_relaxes_nothing() -> None:
    relaxed = _relaxing(np.zeros((1, 10), dtype=np.float32), enough=1)
    assert relaxed.steps_U.tolist() == [0]
    assert relaxed.candidates.positions_UT[0, :2].tolist() == [0, 1]
