from __future__ import annotations

import math
from dataclasses import astuple
from functools import reduce
from operator import add

import numpy as np
import pytest

from dlrs.profiles.moments import Moments


def _summed(values: list[float], weights: list[float]) -> Moments:
    return reduce(add, map(Moments.of, values, weights), Moments())


def test_by_hand() -> None:
    # 1, 2, 3, 10: mean 4, differences −3, −2, −1, 6
    moments = _summed([1, 2, 3, 10], [1, 1, 1, 1])
    assert (moments.n, moments.weight, moments.mean) == (4, 4.0, pytest.approx(4))
    assert moments.m2 == pytest.approx(9 + 4 + 1 + 36)
    assert moments.m3 == pytest.approx(-27 - 8 - 1 + 216)
    assert moments.m4 == pytest.approx(81 + 16 + 1 + 1296)
    assert moments.variance == pytest.approx(50 / 3)
    assert moments.std == pytest.approx(math.sqrt(50 / 3))
    assert moments.skewness == pytest.approx((180 / 4) / (50 / 4) ** 1.5)
    assert moments.kurtosis == pytest.approx((1394 / 4) / (50 / 4) ** 2)
    assert (moments.min, moments.max) == (1, 10)


def test_weights_count_like_repeats_but_in_n() -> None:
    weighted, repeated = _summed([5, 7, 1], [2, 1, 3]), _summed([5, 5, 7, 1, 1, 1], [1] * 6)
    for name in ("weight", "mean", "m2", "m3", "m4", "min", "max"):
        assert getattr(weighted, name) == pytest.approx(getattr(repeated, name)), name
    assert (weighted.n, repeated.n) == (3, 6)
    heavier, later = _summed([5, 7, 1], [2.5] * 3), _summed([5, 7, 1], [1] * 3).weighing(2.5)
    assert astuple(heavier) == pytest.approx(astuple(later))


def test_one_observation_has_no_deviation_and_none_is_unknown() -> None:
    one, none = Moments.of(3.0), Moments()
    assert (one.variance, one.std) == (0, 0)
    assert math.isnan(one.skewness)
    assert math.isnan(one.kurtosis)
    assert math.isnan(none.variance)
    assert none + one == one + none == one
    assert none + none == none


def test_large_numbers_keep_their_digits() -> None:
    """Seconds since 1970 squared need more digits than a double has."""
    seconds = 1.5e9 + np.random.default_rng(0).normal(0, 1, 1000)
    moments = _summed(seconds.tolist(), [1.0] * 1000)
    assert moments.std == pytest.approx(np.std(seconds, ddof=1), rel=1e-6)
