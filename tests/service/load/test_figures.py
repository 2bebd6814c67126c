"""The arithmetic of the load generator's figures, against values worked out by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest
from benchmarks.load.figures import goodput, highest, measured, percentile, spread, stages, summarise, table
from benchmarks.load.open_loop import Outcome, arrivals
from benchmarks.load.wire import Call


def _outcome() -> Outcome:
    """Five requests, one a second: two good ones, one refused, one without an answer, one late."""
    outcome = Outcome.of(np.arange(5.0))
    outcome.sent_N[:] = [0, 1.001, 2, 3, 4]
    outcome.done_N[:] = [0.010, 1.020, 2.001, np.nan, 4.500]
    outcome.status_N[:] = [200, 200, 503, 0, 200]
    outcome.retry_N[2] = 1
    outcome.degraded_N[1] = 1
    outcome.kept = [(0, b'{"stages":{"ranking":9}}'), (1, b'{"stages":{"ranking":2}}'), (2, b"busy")]
    return outcome


@pytest.mark.parametrize(("share", "expected"), [(0, 1), (50, 5), (90, 9), (91, 10), (99, 10), (100, 10)])
def test_a_percentile_is_a_value_that_occurred(share: float, expected: float) -> None:
    assert percentile(np.arange(10.0, 0, -1), share) == expected


def test_no_values_have_no_percentile() -> None:
    assert math.isnan(percentile(np.empty(0), 50))


def test_99_of_100_values_may_be_below_the_99th_percentile_but_no_more() -> None:
    slow = np.r_[np.ones(99), 1000.0]
    assert percentile(slow, 99) == 1
    assert percentile(np.r_[slow, 1000.0], 99) == 1000


def test_latency_counts_from_when_a_request_was_due() -> None:
    outcome = _outcome()
    assert outcome.latency_N == pytest.approx([0.010, 0.020, 0.001, np.inf, 0.5])
    assert outcome.late_N[:2] == pytest.approx([0, 0.001])


def test_a_failure_counts_as_infinitely_slow() -> None:
    summary = summarise(_outcome(), np.ones(5, dtype=np.bool_))
    assert (summary.count, summary.failed, summary.degraded) == (5, 2, 1)
    assert summary.p50 == pytest.approx(500)  # 10, 20, 500, ∞, ∞
    assert summary.p90 == summary.p99 == summary.most == math.inf
    assert summary.statuses == {200: 3, 503: 1, 0: 1}


def test_only_requests_of_a_kind_and_after_the_warm_up_count() -> None:
    calls = [Call(kind, b"") for kind in ("list", "event", "list", "list", "event")]
    assert measured(_outcome(), calls, "list", 2.0).tolist() == [False, False, True, True, False]


def test_goodput_is_what_was_answered_in_time() -> None:
    found = goodput(_outcome(), seconds=4, warm_up=1, in_time=0.25)
    assert (found.offered, found.good, found.refused) == (1.0, 0.25, 0.25)
    assert (found.without_retry_after, found.other) == (0, 2)
    assert found.refusal_p50 == pytest.approx(1)


def test_a_refusal_has_to_say_when_to_come_again() -> None:
    outcome = _outcome()
    outcome.retry_N[:] = 0
    assert goodput(outcome, 4, 0, 0.25).without_retry_after == 1


def test_stages_are_those_of_answers_after_the_warm_up() -> None:
    assert stages(_outcome(), 0) == {"ranking": 5.5}
    assert stages(_outcome(), 1) == {"ranking": 2}


@pytest.mark.parametrize("most", [25.0, 130.0, 161.0, 1000.0])
def test_the_highest_rate_is_found_within_the_tolerance(most: float) -> None:
    found = highest(lambda rate: rate <= most, 20, 160, tolerance=0.03)
    assert most / 1.03 <= found <= most


def test_where_the_lowest_rate_fails_there_is_none() -> None:
    assert highest(lambda rate: False, 20, 160) == 0


def test_even_arrivals_are_evenly_apart() -> None:
    assert arrivals(4, 1.5).tolist() == [0, 0.25, 0.5, 0.75, 1.0, 1.25]


def test_poisson_arrivals_come_at_the_rate_and_independently() -> None:
    due = arrivals(100, 1000, np.random.default_rng(0))
    gaps = np.diff(due)
    assert len(due) == pytest.approx(100_000, rel=0.02)
    assert (gaps >= 0).all()
    assert gaps.std() == pytest.approx(gaps.mean(), rel=0.02)  # as of an exponential distribution


def test_a_spread_shows_the_least_and_the_most() -> None:
    assert spread([3.0, 1.0, 2.04]) == "2.0 (1.0–3.0)"
    assert spread([3.0]) == "3.0"


def test_a_table_is_markdown() -> None:
    assert table(("a", "b"), [(1, "x")]) == "| a | b |\n| --- | --- |\n| 1 | x |"
