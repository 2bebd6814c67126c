from __future__ import annotations

import math

import numpy as np
import pytest

from dlrs.experiment.ratios import Z_POWER, Difference, Ratio, Z, ratio


def test_by_hand() -> None:
    """R = 3/8; residuals y − R·x: 1 − 6/8, 0 − 9/8, 2 − 9/8 = 2/8, −9/8, 7/8; squares (4 + 81 + 49)/64."""
    found = ratio(np.array([1, 0, 2]), np.array([2, 3, 3]))
    assert found.value == 3 / 8
    assert found.error == pytest.approx(math.sqrt(3 / 2 * 134 / 64) / 8)
    assert found.interval[0] == 0.0
    assert found.interval[1] == pytest.approx(found.value + Z * found.error)


def test_with_one_impression_a_user_it_is_the_standard_error_of_a_mean() -> None:
    y_U = np.random.default_rng(0).random(50)
    found = ratio(y_U, np.ones(50))
    assert found.value == pytest.approx(y_U.mean())
    assert found.error == pytest.approx(y_U.std(ddof=1) / math.sqrt(50))


def test_a_difference_by_hand() -> None:
    gap = Difference(control=Ratio(0.10, 0.003), other=Ratio(0.11, 0.004))
    assert gap.value == pytest.approx(0.01)
    assert gap.error == pytest.approx(0.005)
    assert gap.interval == pytest.approx((0.01 - 1.959964 * 0.005, 0.01 + 1.959964 * 0.005))
    assert gap.relative == pytest.approx(0.1)
    assert gap.p_value == pytest.approx(0.0455, abs=1e-4)  # two standard errors
    assert gap.detectable == pytest.approx((1.959964 + 0.841621) * 0.005)
    # to find 0.005 = 5 % of 0.10, (2.801585 · 0.005 / 0.005)² = 7.849 times as many users
    assert gap.users_needed(1000, 0.05) == 7849


def test_nothing_clicked() -> None:
    nothing = ratio(np.zeros(3), np.ones(3))
    gap = Difference(nothing, nothing)
    assert (gap.value, gap.p_value, gap.relative, gap.users_needed(3, 0.05)) == (0, 1, None, None)
    assert Difference(nothing, ratio(np.ones(3), np.ones(3))).p_value == 0


def test_intervals_cover_and_equal_arms_are_called_different_seldom() -> None:
    """2,000 tests of heavy-tailed users whose CTRs differ: R is known, 95 % of intervals hold it."""
    rng = np.random.default_rng(1)
    tests, users, mean_ctr = 2000, 800, 0.04
    shown = 1 + rng.geometric(1 / np.exp(rng.normal(1.5, 1, (tests, users)).clip(0)))
    ctr = rng.beta(0.5, 0.5 / mean_ctr - 0.5, shown.shape)
    clicks = rng.binomial(shown, ctr)
    found = [ratio(y_U, x_U) for y_U, x_U in zip(clicks, shown, strict=True)]
    covered = np.mean([low <= mean_ctr <= high for low, high in (one.interval for one in found)])
    assert 0.93 < covered < 0.965
    p_values = [Difference(a, b).p_value for a, b in zip(found[::2], found[1::2], strict=True)]
    assert 0.03 < np.mean(np.array(p_values) < 0.05) < 0.07

    # as if impressions were independent: the wrong interval, which the method is to avoid
    naive = Z * np.sqrt(mean_ctr * (1 - mean_ctr) / shown.sum(axis=1))
    assert np.mean(abs(clicks.sum(axis=1) / shown.sum(axis=1) - mean_ctr) < naive) < 0.75


def test_a_detectable_difference_is_found_in_eighty_of_a_hundred_cases() -> None:
    rng = np.random.default_rng(2)
    users, control = 4000, 0.2
    error = math.hypot(*[math.sqrt(control * (1 - control) / users)] * 2)
    change = (Z + Z_POWER) * error
    ones = np.ones(users)
    found = [
        Difference(
            ratio(rng.random(users) < control, ones), ratio(rng.random(users) < control + change, ones)
        )
        for _ in range(600)
    ]
    assert 0.74 < np.mean([gap.p_value < 0.05 for gap in found]) < 0.86
    assert np.mean([gap.detectable for gap in found]) == pytest.approx(change, rel=0.05)
