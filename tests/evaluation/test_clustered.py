"""The bootstrap over users who make several requests each."""

from __future__ import annotations

import numpy as np
import pytest

from dlrs.evaluation.clustered import Clustered, Ratio
from dlrs.evaluation.significance import intervals

USER_R = np.array([7, 3, 7, 7])
VALUES = {
    "ours": {"hit": np.array([1.0, 0.0, 1.0, 1.0])},
    "rival": {"hit": np.array([0.0, 1.0, 1.0, 0.0])},
    "nothing": {"hit": np.zeros(4)},
}


def clustered(values: dict[str, dict[str, np.ndarray]] = VALUES, users: np.ndarray = USER_R) -> Clustered:
    return Clustered.of(values, users, resamples=200, seed=1)


def test_the_mean_is_over_requests_not_over_users() -> None:
    assert clustered().means() == {"ours": {"hit": 0.75}, "rival": {"hit": 0.5}, "nothing": {"hit": 0.0}}


def test_a_resample_takes_users_with_all_of_their_requests() -> None:
    # both users, or one of them twice: user 7 alone has 1 and 1/3, user 3 alone 0 and 1, both 3/4 and 1/2
    drawn = {tuple(np.round(row[:2], 6)) for row in clustered().drawn_BM}
    assert drawn == {(1.0, round(1 / 3, 6)), (0.0, 1.0), (0.75, 0.5)}


def test_differences_are_paired() -> None:
    values = {"ours": {"hit": VALUES["ours"]["hit"]}, "worse": {"hit": VALUES["ours"]["hit"] - 0.25}}
    found = clustered(values).differences("ours")["worse"]["hit"]
    assert (found.mean, found.low, found.high) == pytest.approx((-0.25, -0.25, -0.25))


def test_ratios_are_paired_and_none_over_zero() -> None:
    values = {"ours": {"hit": VALUES["ours"]["hit"] + 1}, "half": {"hit": VALUES["ours"]["hit"] / 2 + 0.5}}
    assert clustered(values).ratios("ours")["half"]["hit"] == Ratio(0.5, 0.5, 0.5)
    assert clustered().ratios("nothing")["ours"]["hit"] == Ratio(None, None, None)
    # user 3 alone, who is drawn twice at times, gives ours nothing
    assert clustered().ratios("ours")["rival"]["hit"] == Ratio(pytest.approx(2 / 3), None, None)


def test_one_request_a_user_is_the_bootstrap_over_users() -> None:
    users = np.arange(40)
    values = {"ours": {"hit": np.random.default_rng(3).random(40)}}
    expected = intervals(values, resamples=200, seed=1)["ours"]["hit"]
    assert clustered(values, users).intervals()["ours"]["hit"] == pytest.approx(expected)
