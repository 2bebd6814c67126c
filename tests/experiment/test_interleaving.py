from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dlrs.arrays import NO_ITEM
from dlrs.experiment.interleaving import NO_TEAM, TEAM_A, TEAM_B, preference, team_draft


class Coins:
    """A generator that throws given coins: True lets B choose first."""

    def __init__(self, *b_first: bool) -> None:
        self.coins = list(b_first)

    def random(self, users: int) -> np.ndarray:
        return np.full(users, 0.25 if self.coins.pop(0) else 0.75)


def test_by_hand() -> None:
    """B begins: B 2. A is behind: its best is 1. Level, A begins: 2 is taken, so 3. B: 1, 2 taken, so 4."""
    coins = Coins(True, False, False, True)  # those of places 2 and 4 are not looked at
    items_UK, team_UK = team_draft(np.array([[1, 2, 3, 5]]), np.array([[2, 1, 4, 3]]), 4, coins)  # type: ignore[arg-type]
    assert items_UK.tolist() == [[2, 1, 3, 4]]
    assert team_UK.tolist() == [[TEAM_B, TEAM_A, TEAM_A, TEAM_B]]


def test_equal_lists_stay_as_they_are() -> None:
    list_UK = np.tile([4, 2, 9, 7], (3, 1))
    items_UK, _ = team_draft(list_UK, list_UK, 4, np.random.default_rng(0))
    assert np.array_equal(items_UK, list_UK)


def test_it_ends_where_a_team_has_nothing_left() -> None:
    a_UT, b_UT = np.array([[1, NO_ITEM, NO_ITEM]]), np.array([[1, 2, 3]])
    for first in (True, False):
        items_UK, team_UK = team_draft(a_UT, b_UT, 3, Coins(first, first, first))  # type: ignore[arg-type]
        assert items_UK.tolist() == [[1, NO_ITEM, NO_ITEM]]
        assert team_UK.tolist() == [[TEAM_B if first else TEAM_A, NO_TEAM, NO_TEAM]]


LISTS = st.lists(st.permutations(range(8)), min_size=1, max_size=5)


@given(LISTS, LISTS, st.integers(1, 8), st.integers(0, 5), st.integers(0, 2**32 - 1))
def test_invariants(a: list[list[int]], b: list[list[int]], k: int, missing: int, seed: int) -> None:
    users = min(len(a), len(b))
    a_UT, b_UT = np.array(a[:users]), np.array(b[:users])[:, :6]
    a_UT[:, 8 - missing :] = NO_ITEM
    items_UK, team_UK = team_draft(a_UT, b_UT, k, np.random.default_rng(seed))
    assert items_UK.shape == team_UK.shape == (users, k)
    assert np.array_equal(items_UK == NO_ITEM, team_UK == NO_TEAM)
    for items, teams, *rankings in zip(items_UK, team_UK, a_UT, b_UT, strict=True):
        filled = items != NO_ITEM
        assert not filled[filled.sum() :].any()  # padding comes last
        assert len(set(items[filled])) == filled.sum()  # nothing twice
        lead = np.cumsum(np.where(teams == TEAM_A, 1, -1)[filled])
        assert (abs(lead) <= 1).all()
        assert (lead[1::2] == 0).all()  # after each pair of places the teams are level
        for team, ranking in enumerate(rankings):
            places = [list(ranking).index(item) for item in items[teams == team]]
            assert places == sorted(places)  # each team's items in its own order
        for place in range(filled.sum()):  # nobody is passed over: each choice was its team's best
            ranking = [item for item in rankings[teams[place]] if item not in items[:place]]
            assert items[place] == ranking[0]
        if filled.sum() < k:  # it ended for a reason
            assert any(set(ranking) - {NO_ITEM} <= set(items[filled]) for ranking in rankings)


def test_each_team_begins_half_of_the_time() -> None:
    users = 4000
    lists = np.tile([1, 2, 3], (users, 1)), np.tile([4, 5, 6], (users, 1))
    _, team_UK = team_draft(*lists, 3, np.random.default_rng(0))
    assert abs((team_UK[:, 0] == TEAM_B).mean() - 0.5) < 0.03
    assert abs((team_UK[:, 2] == TEAM_B).mean() - 0.5) < 0.03


def test_votes_by_hand() -> None:
    """User 0: 2 clicks A, 1 B. User 1: B. User 2: one each. User 3: none. User 4: no team. User 5: B."""
    user_I = np.array([0, 0, 0, 0, 1, 1, 2, 2, 3, 4, 5])
    team_I = np.array([0, 0, 1, 1, 0, 1, 0, 1, 0, NO_TEAM, 1])
    clicked_I = np.array([1, 1, 1, 0, 0, 1, 1, 1, 0, 1, 1], dtype=np.bool_)
    found = preference(user_I, team_I, clicked_I)
    assert (found.a, found.b, found.ties) == (1, 2, 1)
    assert found.share == 2 / 3
    assert found.p_value == 1.0  # 1 : 2 of 3 is as even as it gets
    # Wilson: (p + z²/2n ± z·√(p(1 − p)/n + z²/4n²)) / (1 + z²/n), n = 3
    assert (found.low, found.high) == pytest.approx((0.2077, 0.9385), abs=1e-4)


def test_the_sign_test_by_hand() -> None:
    """Ten users, all for B: p = 2 / 2¹⁰."""
    found = preference(np.arange(10), np.full(10, TEAM_B), np.ones(10, dtype=np.bool_))
    assert found.p_value == pytest.approx(2 / 1024)


def test_nobody_decided() -> None:
    found = preference(np.array([0, 1]), np.array([0, 1]), np.zeros(2, dtype=np.bool_))
    assert (found.a, found.b, found.ties, found.share, found.p_value) == (0, 0, 0, None, 1.0)
