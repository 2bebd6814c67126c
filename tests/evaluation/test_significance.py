import numpy as np
import pytest

from dlrs.evaluation import significance
from dlrs.evaluation.significance import differences, intervals, resampled_means


def test_two_users_give_the_three_means_that_they_can():
    # with one hit and one miss a resample has mean 0, 1/2 or 1, with chances 1/4, 1/2, 1/4
    means_RM = resampled_means(np.array([[0.0], [1.0]]), resamples=4000, seed=0)
    values, counts = np.unique(means_RM, return_counts=True)
    assert values.tolist() == [0, 0.5, 1]
    assert counts / 4000 == pytest.approx([0.25, 0.5, 0.25], abs=0.03)


def test_users_who_are_all_alike_leave_no_doubt():
    found = intervals({"model": {"precision@5": np.full(30, 0.2)}}, resamples=50, seed=0)
    assert found["model"]["precision@5"] == pytest.approx((0.2, 0.2))


def test_interval_is_that_of_the_normal_distribution_for_many_users():
    values_U = np.random.default_rng(3).random(2000)
    low, high = intervals({"model": {"map@5": values_U}}, resamples=2000, seed=0)["model"]["map@5"]
    half = 1.96 * values_U.std() / np.sqrt(2000)
    assert (low, high) == pytest.approx((values_U.mean() - half, values_U.mean() + half), abs=0.1 * half)


def test_a_model_does_not_differ_from_its_copy():
    values_U = np.random.default_rng(0).random(101)
    found = differences(
        {"a": {"map@5": values_U}, "b": {"map@5": values_U.copy()}}, "a", resamples=40, seed=0
    )
    assert set(found) == {"b"}
    assert found["b"]["map@5"] == significance.Difference(0.0, 0.0, 0.0)
    assert not found["b"]["map@5"].beyond_chance


def test_a_constant_gap_is_beyond_chance_however_much_users_vary():
    # paired: the users' own noise, ten times the gap, cancels
    values_U = 10 * np.random.default_rng(0).random(50)
    models = {"a": {"map@5": values_U}, "worse": {"map@5": values_U - 1}}
    gap = differences(models, "a", resamples=200, seed=0)["worse"]["map@5"]
    assert (gap.mean, gap.low, gap.high) == pytest.approx((-1, -1, -1))
    assert gap.beyond_chance


def test_difference_is_that_of_the_same_resamples():
    rng = np.random.default_rng(5)
    a_U, b_U = rng.random(80), rng.random(80)
    means_RM = resampled_means(np.column_stack([a_U, b_U]), resamples=300, seed=9)
    expected = np.quantile(means_RM[:, 1] - means_RM[:, 0], [0.025, 0.975])
    gap = differences({"a": {"m": a_U}, "b": {"m": b_U}}, "a", resamples=300, seed=9)["b"]["m"]
    assert (gap.low, gap.high) == pytest.approx(tuple(expected))


def test_one_model_alone_has_no_differences():
    assert differences({"a": {"m": np.ones(3)}}, "a", resamples=10, seed=0) == {}


def test_intervals_hold_the_truth_about_95_times_in_100():
    rng = np.random.default_rng(1)
    truth, trials = 0.3, 300
    samples_UM = (rng.random((100, trials)) < truth).astype(float)
    means_RM = resampled_means(samples_UM, resamples=500, seed=2)
    low_M, high_M = np.quantile(means_RM, [0.025, 0.975], axis=0)
    assert 0.90 <= ((low_M <= truth) & (truth <= high_M)).mean() <= 0.98


def test_resamples_depend_on_the_seed_and_not_on_the_blocks(monkeypatch):
    values_UM = np.random.default_rng(0).random((20, 3))
    whole = resampled_means(values_UM, resamples=30, seed=4)
    other = resampled_means(values_UM, resamples=30, seed=5)
    monkeypatch.setattr(significance, "BLOCK_CELLS", 140)  # seven resamples at once
    blocks = resampled_means(values_UM, resamples=30, seed=4)
    assert blocks == pytest.approx(whole)
    assert (other != whole).any()
