"""Rolling cuts: consecutive static tests of one length, each with what was fitted before its own cut.

Values are pooled over (cut, user); intervals resample users, each with all of his cuts.
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

from dlrs.arrays import Bools, Doubles, Ints, stores
from dlrs.evaluation.clustered import Clustered, Ratio
from dlrs.evaluation.protocol import lists_of
from dlrs.evaluation.report import Means, headline_k
from dlrs.evaluation.significance import Difference, Interval
from dlrs.evaluation.static import StaticTest
from dlrs.metrics import ranked
from dlrs.recommenders.recommender import Recommender

Values = dict[str, Doubles]
"""Metric → one value for each user with a positive that counts."""


@dataclass(frozen=True)
class JudgedCut:
    """One cut: its test, and what each model's lists were worth there."""

    since: int  # the cut, in microseconds since the epoch, UTC
    test: StaticTest
    all_items: dict[str, Values]
    warm_items: dict[str, Values]
    cold_items: dict[str, Values]


@dataclass(frozen=True)
class Cut:
    """One cut for the report."""

    since: str  # ISO 8601
    test: dict[str, int]
    models: Means


@dataclass(frozen=True)
class RollingReport:
    """All that the cuts found together and apart, in plain values. Shares are in [0, 1], not in percent.

    Metrics are those of `metrics.ranked`: precision@k, map@k, recall@k, ndcg@k, mrr@k, hit_rate@k.
    """

    reference: str  # the model that the others are compared with
    ks: tuple[int, ...]
    models: Means  # over all (cut, user)
    intervals: dict[str, dict[str, Interval]]
    differences: dict[str, dict[str, Difference]]  # of every other model to the reference
    ratios: dict[str, dict[str, Ratio]]
    warm_items: Means
    cold_items: Means
    cuts: tuple[Cut, ...]
    test: dict[str, int]
    settings: dict[str, Any]

    @property
    def headline_k(self) -> int:
        """The k nearest to 5, the case that matters most (method §1)."""
        return headline_k(self.ks)

    def to_json(self) -> str:
        """Return the content of rolling.json, keyed as the fields are."""
        return json.dumps(asdict(self), indent=2, ensure_ascii=False, allow_nan=False) + "\n"

    @classmethod
    def from_json(cls, text: str) -> RollingReport:
        """Read what `to_json` wrote."""
        return TypeAdapter(cls).validate_json(text)


def judge_cut(
    recommenders: Mapping[str, Recommender], test: StaticTest, ks: Sequence[int], *, since: int
) -> JudgedCut:
    """Ask each recommender for its best max(ks) items, and judge them on all, warm and cold positives.

    Raises:
        ProtocolError: a recommender broke the protocol.
    """
    lists = {name: lists_of(name, recommenders[name], test, max(ks)) for name in recommenders}
    counted = (np.ones_like(test.cold_N), ~test.cold_N, test.cold_N)
    judged = [
        {name: _values(items_UK, test, counted_N, ks) for name, items_UK in lists.items()}
        for counted_N in counted
    ]
    return JudgedCut(since, test, *judged)


def summarise_cuts(
    cuts: Sequence[JudgedCut],
    *,
    ks: Sequence[int],
    reference: str,
    resamples: int,
    seed: int,
    settings: Mapping[str, object],
) -> RollingReport:
    """Pool the users of all cuts, and take means and bootstrap intervals."""
    user_P: Ints = np.concatenate([cut.test.users_U for cut in cuts])
    pooled = _pooled([cut.all_items for cut in cuts])
    clustered = Clustered.of(pooled, user_P, resamples=resamples, seed=seed)
    return RollingReport(
        reference=reference,
        ks=tuple(ks),
        models=clustered.means(),
        intervals=clustered.intervals(),
        differences=clustered.differences(reference),
        ratios=clustered.ratios(reference),
        warm_items=_means(_pooled([cut.warm_items for cut in cuts])),
        cold_items=_means(_pooled([cut.cold_items for cut in cuts])),
        cuts=tuple(Cut(_iso(cut.since), cut.test.facts, _means(cut.all_items)) for cut in cuts),
        test={"cuts": len(cuts), "users": len(np.unique(user_P)), "users_of_cuts": len(user_P)},
        settings={**settings, "resamples": resamples, "bootstrap_seed": seed},
    )


def rolling_table(report: RollingReport) -> Table:
    """Return every model's precision with its interval and its ratio to the reference, and more metrics."""
    k = report.headline_k
    shown = Table(
        title=f"{report.test['cuts']} cuts, {report.test['users']:,} users; percent",
        caption=f"Everything fitted before each cut; × is Prec@{k} over that of {report.reference}.",
    )
    shown.add_column("model", no_wrap=True)
    for heading in (f"Prec@{k}", "95 %, by user", "×", f"MAP@{k}", "warm", "cold"):
        shown.add_column(heading, justify="right", no_wrap=True)
    key = f"precision@{k}"
    for name, means in report.models.items():
        low, high = report.intervals[name][key]
        ratio = report.ratios[name][key].mean if name != report.reference else None
        shown.add_row(
            escape(name),
            _percent(means[key]),
            f"{_percent(low)} – {_percent(high)}",
            "–" if ratio is None else f"{ratio:.2f}",
            _percent(means[f"map@{k}"]),
            *(_percent(part[name].get(key)) for part in (report.warm_items, report.cold_items)),
        )
    return shown


def _values(items_UK: Ints, test: StaticTest, counted_N: Bools, ks: Sequence[int]) -> Values:
    hits_UK = stores(test.relevant_UN, items_UK) & counted_N[items_UK]  # no hit at padding anyway
    relevant_U = test.positives(counted_N)
    some_U = relevant_U > 0
    return ranked.per_user(hits_UK[some_U], relevant_U[some_U], ks)


def _pooled(cuts: Sequence[Mapping[str, Values]]) -> dict[str, Values]:
    return {
        name: {metric: np.concatenate([cut[name][metric] for cut in cuts]) for metric in metrics}
        for name, metrics in cuts[0].items()
    }


def _means(models: Mapping[str, Values]) -> Means:
    return {
        name: {metric: float(values_U.mean()) for metric, values_U in values.items() if len(values_U)}
        for name, values in models.items()
    }


def _iso(microseconds: int) -> str:
    return f"{np.datetime64(microseconds, 'us').astype('datetime64[s]')}Z"


def _percent(share: float | None) -> str:
    return "–" if share is None else f"{100 * share:.2f}"
