"""From places to the report, by hand: five requests of three users."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from dlrs.evaluation.prequential import NotJudged, Requests, Timing
from dlrs.evaluation.prequential_report import (
    PrequentialReport,
    metrics_of_places,
    prequential_table,
    summarise_live,
)
from dlrs.evaluation.tuning import Trial, Tuned

PLACES = {"recent": np.array([0, 1, -1, 2, 0]), "ours": np.array([0, 0, 3, -1, 0])}


@pytest.fixture
def requests() -> Requests:
    return Requests(
        user_R=np.array([4, 1, 4, 9, 1]),
        item_R=np.array([7, 7, 8, 8, 2]),
        moment_R=np.array([10, 10, 12, 15, 16]) * 1_000_000,
        until_R=np.array([9, 9, 11, 14, 15]) * 1_000_000,
        cold_R=np.array([True, False, False, False, False]),
        new_user_R=np.array([False, False, False, True, False]),
        since=10_000_000,
        timing=Timing(delay=1_000_000, step=1_000_000, retrain=3_000_000),
        not_judged=NotJudged(met_before=1, not_alive=2, beyond_sample=3),
    )


@pytest.fixture
def report(requests: Requests) -> PrequentialReport:
    tuned = {"recent": Tuned({"window": 5.0}, 3, 10, (Trial({"window": 5.0}, 0.5),))}
    return summarise_live(
        PLACES,
        requests,
        ks=(1, 3),
        reference="recent",
        resamples=50,
        seed=0,
        settings={"delay": 1},
        tuned=tuned,
    )


def test_metrics_of_one_right_item() -> None:
    found = metrics_of_places(np.array([0, 2, 3, -1]), (1, 3))
    assert found["hit_rate@1"].tolist() == [1, 0, 0, 0]
    assert found["hit_rate@3"].tolist() == [1, 1, 0, 0]
    assert found["precision@3"] == pytest.approx([1 / 3, 1 / 3, 0, 0])
    assert found["mrr@3"] == pytest.approx([1, 1 / 3, 0, 0])
    assert found["ndcg@3"] == pytest.approx([1, 1 / 2, 0, 0])  # 1 / log2(3 + 1)


def test_means_are_over_requests(report: PrequentialReport) -> None:
    assert report.models["recent"]["hit_rate@3"] == pytest.approx(4 / 5)
    assert report.models["ours"]["hit_rate@3"] == pytest.approx(3 / 5)
    assert report.models["recent"]["mrr@3"] == pytest.approx((1 + 1 / 2 + 1 / 3 + 1) / 5)
    assert report.ratios["ours"]["hit_rate@1"].mean == pytest.approx(3 / 2)
    assert report.differences["ours"]["hit_rate@1"].mean == pytest.approx(1 / 5)


def test_groups_hold_their_own_requests(report: PrequentialReport) -> None:
    sizes = {name: group.requests for name, group in report.groups.items()}
    assert sizes == {"warm items": 4, "cold items": 1, "known users": 4, "new users": 1}
    assert report.groups["warm items"].models["recent"]["hit_rate@1"] == pytest.approx(1 / 4)
    assert report.groups["new users"].models["ours"]["hit_rate@3"] == 0


def test_periods_are_those_of_the_fits(report: PrequentialReport) -> None:
    sizes = {name: group.requests for name, group in report.periods.items()}
    assert sizes == {"1970-01-01T00:00:10Z": 3, "1970-01-01T00:00:13Z": 1, "1970-01-01T00:00:16Z": 1}


def test_the_report_says_what_was_left_out(report: PrequentialReport) -> None:
    assert report.test == {
        "requests": 5,
        "users": 3,
        "requests_for_cold_items": 1,
        "requests_of_new_users": 1,
        "met_before": 1,
        "not_alive": 2,
        "beyond_sample": 3,
    }


def test_a_report_survives_its_file(report: PrequentialReport) -> None:
    assert PrequentialReport.from_json(report.to_json()) == report
    assert prequential_table(report).row_count == 2


def test_a_group_without_requests_has_no_means(requests: Requests) -> None:
    none_cold = replace(requests, cold_R=np.zeros(5, dtype=np.bool_))
    report = summarise_live(
        PLACES, none_cold, ks=(1,), reference="recent", resamples=9, seed=0, settings={}, tuned={}
    )
    assert report.groups["cold items"].models == {"recent": {}, "ours": {}}
    assert prequential_table(report).row_count == 2
