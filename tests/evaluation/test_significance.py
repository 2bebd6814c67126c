from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dlrs.evaluation import significance
from dlrs.evaluation.significance import (
    LEAST_USERS,
    Difference,
    Ratio,
    differences,
    enough_resamples,
    holm,
    intervals,
    judge_gaps,
    ratios,
    resampled_means,
    two_sided,
)


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
    assert found["b"]["map@5"] == significance.Difference(0.0, 0.0, 0.0, p=1.0, adjusted=1.0, users=101)
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


def test_p_is_twice_the_smaller_side_with_the_sample_itself_as_one_more():
    # of nine resamples two are at or below zero: 2 · (2 + 1) / 10; in the second column all are above it, and
    # one more for the sample; in the third both sides have more than half, zeros count twice
    means_RM = np.array(
        [[-1, 0] + [1] * 7, [1] * 9, [-1, -1, 0, 0, 0, 0, 0, 1, 1]],
        dtype=np.float64,
    ).T
    assert two_sided(means_RM).tolist() == pytest.approx([0.6, 0.2, 1.0])


def test_p_is_the_same_for_the_difference_the_other_way_round():
    means_RM = np.random.default_rng(0).normal(0.5, 1, (400, 3))
    assert two_sided(means_RM).tolist() == two_sided(-means_RM).tolist()


def test_holm_multiplies_the_smallest_most_and_never_lets_the_order_turn():
    # .005 · 4, .011 · 3, .02 · 2, .04 · 1; the last may not fall below the one before it
    assert holm(np.array([0.04, 0.005, 0.02, 0.011])).tolist() == pytest.approx([0.04, 0.02, 0.04, 0.033])
    assert holm(np.array([0.5, 0.6])).tolist() == [1.0, 1.0]
    assert holm(np.empty(0)).tolist() == []


@given(st.lists(st.floats(0, 1), min_size=1, max_size=30))
def test_holm_lies_between_p_and_bonferroni_and_keeps_the_order(listed):
    p_M = np.array(listed)
    adjusted_M = holm(p_M)
    assert (adjusted_M >= p_M).all()
    assert (adjusted_M <= np.minimum(len(p_M) * p_M, 1) + 1e-12).all()
    assert (np.diff(adjusted_M[np.argsort(p_M)]) >= -1e-12).all()


def test_of_models_that_are_alike_holm_finds_a_winner_in_5_of_100_families_at_most():
    rng = np.random.default_rng(0)
    alone = together = 0
    for seed in range(60):
        gaps = {f"model {number}": {"m": rng.normal(size=300)} for number in range(10)}
        found = [metrics["m"] for metrics in judge_gaps(gaps, resamples=1, seed=seed).values()]
        alone += any(one.beyond_chance for one in found)
        together += any(one.stands for one in found)
    assert alone > 15  # about 1 − .95^10 = 40 %
    assert together <= 7  # 5 % of 60 are 3, and 8 come once in 70 times


def test_a_large_family_gets_the_resamples_to_find_what_is_there():
    # with 50 resamples no p is below 2/51, which forty comparisons would make 1.57
    assert (enough_resamples(40, 50), enough_resamples(2, 1000)) == (4000, 1000)
    gap_U = np.random.default_rng(0).normal(1, 1, 60)
    gaps = {f"model {number}": {"m": gap_U} for number in range(40)}
    found = judge_gaps(gaps, resamples=50, seed=0)["model 7"]["m"]
    assert found.p == pytest.approx(2 / 4001)
    assert found.adjusted == pytest.approx(40 * 2 / 4001)
    assert found.stands


def test_what_is_beyond_chance_alone_need_not_stand_among_many():
    gap = Difference(0.1, 0.01, 0.2, p=0.03, adjusted=0.3)
    assert (gap.beyond_chance, gap.stands) == (True, False)
    assert gap.reversed() == Difference(-0.1, -0.2, -0.01, p=0.03, adjusted=0.3)
    assert Difference(0.1, 0.01, 0.2).stands
    assert not Difference(0.1, -0.01, 0.2, p=0.06, adjusted=0.06).stands


