"""Successions: what came after an item, worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest

from dlrs.ranking import successions
from dlrs.ranking.successions import Successions
from dlrs.ranking.timelines import NO_EVENT

USER = np.array([0, 1, 0, 1, 0])
ITEM = np.array([1, 1, 2, 3, 3])
TIME = np.array([10, 11, 20, 21, 30])
ONE = np.ones(1)


def shares(followed: Successions, items: list[int], moment: int, weights: list[float]) -> list[float]:
    found = successions.shares(followed, np.array([items]), np.array([moment]), np.array(weights))
    return found.at(np.arange(4)[None])[0].tolist()


def test_a_succession_is_known_after_its_second_event() -> None:
    nexts = Successions(USER, ITEM, TIME, steps=(1,), most=9)
    assert shares(nexts, [1], 20, [1]) == [0, 0, 0, 0]
    assert shares(nexts, [1], 21, [1]) == [0, 0, 0.5, 0]  # 1 → 2: one of one, divided by two
    assert shares(nexts, [1], 22, [1]) == pytest.approx([0, 0, 1 / 3, 1 / 3])


def test_only_the_last_ones_count() -> None:
    nexts = Successions(USER, ITEM, TIME, steps=(1,), most=1)
    assert shares(nexts, [1], 22, [1]) == [0, 0, 0, 0.5]


def test_farther_steps_are_there_if_asked_for() -> None:
    both = Successions(USER, ITEM, TIME, steps=(1, 2), most=9)
    assert shares(both, [1], 99, [1]) == [0, 0, 0.25, 0.5]  # 1 → 2, 1 → 3 at once, 1 → 3 by 2


def test_several_last_items_are_weighted_and_padding_is_nothing() -> None:
    nexts = Successions(USER, ITEM, TIME, steps=(1,), most=9)
    # 2 → 3: one of one, halved
    assert shares(nexts, [2, 1, NO_EVENT], 99, [0.6, 0.3, 0.1]) == pytest.approx([0, 0, 0.1, 0.6 * 0.5 + 0.1])


def test_an_item_does_not_follow_itself() -> None:
    again = Successions(np.array([0, 0]), np.array([1, 1]), np.array([1, 2]), steps=(1,), most=9)
    assert shares(again, [1], 9, [1]) == [0, 0, 0, 0]
