"""Prequential report: what the replay of the test window found, as prequential.json and in the terminal.

R requests in the order of time
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from pydantic import TypeAdapter
from rich.markup import escape
from rich.table import Table

from dlrs.arrays import Bools, Doubles, Ints
from dlrs.evaluation.clustered import Clustered, Ratio
from dlrs.evaluation.prequential import Requests
from dlrs.evaluation.report import Means, headline_k
from dlrs.evaluation.significance import Difference, Interval
from dlrs.evaluation.tuning import Tuned
from dlrs.metrics import ranked


@dataclass(frozen=True)
class Group:
    """Some of the requests, and every model's means over them; no means where there is no request."""

    requests: int
    models: Means


@dataclass(frozen=True)
class PrequentialReport:
    """All that the replay found, in plain values. Shares are in [0, 1], not in percent.

    Metrics are hit_rate@k, precision@k (hit_rate@k / k: one item is right), ndcg@k and mrr@k.
    """

    reference: str  # the model that the others are compared with
    ks: tuple[int, ...]
    models: Means
    intervals: dict[str, dict[str, Interval]]  # by resampling users
    differences: dict[str, dict[str, Difference]]  # of every other model to the reference
    ratios: dict[str, dict[str, Ratio]]
    groups: dict[str, Group]  # warm items, cold items, known users, new users
    periods: dict[str, Group]  # by the time, ISO 8601, of the fit that answered
    tuned: dict[str, Tuned]  # by model: what was tried on the validation period
    test: dict[str, int]
    settings: dict[str, Any]

    @property
    def headline_k(self) -> int:
        """The k nearest to 5, the case that matters most (method §1)."""
        return headline_k(self.ks)

    def to_json(self) -> str:
        """Return the content of prequential.json, keyed as the fields are."""
        return json.dumps(asdict(self), indent=2, ensure_ascii=False, allow_nan=False) + "\n"

    @classmethod
    def from_json(cls, text: str) -> PrequentialReport:
        """Read what `to_json` wrote."""
        return TypeAdapter(cls).validate_json(text)


def metrics_of_places(place_R: Ints, ks: Sequence[int]) -> dict[str, Doubles]:
    """Return every metric of each request, from where in the list the one right item stood, −1: nowhere.

    >>> metrics_of_places(np.array([0, 2, -1]), [2, 3])["mrr@3"].round(3).tolist()
    [1.0, 0.333, 0.0]
    """
    hits_RK = place_R[:, None] == np.arange(max(ks))
    one_R = np.ones(len(place_R), dtype=np.int64)
    values: dict[str, Doubles] = {}
    for k in ks:
        values[f"hit_rate@{k}"] = ranked.hit_rate(hits_RK, k)
        values[f"precision@{k}"] = ranked.precision(hits_RK, k)
        values[f"ndcg@{k}"] = ranked.ndcg(hits_RK, one_R, k)
        values[f"mrr@{k}"] = ranked.reciprocal_rank(hits_RK, k)
    return values


def summarise_live(
    places: Mapping[str, Ints],
    requests: Requests,
    *,
    ks: Sequence[int],
    reference: str,
    resamples: int,
    seed: int,
    settings: Mapping[str, object],
    tuned: Mapping[str, Tuned],
) -> PrequentialReport:
    """Take means and bootstrap intervals over users of what `judge_live` returned with k = max(ks)."""
    values = {name: metrics_of_places(place_R, ks) for name, place_R in places.items()}
    clustered = Clustered.of(values, requests.user_R, resamples=resamples, seed=seed)
    groups = {
        "warm items": ~requests.cold_R,
        "cold items": requests.cold_R,
        "known users": ~requests.new_user_R,
        "new users": requests.new_user_R,
    }
    start_R = requests.fitted_R
    periods = {_iso(int(start)): start_R == start for start in np.unique(start_R)}
    return PrequentialReport(
        reference=reference,
        ks=tuple(ks),
        models=clustered.means(),
        intervals=clustered.intervals(),
        differences=clustered.differences(reference),
        ratios=clustered.ratios(reference),
        groups={name: _group(values, some_R) for name, some_R in groups.items()},
        periods={name: _group(values, some_R) for name, some_R in periods.items()},
        tuned=dict(tuned),
        test=requests.facts,
        settings={**settings, "resamples": resamples, "bootstrap_seed": seed},
    )


def prequential_table(report: PrequentialReport) -> Table:
    """Return every model's hit rate with its interval and its ratio to the reference, and more metrics."""
    k = report.headline_k
    shown = Table(
        title=f"{report.test['requests']:,} requests of {report.test['users']:,} users; percent",
        caption=f"Each interaction at its own moment; Precision@{k} is HR@{k} / {k}; "
        f"× is HR@{k} over that of {report.reference}.",
    )
    shown.add_column("model", no_wrap=True)
    for heading in (f"HR@{k}", "95 %, by user", f"NDCG@{k}", "×", "cold"):
        shown.add_column(heading, justify="right", no_wrap=True)
    for name, means in report.models.items():
        low, high = report.intervals[name][f"hit_rate@{k}"]
        ratio = report.ratios[name][f"hit_rate@{k}"].mean if name != report.reference else None
        shown.add_row(
            escape(name),
            _percent(means[f"hit_rate@{k}"]),
            f"{_percent(low)} – {_percent(high)}",
            _percent(means[f"ndcg@{k}"]),
            "–" if ratio is None else f"{ratio:.2f}",
            _percent(report.groups["cold items"].models[name].get(f"hit_rate@{k}")),
        )
    return shown


def _group(values: Mapping[str, Mapping[str, Doubles]], some_R: Bools) -> Group:
    if not some_R.any():
        return Group(0, {name: {} for name in values})
    means = {
        name: {metric: float(values_R[some_R].mean()) for metric, values_R in metrics.items()}
        for name, metrics in values.items()
    }
    return Group(int(some_R.sum()), means)


def _iso(microseconds: int) -> str:
    return f"{np.datetime64(microseconds, 'us').astype('datetime64[s]')}Z"


def _percent(share: float | None) -> str:
    return "–" if share is None else f"{100 * share:.2f}"
