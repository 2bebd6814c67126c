"""The map of a log: whom it is made of, and what it says."""

from __future__ import annotations

import numpy as np
import pytest

from dlrs.training import log_map
from dlrs.training.log_map import LogMap
from training.test_spectral import sequences


def test_of_a_large_log_as_many_users_are_drawn_as_have_so_many_events(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    log, rng = sequences(*[[0, 1, 2, 3]] * 100), np.random.default_rng(0)
    monkeypatch.setattr(log_map, "MOST_EVENTS", 400)
    assert log_map._some(log, rng) is log
    monkeypatch.setattr(log_map, "MOST_EVENTS", 80)
    some = log_map._some(log, rng)
    assert (len(some), len(some.offsets_U1)) == (80, 101)


def test_items_that_nobody_met_are_not_on_the_map() -> None:
    found = LogMap.of(sequences([0, 2], [2, 0, 0]), items=4, width=4, seed=0)
    np.testing.assert_array_equal(found.rows, [0, 2])
    np.testing.assert_array_equal(found.met_R, [2, 2])
    np.testing.assert_allclose(found.strengths_W, [1])
    np.testing.assert_allclose(np.abs(found.vectors_RW), 0.5**0.5)
