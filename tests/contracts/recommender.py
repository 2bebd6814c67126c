"""The contract of `dlrs.recommender.Recommender`, run over every implementation.

Subclass `RecommenderContract`, name the class `Test…`, and override the fixture `case`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pytest
from scipy import sparse

from dlrs.arrays import NO_ITEM, Ints
from dlrs.recommenders.recommender import Ranking, Recommender


@dataclass(frozen=True)
class Case:
    """An implementation and a small world to try it in: at least 6 users and 12 items."""

    build: Callable[[Ints], Recommender]  # from a catalogue: item rows, ascending
    users: int
    items: int
    twins: tuple[int, int]  # two item rows, ascending, that the recommender cannot tell apart
    stranger: int  # a user row without history

    @property
    def users_U(self) -> Ints:
        return np.arange(self.users)

    @property
    def items_N(self) -> Ints:
        return np.arange(self.items)

    @property
    def part_A(self) -> Ints:
        """A catalogue that leaves every third item out."""
        return self.items_N[self.items_N % 3 != 0]

    def nothing_known(self, users: int | None = None) -> sparse.csr_array:
        return sparse.csr_array((self.users if users is None else users, self.items), dtype=np.float32)

    def some_known(self) -> sparse.csr_array:
        """Return some known items for everybody, in the catalogue and outside, and all for user row 0."""
        known_UN = np.random.default_rng(7).random((self.users, self.items)) < 0.4
        known_UN[0] = True
        return sparse.csr_array(known_UN.astype(np.float32))


class RecommenderContract:
    @pytest.fixture
    def case(self) -> Case:
        raise NotImplementedError

    def test_returns_k_places_for_each_user(self, case: Case) -> None:
        ranking = case.build(case.items_N).recommend(case.users_U, 5, known_UN=case.nothing_known())
        assert ranking.items_UK.shape == ranking.scores_UK.shape == (case.users, 5)
        assert ranking.items_UK.dtype == np.int64
        assert ranking.scores_UK.dtype == np.float32

    def test_lists_are_distinct_items_of_the_catalogue(self, case: Case) -> None:
        ranking = case.build(case.part_A).recommend(case.users_U, 6, known_UN=case.nothing_known())
        assert np.isin(ranking.items_UK, case.part_A).all()
        assert all(len(set(row)) == 6 for row in ranking.items_UK.tolist())

    def test_best_come_first(self, case: Case) -> None:
        ranking = case.build(case.items_N).recommend(case.users_U, case.items, known_UN=case.nothing_known())
        assert (np.diff(ranking.scores_UK, axis=1) <= 0).all()

    def test_known_items_are_never_recommended(self, case: Case) -> None:
        known_UN = case.some_known()
        ranking = case.build(case.part_A).recommend(case.users_U, case.items, known_UN=known_UN)
        for user, listed in enumerate(_lists(ranking)):
            assert not set(listed) & set(known_UN[[user]].indices.tolist())

    def test_known_items_never_cost_a_place(self, case: Case) -> None:
        known_UN = case.some_known()
        for k in (3, case.items):
            ranking = case.build(case.part_A).recommend(case.users_U, k, known_UN=known_UN)
            left_U = (known_UN.toarray()[:, case.part_A] == 0).sum(axis=1)
            assert [len(listed) for listed in _lists(ranking)] == np.minimum(left_U, k).tolist()

    def test_what_is_known_takes_its_items_out_of_the_list_and_leaves_the_rest(self, case: Case) -> None:
        recommender, known_UN = case.build(case.part_A), case.some_known()
        free = recommender.recommend(case.users_U, case.items, known_UN=case.nothing_known())
        masked = recommender.recommend(case.users_U, case.items, known_UN=known_UN)
        for user, (all_items, listed) in enumerate(zip(_lists(free), _lists(masked), strict=True)):
            known = set(known_UN[[user]].indices.tolist())
            assert listed == [item for item in all_items if item not in known]

    def test_a_stored_zero_is_known(self, case: Case) -> None:
        known_UN = case.some_known()
        zeros_UN = known_UN.copy()
        zeros_UN.data[:] = 0
        recommender = case.build(case.items_N)
        expected = recommender.recommend(case.users_U, case.items, known_UN=known_UN)
        received = recommender.recommend(case.users_U, case.items, known_UN=zeros_UN)
        np.testing.assert_array_equal(received.items_UK, expected.items_UK)

    def test_longer_than_the_catalogue_is_padded(self, case: Case) -> None:
        ranking = case.build(case.part_A).recommend(
            case.users_U, case.items + 3, known_UN=case.nothing_known()
        )
        full = len(case.part_A)
        np.testing.assert_array_equal(
            np.sort(ranking.items_UK[:, :full]), np.tile(case.part_A, (case.users, 1))
        )
        assert (ranking.items_UK[:, full:] == NO_ITEM).all()
        assert np.isfinite(ranking.scores_UK[:, :full]).all()
        assert np.isneginf(ranking.scores_UK[:, full:]).all()

    def test_a_short_list_is_the_head_of_a_longer_one(self, case: Case) -> None:
        recommender, known_UN = case.build(case.items_N), case.some_known()
        longest = recommender.recommend(case.users_U, case.items, known_UN=known_UN)
        for k in (1, 5):
            short = recommender.recommend(case.users_U, k, known_UN=known_UN)
            np.testing.assert_array_equal(short.items_UK, longest.items_UK[:, :k])

    def test_built_and_asked_again_it_says_the_same(self, case: Case) -> None:
        first, again = (
            case.build(case.part_A).recommend(case.users_U, 8, known_UN=case.some_known()) for _ in range(2)
        )
        np.testing.assert_array_equal(again.items_UK, first.items_UK)
        np.testing.assert_array_equal(again.scores_UK, first.scores_UK)

    def test_the_order_of_users_does_not_matter(self, case: Case) -> None:
        recommender, known_UN = case.build(case.items_N), case.some_known()
        order_U = np.random.default_rng(1).permutation(case.users)
        straight = recommender.recommend(case.users_U, 8, known_UN=known_UN)
        shuffled = recommender.recommend(order_U, 8, known_UN=known_UN[order_U])
        _assert_same(shuffled, Ranking(straight.items_UK[order_U], straight.scores_UK[order_U]))

    def test_each_user_alone_gets_what_he_gets_among_others(self, case: Case) -> None:
        recommender, known_UN = case.build(case.items_N), case.some_known()
        together = recommender.recommend(case.users_U, 8, known_UN=known_UN)
        for user in case.users_U:
            alone = recommender.recommend(np.array([user]), 8, known_UN=known_UN[[user]])
            _assert_same(alone, Ranking(together.items_UK[[user]], together.scores_UK[[user]]))

    def test_a_user_may_be_asked_about_twice(self, case: Case) -> None:
        ranking = case.build(case.items_N).recommend(np.array([1, 1]), 8, known_UN=case.nothing_known(2))
        _assert_same(
            Ranking(ranking.items_UK[1:], ranking.scores_UK[1:]),
            Ranking(ranking.items_UK[:1], ranking.scores_UK[:1]),
        )

    def test_a_user_without_history_gets_a_full_list(self, case: Case) -> None:
        ranking = case.build(case.part_A).recommend(
            np.array([case.stranger]), 6, known_UN=case.nothing_known(1)
        )
        assert len(_lists(ranking)[0]) == 6

    def test_score_agrees_with_the_lists(self, case: Case) -> None:
        recommender = case.build(case.part_A)
        ranking = recommender.recommend(case.users_U, len(case.part_A), known_UN=case.nothing_known())
        users_P = np.repeat(case.users_U, len(case.part_A))
        scores_P = recommender.score(users_P, ranking.items_UK.ravel())
        assert scores_P.shape == users_P.shape
        assert scores_P.dtype == np.float32
        np.testing.assert_allclose(scores_P, ranking.scores_UK.ravel(), rtol=1e-5, atol=1e-6)

    def test_a_catalogue_may_hold_one_item(self, case: Case) -> None:
        item = case.items - 1
        ranking = case.build(np.array([item])).recommend(case.users_U, 2, known_UN=case.nothing_known())
        assert (ranking.items_UK == [item, NO_ITEM]).all()

    def test_equal_items_come_in_the_order_of_their_rows(self, case: Case) -> None:
        lower, higher = case.twins
        recommender = case.build(case.items_N)
        ranking = recommender.recommend(case.users_U, case.items, known_UN=case.nothing_known())
        for user, listed in enumerate(_lists(ranking)):
            scores_K = ranking.scores_UK[user]
            assert scores_K[listed.index(lower)] == scores_K[listed.index(higher)]
            assert listed.index(lower) < listed.index(higher)

    def test_the_first_of_equal_items_takes_the_last_place(self, case: Case) -> None:
        ranking = case.build(np.array(case.twins)).recommend(case.users_U, 1, known_UN=case.nothing_known())
        assert (ranking.items_UK == case.twins[0]).all()


def _lists(ranking: Ranking) -> list[list[int]]:
    return [[item for item in row if item != NO_ITEM] for row in ranking.items_UK.tolist()]


def _assert_same(received: Ranking, expected: Ranking) -> None:
    np.testing.assert_array_equal(received.items_UK, expected.items_UK)
    np.testing.assert_allclose(received.scores_UK, expected.scores_UK, rtol=1e-5, atol=1e-6)