def test_of_too_few_users_nothing_is_beyond_chance():
    sure = Difference(0.1, 0.1, 0.1, p=0.001, adjusted=0.001)
    few, enough = replace(sure, users=LEAST_USERS - 1), replace(sure, users=LEAST_USERS)
    assert (few.too_few, few.beyond_chance, few.stands) == (True, False, False)
    assert (enough.too_few, enough.beyond_chance, enough.stands) == (False, True, True)
    assert sure.stands
    assert few.reversed() == replace(few, mean=-0.1, low=-0.1, high=-0.1)


def family_of_alike(rng, users):
    """Precision at 1, 5 and 20 of nine models, minus that of a tenth; of each user all find as much."""
    chance_U = rng.beta(0.5, 4.5, users)  # a tenth in the mean, next to nothing for many
    hits_MUK = (rng.random((10, users, 20)) < chance_U[:, None]).astype(float)
    at_k = {f"precision@{k}": hits_MUK[:, :, :k].mean(axis=2) for k in (1, 5, 20)}
    return {
        f"model {number}": {name: values_MU[number] - values_MU[0] for name, values_MU in at_k.items()}
        for number in range(1, 10)
    }


@pytest.mark.parametrize("users", [1, 3, 12, LEAST_USERS - 1, LEAST_USERS])
def test_models_that_are_alike_seldom_differ_however_few_the_users(users):
    rng = np.random.default_rng(users)
    families = [judge_gaps(family_of_alike(rng, users), resamples=1, seed=seed) for seed in range(40)]
    found = [[gap for metrics in family.values() for gap in metrics.values()] for family in families]
    # some 7 % with the least number: more than 8 of 40 come once in 1,000 times
    assert sum(any(gap.stands for gap in gaps) for gaps in found) <= (8 if users >= LEAST_USERS else 0)
    uncounted = sum(any(replace(gap, users=None).stands for gap in gaps) for gaps in found)
    assert uncounted > 4 or users > 3  # what the least number is for


def test_ratio_is_the_references_mean_over_the_others():
    # paired and proportional: 3 times as much on every resample
    theirs_U = np.random.default_rng(0).random(40) + 1
    found = ratios({"ours": {"m": 3 * theirs_U}, "rival": {"m": theirs_U}}, "ours", resamples=50, seed=0)
    assert set(found) == {"rival"}
    ratio = found["rival"]["m"]
    assert (ratio.mean, ratio.low, ratio.high) == pytest.approx((3, 3, 3))


def test_ratio_of_two_users_spans_what_their_resamples_can_show():
    # means (ours, rival) of the resamples: (1, 1), (3/2, 3/4), (2, 1/2): ratios 1, 2, 4
    models = {"ours": {"m": np.array([1.0, 2.0])}, "rival": {"m": np.array([1.0, 0.5])}}
    assert ratios(models, "ours", resamples=400, seed=0)["rival"]["m"] == Ratio(2.0, 1.0, 4.0)


def test_over_zero_there_is_no_ratio_and_no_upper_bound():
    models = {"ours": {"m": np.array([1.0, 1.0])}, "rival": {"m": np.array([0.0, 0.5])}}
    # one resample in four has nothing but the user with zero
    assert ratios(models, "ours", resamples=400, seed=0)["rival"]["m"] == Ratio(4.0, 2.0, None)
    # and one in four has no hit of either: the ratio may be anything
    neither = {"ours": {"m": np.array([0.0, 1.0])}, "rival": {"m": np.array([0.0, 0.5])}}
    assert ratios(neither, "ours", resamples=400, seed=0)["rival"]["m"] == Ratio(2.0, 0.0, None)
    nothing = {"ours": {"m": np.ones(2)}, "rival": {"m": np.zeros(2)}}
    assert ratios(nothing, "ours", resamples=10, seed=0)["rival"]["m"] == Ratio(None, None, None)
