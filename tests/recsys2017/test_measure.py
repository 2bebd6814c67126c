"""Every sentence of the challenge's measure, by values worked out by hand."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dlrs.recsys2017.measure import BITS, did, score, user_success
from dlrs.recsys2017.official import TYPES


def success(*types: str, premium: bool = False) -> int:
    type_E = np.array([TYPES.index(name) for name in types], dtype=np.int64)
    did_P = did(type_E, np.zeros(len(types), dtype=np.int64), 1)
    return int(user_success(did_P, np.array([premium]))[0])


@pytest.mark.parametrize(
    ("types", "points"),
    [
        ((), 0),
        (("click",), 1),
        (("bookmark",), 5),
        (("reply",), 5),
        (("bookmark", "reply"), 5),
        (("recruiter",), 20),
        (("delete",), -10),
        (("click", "bookmark"), 6),
        (("click", "reply", "recruiter"), 26),
    ],
)
def test_what_each_type_is_worth(types: tuple[str, ...], points: int) -> None:
    assert success(*types) == points


@pytest.mark.parametrize(
    ("types", "points"), [(("click",), 2), (("recruiter",), 40), (("delete",), -20), (("click", "reply"), 12)]
)
def test_a_premium_user_counts_twice(types: tuple[str, ...], points: int) -> None:
    assert success(*types, premium=True) == points


@pytest.mark.parametrize("type", ["click", "bookmark", "reply", "recruiter"])
def test_a_deletion_counts_only_where_there_is_nothing_else(type: str) -> None:
    assert success("delete", type) == success(type) > 0


def test_an_impression_is_nothing_and_nothing_else_either() -> None:
    assert success("impression") == 0
    assert success("impression", "delete") == -10
    assert success("impression", "click") == 1


def test_repeats_count_once() -> None:
    assert success("click", "click", "click") == 1
    assert success("delete", "delete") == -10
    assert success("bookmark", "reply", "bookmark", "reply", "click", "click") == 6


def test_a_pair_is_worth_52_at_most_and_less_20_at_least() -> None:
    every = np.array([sum(bits) for bits in product(*((0, bit) for bit in BITS.values()))])
    for premium in (False, True):
        points = user_success(every, np.full(len(every), premium))
        assert (points.min(), points.max()) == ((-20, 52) if premium else (-10, 26))


@given(st.lists(st.tuples(st.integers(0, 2), st.integers(0, 5)), max_size=20), st.randoms())
def test_neither_order_nor_repeats_matter(events: list[tuple[int, int]], random) -> None:  # type: ignore[no-untyped-def]
    shuffled = [*events, *events]
    random.shuffle(shuffled)

    def points(rows: list[tuple[int, int]]) -> list[int]:
        pair_E, type_E = np.array(rows, dtype=np.int64).reshape(-1, 2).T
        return user_success(did(type_E, pair_E, 3), np.zeros(3, dtype=np.bool_)).tolist()

    assert points(events) == points(shuffled)


def test_an_item_that_reaches_somebody_is_worth_25_and_50_if_paid() -> None:
    # item 7, paid: a click and a deletion; item 8, not paid: two clicks; item 9, paid: only a deletion
    item_P = np.array([7, 7, 8, 8, 9])
    did_P = np.array([BITS["click"], BITS["delete"], BITS["click"], BITS["click"], BITS["delete"]])
    paid_P = np.array([True, True, False, False, True])
    found = score(item_P, did_P, np.zeros(5, dtype=np.bool_), paid_P)
    assert found.users == 1 - 10 + 1 + 1 - 10
    assert found.items == 50 + 25
    assert found.total == -17 + 75
    assert (found.pairs, found.successes, found.items_reached) == (5, 3, 2)


def test_an_item_counts_by_one_success_even_if_its_sum_is_below_0() -> None:
    found = score(
        np.array([1, 1]), np.array([BITS["click"], BITS["delete"]]), np.zeros(2, bool), np.zeros(2, bool)
    )
    assert (found.users, found.items) == (-9, 25)


def test_a_submission_without_pairs_is_worth_nothing() -> None:
    nothing = np.empty(0, dtype=np.int64)
    assert score(nothing, nothing, nothing.astype(bool), nothing.astype(bool)).total == 0
