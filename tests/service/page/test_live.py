"""Live numbers are what was observed."""

from __future__ import annotations

from dlrs.service.metrics import Metrics
from dlrs.service.page import live


def test_half_and_most_are_the_bounds_that_they_stay_below() -> None:
    metrics = Metrics()
    for _ in range(99):
        metrics.stage.labels("rank").observe(0.0015)
    metrics.stage.labels("rank").observe(0.2)
    metrics.stage.labels("profile").observe(9.0)
    profile, rank = live.histograms(metrics.text())
    assert (rank.name, rank.count, rank.half, rank.most) == ("Stages of a list rank", 100, "≤ 2 ms", "≤ 2 ms")
    assert max(rank.shares) == 100
    assert sum(rank.shares) == 100 + 100 / 99
    assert (profile.half, profile.most) == ("> 5 s", "> 5 s")


def test_nothing_observed_is_nothing_shown() -> None:
    assert live.histograms(Metrics().text()) == []


def test_counts_are_summed_over_their_labels() -> None:
    metrics = Metrics()
    metrics.degraded.labels("cosine").inc(2)
    metrics.degraded.labels("popular").inc()
    metrics.index_items.set(5)
    found = live.counts(metrics.text())
    assert found["lists less than the whole path"] == 3
    assert found["items that can be recommended"] == 5
