"""Items and users in groups, and the same lists judged on some of them."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dlrs.evaluation.breakdown import GROUPED
from dlrs.evaluation.groups import item_groups, user_groups


def test_cold_items_are_those_that_nobody_met_before_the_cut(golden):
    groups = item_groups(golden())
    assert groups["all"].all()
    assert np.flatnonzero(groups["cold"]).tolist() == [4, 5]
    assert np.flatnonzero(groups["warm"]).tolist() == [0, 1, 2, 3]


def named(events):
    return [(group.name, group.least, group.most, int(group.member_U.sum())) for group in user_groups(events)]


def test_users_are_put_into_thirds_and_those_without_events_apart():
    assert named(np.array([5, 0, 1, 2, 3, 4, 6, 0])) == [
        ("no event", 0, 0, 2),
        ("few events", 1, 2, 2),
        ("some events", 3, 4, 2),
        ("many events", 5, 6, 2),
    ]


def test_users_with_equally_many_events_stay_together():
    assert named(np.array([1, 1, 1, 1, 2])) == [("few events", 1, 1, 4), ("many events", 2, 2, 1)]
    assert named(np.array([7, 7])) == [("few events", 7, 7, 2)]
    assert named(np.array([0])) == [("no event", 0, 0, 1)]


@given(st.lists(st.integers(0, 12), min_size=1, max_size=40))
def test_every_user_is_in_one_group_and_groups_do_not_overlap(events):
    groups = user_groups(np.array(events))
    assert (sum(group.member_U.astype(int) for group in groups) == 1).all()
    assert all(before.most < after.least for before, after in itertools.pairwise(groups))


def test_groups_of_users_of_the_golden_log(report):
    # user 0 had two events before the cut (items 0 and 3), user 2 one
    few, some = report.user_groups
    assert (few.name, few.least, few.most, few.users) == ("few events", 1, 1, 1)
    assert (some.name, some.least, some.most, some.users) == ("some events", 2, 2, 1)
    assert few.models["ours"]["precision@3"] == pytest.approx(1 / 3)
    assert some.models["ours"]["precision@3"] == pytest.approx(2 / 3)
    assert some.models["rival"]["precision@3"] == pytest.approx(1 / 3)
    assert set(few.intervals["ours"]) == {f"{metric}@3" for metric in GROUPED}
    assert few.intervals["ours"]["precision@3"] == pytest.approx((1 / 3, 1 / 3))
