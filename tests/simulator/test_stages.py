"""The stages one by one, against values worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest

from dlrs.arrays import NO_ITEM
from dlrs.simulator import behaviour, chains, history, lists
from dlrs.simulator.choices import Choices
from dlrs.simulator.seen import Seen


def test_running_sums_start_anew_with_each_ad():
    item_V = np.array([0, 0, 0, 1, 1])
    steps_V = np.array([0.0, 1.0, 2.0, 0.0, 5.0])
    np.testing.assert_allclose(history._running(steps_V, item_V, np.array([0, 3])), [0, 1, 3, 0, 5])


def test_of_changes_in_one_second_the_price_stays():
    changes = [
        (1, 9, history.DEATH), (0, 7, history.PRICING), (0, 5, history.BIRTH), (0, 7, history.EDIT),
        (0, 8, history.EDIT), (0, 8, history.EDIT), (1, -3, history.BIRTH),
    ]  # fmt: skip
    item_V, time_V, kind_V = history._sorted(*(np.array(values) for values in zip(*changes, strict=True)))
    assert item_V.tolist() == [0, 0, 0, 1, 1]
    assert time_V.tolist() == [5, 7, 8, -3, 9]
    assert kind_V.tolist() == [
        history.BIRTH, history.PRICING, history.EDIT, history.BIRTH, history.DEATH
    ]  # fmt: skip


def test_what_was_replaced_by_the_start_is_dropped():
    item_V = np.array([0, 0, 0, 1, 2, 2])
    time_V = np.array([-9, -3, 4, -5, 1, 2])
    assert history._replaced(item_V, time_V).tolist() == [True, False, False, False, False, False]


def test_a_shelf_draws_from_the_group_by_weight():
    rng = np.random.default_rng(0)
    shelf = lists.Shelf.sorted_by(np.array([2, 0, 2, 0, 5]), groups=8)
    weight_N = np.array([1.0, 9.0, 3.0, 0.0, 9.0], dtype=np.float32)
    drawn = np.concatenate(
        [
            shelf.tickets(np.array([True] * 4 + [False]), weight_N, rng).draw(
                np.broadcast_to(np.array([[2], [0], [1], [5]]), (4, 100)), rng
            )
            for _ in range(200)
        ],
        axis=1,
    )
    assert set(drawn[0]) == {0, 2}
    assert (drawn[0] == 2).mean() == pytest.approx(0.75, abs=0.03)
    assert set(drawn[1]) == {1}
    assert (drawn[2:] == NO_ITEM).all()  # an empty group, and one whose ad is not there


def test_the_best_of_each_list_are_opened_and_nothing_that_is_not_there():
    utility_RL = np.array([[1.0, 3.0, 2.0], [-np.inf, 0.0, -np.inf]])
    visits, places = behaviour.best(utility_RL, np.array([2, 3]))
    assert visits.tolist() == [0, 0, 1]
    assert places.tolist() == [1, 2, 1]


def test_only_the_first_look_of_a_pair_is_kept():
    def looks(user, item, time):
        return Choices(np.array(user), np.array(item), np.array(time), np.array(time) / 10)

    seen = Seen(items=5)
    first = seen.first_looks(looks([1, 1, 0], [4, 4, 4], [30, 20, 10]))
    assert (first.user_P.tolist(), first.item_P.tolist()) == ([0, 1], [4, 4])
    assert first.time_P.tolist() == [10, 20]
    assert first.fit_P.tolist() == [1, 2]
    on_lists = seen.on_lists(np.array([0, 1, 2]), np.array([[3, 4], [4, 0], [4, 0]]))
    assert on_lists.tolist() == [[False, True], [True, False], [False, False]]
    again = seen.first_looks(looks([1, 1], [4, 3], [40, 50]))
    assert (again.user_P.tolist(), again.item_P.tolist()) == ([1], [3])
    seen.forget(np.array([False] * 4 + [True]))
    assert seen._pairs.tolist() == [1 * 5 + 3]


def test_chances_reach_upwards():
    np.testing.assert_allclose(chains._reach(np.array([0.7, 0.2, 0.06, 0.04])), [0.3, 0.1, 0.04])


def test_chains_follow_their_matrix():
    steps_E = np.tile(np.arange(5), 20_000)
    type_E = chains._types(steps_E, np.ones(len(steps_E)), np.random.default_rng(3)).reshape(-1, 5)
    first = np.bincount(type_E[:, 0], minlength=4) / len(type_E)
    np.testing.assert_allclose(first, chains.FIRST, atol=0.005)
    after_bookmark = type_E[:, 1:][type_E[:, :-1] == 1]
    np.testing.assert_allclose(
        np.bincount(after_bookmark, minlength=4) / len(after_bookmark), chains.NEXT[1], atol=0.015
    )


def test_what_fits_better_is_contacted_more():
    steps_E = np.zeros(50_000, dtype=np.int64)
    strong = [
        (chains._types(steps_E, np.full(len(steps_E), zeal), np.random.default_rng(1)) > 0).mean()
        for zeal in (0.5, 1.0, 2.0)
    ]
    np.testing.assert_allclose(strong, (1 - chains.FIRST[0]) * np.array([0.5, 1, 2]), rtol=0.1)
