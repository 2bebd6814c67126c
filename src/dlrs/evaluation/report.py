"""Report: what the evaluation found, as report.json and as a table in the terminal."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from rich.markup import escape
from rich.table import Table

from dlrs import metrics
from dlrs.arrays import Doubles
from dlrs.evaluation.protocol import Judged
from dlrs.evaluation.significance import Difference, Interval, differences, intervals
from dlrs.evaluation.static import StaticTest

HEADLINE = {"precision": "Precision@k", "map": "MAP@k"}
"""The metrics that decide; the others explain."""

Means = dict[str, dict[str, float]]
"""Model → metric → mean over the users; empty metrics where there was no user."""


@dataclass(frozen=True)
class Report:
    """All that the evaluation found, in plain values. Shares are in [0, 1], not in percent."""

    reference: str  # the model that the others are compared with
    ks: tuple[int, ...]
    models: Means
    intervals: dict[str, dict[str, Interval]]
    differences: dict[str, dict[str, Difference]]  # of every other model to the reference: headline metrics
    bounds: dict[str, float]  # what a perfect ranking would reach
    warm_items: Means  # the same lists, judged on the positives that somebody met before the cut
    cold_items: Means
    test: dict[str, int]
    settings: dict[str, object]
    strict: Report | None  # the same over the items alive at the cut only

    @property
    def headline_k(self) -> int:
        """The k nearest to 5, the case that matters most (method §1)."""
        return min(self.ks, key=lambda k: abs(k - 5))

    def best(self, metric: str) -> float:
        """Return the highest mean of any model."""
        return max(means[metric] for means in self.models.values())

    def ratio(self, rival: str, metric: str) -> float | None:
        """Return how many times the rival's mean the reference reaches; None over zero."""
        theirs = self.models[rival][metric]
        return self.models[self.reference][metric] / theirs if theirs else None

    def to_json(self) -> str:
        """Return the content of report.json, keyed as the fields are."""
        return json.dumps(asdict(self), indent=2, ensure_ascii=False, allow_nan=False) + "\n"

    @classmethod
    def from_json(cls, text: str) -> Report:
        """Read what `to_json` wrote."""
        return cls._from_content(json.loads(text))

    @classmethod
    def _from_content(cls, content: dict[str, Any]) -> Report:
        gaps = {
            name: {metric: Difference(**gap) for metric, gap in of.items()}
            for name, of in content["differences"].items()
        }
        spans = {
            name: {metric: (low, high) for metric, (low, high) in of.items()}
            for name, of in content["intervals"].items()
        }
        strict = content["strict"] and cls._from_content(content["strict"])
        ks = tuple(content["ks"])
        return cls(**content | {"ks": ks, "differences": gaps, "intervals": spans, "strict": strict})


def summarise(
    judged: Mapping[str, Judged],
    test: StaticTest,
    *,
    ks: Sequence[int],
    reference: str,
    resamples: int,
    seed: int,
    settings: Mapping[str, object],
    strict: Report | None = None,
) -> Report:
    """Take means and bootstrap intervals over the users of what `evaluate` returned.

    Args:
        judged: by model, on `test`.
        test: what they were judged on.
        ks: the lengths that `judged` was made with.
        reference: name of the model that the others are compared with: ours.
        resamples: of the bootstrap.
        seed: of the bootstrap.
        settings: JSON-ready facts of the run, to stand in the report.
        strict: the report of the strict universe.
    """
    everything = {name: one.all_items for name, one in judged.items()}
    headline_keys = [f"{metric}@{k}" for metric in HEADLINE for k in ks]
    headline = {name: {key: values[key] for key in headline_keys} for name, values in everything.items()}
    relevant_U = test.positives(np.ones_like(test.cold_N))
    return Report(
        reference=reference,
        ks=tuple(ks),
        models={name: _means(one.all_items) | one.coverage for name, one in judged.items()},
        intervals=intervals(everything, resamples=resamples, seed=seed),
        differences=differences(headline, reference, resamples=resamples, seed=seed),
        bounds=_means(metrics.upper_bounds(relevant_U, ks)),
        warm_items={name: _means(one.warm_items) for name, one in judged.items()},
        cold_items={name: _means(one.cold_items) for name, one in judged.items()},
        test=test.facts,
        settings={**settings, "resamples": resamples, "bootstrap_seed": seed},
        strict=strict,
    )


def table(report: Report) -> Table:
    """Return Precision@k and MAP@k of every model in percent, the best of each in bold."""
    shown = Table(
        title=f"{report.test['users']:,} users, {report.test['items']:,} items; percent",
        caption='The thesis calls mean Precision@k "MAP@k".',
    )
    shown.add_column("model")
    for k in report.ks:
        shown.add_column(f"k = {k}", justify="right")
    for metric, heading in HEADLINE.items():
        shown.add_row(f"[bold]{heading}[/bold]")
        for name, means in report.models.items():
            keys = [f"{metric}@{k}" for k in report.ks]
            shown.add_row(f"  {escape(name)}", *(_cell(means[key], report.best(key)) for key in keys))
        shown.add_section()
    return shown


def _cell(mean: float, best: float) -> str:
    text = f"{100 * mean:.2f}"
    return f"[bold]{text}[/bold]" if mean == best else text


def _means(values: Mapping[str, Doubles]) -> dict[str, float]:
    return {metric: float(values_U.mean()) for metric, values_U in values.items() if len(values_U)}
