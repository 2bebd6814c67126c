"""The assignment against every possible one, and its capacities on whatever comes."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dlrs.recsys2017.assignment import PRECISION, Assignment, assign

ALWAYS, NEVER = 10**9, 0


def by_hand(values_UI: np.ndarray, places: int) -> float:
    """Try every choice of an item, or none, for each user."""
    users, items = values_UI.shape
    best = 0.0
    for choice in product(range(-1, items), repeat=users):
        if all(choice.count(item) <= places for item in range(items)):
            best = max(best, sum(values_UI[u, i] for u, i in enumerate(choice) if i >= 0))
    return best


def offered(values_UI: np.ndarray, places: int, exact: int) -> Assignment:
    user_E, item_E = np.nonzero(~np.isnan(values_UI))
    return assign(user_E, item_E, values_UI[user_E, item_E], places, exact=exact)


def test_who_likes_the_full_item_less_takes_the_other() -> None:
    # cut lists would give item 0 to user 0 (5 + 1); together they are worth more the other way round
    values_UI = np.array([[5.0, 4.0], [4.5, 1.0]])
    for exact in (ALWAYS, NEVER):
        found = offered(values_UI, 1, exact)
        assert found.chosen.tolist() == [1, 2]  # user 0 with item 1, user 1 with item 0
        assert found.value == 8.5
        assert found.bound >= 8.5


def test_what_is_worth_nothing_is_not_chosen() -> None:
    values_UI = np.array([[0.0, -1.0], [2.0, np.nan]])
    for exact in (ALWAYS, NEVER):
        assert offered(values_UI, 2, exact).chosen.tolist() == [2]
    assert assign(np.array([0]), np.array([0]), np.array([-1.0]), 1).value == 0


def test_nothing_offered() -> None:
    nothing = np.empty(0, dtype=np.int64)
    found = assign(nothing, nothing, nothing.astype(np.float64), 100)
    assert (len(found.chosen), found.gap) == (0, 0)


@pytest.mark.parametrize("seed", range(15))
@pytest.mark.parametrize("places", [1, 2])
def test_small_cases_against_every_assignment(seed: int, places: int) -> None:
    rng = np.random.default_rng(seed)
    values_UI = np.round(rng.normal(1, 2, (5, 3)), rng.integers(0, 3))  # ties among them
    values_UI[rng.random((5, 3)) < 0.2] = np.nan
    best = by_hand(np.nan_to_num(values_UI, nan=-1), places)
    assert offered(values_UI, places, ALWAYS).value == pytest.approx(best)
    auction = offered(values_UI, places, NEVER)
    worth = np.nanmax(values_UI, axis=1, initial=0)
    assert auction.value >= best - 5 * PRECISION * worth[worth > 0].mean() - 1e-9
    assert auction.bound >= best - 1e-9


@given(
    st.lists(st.tuples(st.integers(0, 30), st.integers(0, 6)), unique=True, min_size=1, max_size=120),
    st.integers(1, 5),
    st.integers(0, 2**32 - 1),
)
def test_capacities_hold_and_both_ways_agree(pairs: list[tuple[int, int]], places: int, seed: int) -> None:
    user_E, item_E = np.array(pairs).T
    value_E = np.random.default_rng(seed).exponential(size=len(pairs)) + 0.01
    ways = [assign(user_E, item_E, value_E, places, exact=exact) for exact in (ALWAYS, NEVER)]
    for found in ways:
        assert np.bincount(user_E[found.chosen]).max() <= 1
        assert np.bincount(item_E[found.chosen]).max() <= places
        assert found.value == pytest.approx(value_E[found.chosen].sum())
        assert 0 <= found.gap < 0.01
    exact, auction = ways
    assert auction.value <= exact.value + 1e-9 <= auction.bound + 1e-6
    assert auction.value >= exact.value * (1 - 2 * PRECISION) - 1e-9


def test_many_who_want_the_same_end_in_a_reasonable_price() -> None:
    """All values alike: nothing but ties."""
    values_UI = np.ones((300, 2))
    found = offered(values_UI, 100, NEVER)
    assert len(found.chosen) == 200
    assert found.gap < 0.01
