"""Pooled cuts by hand: two cuts, three users, one of them in both."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from dlrs.errors import DataError
from dlrs.evaluation.rolling import JudgedCut, RollingReport, judge_cut, rolling_table, summarise_cuts
from dlrs.evaluation.static import StaticTest
from dlrs.judging.rolling import at_cut, cuts_of
from dlrs.recipe import Recipe

DAY = 86_400_000_000
KS = (1, 3)


@pytest.fixture
def cuts(golden: Callable[..., StaticTest], fixed: type) -> list[JudgedCut]:
    """Day 10 with users 0 and 2, day 14 with user 2 alone; each told by its own lists.

    Day 10: user 0 turns to 1 (warm) and 4 (cold), user 2 to 1 (warm). Day 14: user 2 to 1, warm.
    """
    first = {"recent": fixed({0: [4, 5, 1], 2: [0, 1, 4]}), "ours": fixed({0: [1, 4, 2], 2: [1]})}
    second = {"recent": fixed({2: [1, 0, 4]}), "ours": fixed({2: [5, 0, 4]})}
    day_10, day_14 = golden(), golden(since=14 * DAY)
    return [
        judge_cut(first, day_10, KS, since=10 * DAY),
        judge_cut(second, day_14, KS, since=14 * DAY),
    ]


@pytest.fixture
def report(cuts: list[JudgedCut]) -> RollingReport:
    return summarise_cuts(cuts, ks=KS, reference="recent", resamples=50, seed=0, settings={})


def test_each_cut_judges_its_own_lists(cuts: list[JudgedCut]) -> None:
    assert cuts[0].test.users_U.tolist() == [0, 2]
    assert cuts[1].test.users_U.tolist() == [2]
    assert cuts[0].all_items["recent"]["precision@1"].tolist() == [1, 0]
    assert cuts[0].all_items["ours"]["precision@3"] == pytest.approx([2 / 3, 1 / 3])
    assert cuts[1].all_items["ours"]["precision@3"].tolist() == [0]


def test_means_are_over_users_of_cuts(report: RollingReport) -> None:
    assert report.models["recent"]["precision@1"] == pytest.approx((1 + 0 + 1) / 3)
    assert report.models["ours"]["precision@1"] == pytest.approx((1 + 1 + 0) / 3)
    assert report.test == {"cuts": 2, "users": 2, "users_of_cuts": 3}
    assert [cut.since for cut in report.cuts] == ["1970-01-11T00:00:00Z", "1970-01-15T00:00:00Z"]
    assert [cut.models["recent"]["precision@1"] for cut in report.cuts] == [0.5, 1.0]


def test_cold_items_are_those_of_each_cut(report: RollingReport) -> None:
    # only user 0 turned to a cold item, at the first cut
    assert report.cold_items["recent"]["precision@1"] == 1
    assert report.cold_items["ours"]["precision@1"] == 0
    assert report.warm_items["ours"]["precision@1"] == pytest.approx((1 + 1 + 0) / 3)


def test_differences_and_ratios_are_to_the_reference(report: RollingReport) -> None:
    assert set(report.differences) == set(report.ratios) == {"ours"}
    gap, times = report.differences["ours"]["precision@3"], report.ratios["ours"]["precision@3"]
    assert gap.mean == pytest.approx((2 / 3 + 1 / 3 + 0) / 3 - (2 / 3 + 1 / 3 + 1 / 3) / 3)
    assert times.mean == pytest.approx(3 / 4)
    assert gap.low <= gap.mean <= gap.high


def test_a_report_survives_its_file(report: RollingReport) -> None:
    assert RollingReport.from_json(report.to_json()) == report
    assert rolling_table(report).row_count == 2


def test_cuts_are_whole_lengths_of_the_test_window(recipe: Recipe) -> None:
    split = recipe.marketplace.split
    assert cuts_of(recipe, timedelta(days=3)) == [split.test_from, split.test_from + timedelta(days=3)]
    with pytest.raises(DataError, match="Take shorter cuts"):
        cuts_of(recipe, timedelta(days=8))


def test_validation_moves_with_the_cut_and_periods_still_end_at_it(recipe: Recipe) -> None:
    cut = datetime(2020, 1, 29, tzinfo=UTC)
    moved = at_cut(recipe, cut, timedelta(days=2)).marketplace
    assert moved.split.test_from == moved.period_starts[-1] == cut
    assert moved.split.test_until == datetime(2020, 1, 31, tzinfo=UTC)
    assert moved.split.validation_from == datetime(2020, 1, 22, tzinfo=UTC)
    assert moved.split.train_from == datetime(2020, 1, 8, tzinfo=UTC)
    # a whole refresh later it begins where it did
    week = at_cut(recipe, cut + timedelta(days=5), timedelta(days=1)).marketplace
    assert week.split.train_from == recipe.marketplace.split.train_from
    assert len(week.period_starts) == len(recipe.marketplace.period_starts) + 1


def test_the_moved_recipe_is_one_that_the_schema_takes(recipe: Recipe) -> None:
    moved = at_cut(recipe, datetime(2020, 1, 30, tzinfo=UTC), timedelta(hours=12))
    assert Recipe.model_validate(moved.model_dump()) == moved
