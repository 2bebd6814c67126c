"""Report: what the evaluation found, as report.json and as a table in the terminal."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from pydantic import TypeAdapter
from rich import box
from rich.markup import escape
from rich.table import Table

from dlrs.evaluation.significance import LEAST_USERS, Difference, Interval, Ratio
from dlrs.statistics import DataStatistics

HEADLINE = {"precision": "Precision@k", "map": "MAP@k"}
"""The metrics that decide; the others explain."""

GAINS = ("precision", "ndcg")
"""The metrics that ranking is held against retrieval by: the first is blind to order, the second is not."""

Means = dict[str, dict[str, float]]
"""Model → metric → mean over the users; empty metrics where there was no user."""

Counts = dict[str, dict[str, dict[str, int]]]
"""Group of items → `@5` and the like → stage → pairs lost there, or hit."""


@dataclass(frozen=True)
class Skew:
    """How concentrated interactions and recommendations are: see `metrics.beyond.top_shares`."""

    k: int  # length of the lists
    shares_of_items: tuple[float, ...]
    log: tuple[float, ...]  # share of the interactions before the cut with the top items of the catalogue
    chosen: tuple[float, ...]  # share of what users turned to in the test
    models: dict[str, tuple[float, ...]]  # share of the recommended places


@dataclass(frozen=True)
class StageReport:
    """What became of the held-out pairs in a model of two stages, and what its ranking adds.

    `ceilings`, `retrieval` and `gains` are by group of items (all, warm, cold) and metric, `reach` by group
    and number of candidates, as `@100`.
    """

    candidates: int  # T
    handed_on: int  # how many of them are ranked
    pairs: Counts  # of all seeds together
    reach: Means  # share of the relevant pairs among the first so many candidates
    ceilings: Means  # what a perfect ranker would reach with these candidates
    retrieval: Means  # the candidates in the order in which they were found
    gains: dict[str, dict[str, Difference]]  # ranked minus retrieval alone; a group is a family for Holm


@dataclass(frozen=True)
class UserGroupReport:
    """The same lists judged on users of equal history alone: `least` to `most` events before the cut."""

    name: str
    least: int
    most: int
    users: int
    models: Means
    intervals: dict[str, dict[str, Interval]]  # at the headline k


@dataclass(frozen=True)
class AloneReport:
    """Models asked for warm or for cold items only (`alone`), judged on who turned to one of these."""

    users: int
    items: int
    models: Means
    intervals: dict[str, dict[str, Interval]]  # this and the next two: Precision at the headline k
    differences: dict[str, dict[str, Difference]]  # of every other model to the reference
    ratios: dict[str, dict[str, Ratio]]


@dataclass(frozen=True)
class Section:
    """A part of the report that another evaluation adds: a text and tables, for the page to show as they are.

    A table is a caption and rows with the same keys, which head its columns.
    """

    anchor: str
    title: str
    text: str
    tables: dict[str, list[dict[str, str | int | float | None]]]


@dataclass(frozen=True)
class Report:
    """All that the evaluation found, in plain values. Shares are in [0, 1], not in percent."""

    reference: str  # the model that the others are compared with
    ks: tuple[int, ...]
    models: Means
    intervals: dict[str, dict[str, Interval]]
    differences: dict[str, dict[str, Difference]]  # of every other model to the reference: headline metrics
    ceilings: dict[str, float]  # the highest that any model could reach, where there is such a value
    references: Means  # what random items and those that users chose are like: metrics without @k
    warm_items: Means  # the same lists, judged on the positives that somebody met before the cut
    cold_items: Means
    skew: Skew
    test: dict[str, int]
    settings: dict[str, Any]
    data: DataStatistics | None
    strict: Report | None  # the same over the items alive at the cut only
    ratios: dict[str, dict[str, Ratio]] = field(default_factory=dict)  # the reference's over every other's
    user_groups: tuple[UserGroupReport, ...] = ()
    stages: dict[str, StageReport] = field(default_factory=dict)  # by model, where they were looked into
    seeds: int = 1  # of models that draw at random: each of their values is the mean over so many
    spread: Means = field(default_factory=dict)  # of such models: standard deviation of the mean over seeds
    commands: tuple[str, ...] = ()  # how to come by this report
    more: tuple[Section, ...] = ()  # what other evaluations add
    alone: dict[str, AloneReport] = field(default_factory=dict)  # by group of items: warm, cold

    @property
    def headline_k(self) -> int:
        """The k nearest to 5, the case that matters most (method §1)."""
        return headline_k(self.ks)

    @property
    def comparisons(self) -> int:
        """How many differences to the reference Holm's correction is over."""
        return sum(len(metrics) for metrics in self.differences.values())

    @property
    def reservation(self) -> str:
        """What is to be said of all differences where users are too few; '' where they are enough."""
        few = [gap for metrics in self.differences.values() for gap in metrics.values() if gap.too_few]
        if not few:
            return ""
        return (
            f"Too few users ({few[0].users}) to say which model is better: with fewer than {LEAST_USERS} "
            "chance looks like a difference too often."
        )

    def best(self, metric: str) -> float:
        """Return the highest mean of any model."""
        return max(means[metric] for means in self.models.values() if metric in means)

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
        return TypeAdapter(cls).validate_json(text)


def headline_k(ks: Sequence[int]) -> int:
    """Return the k nearest to 5, the shorter of two."""
    return min(ks, key=lambda k: abs(k - 5))


def table(report: Report) -> Table:
    """Return Precision@k and MAP@k of every model in percent, the best of each in bold.

    The k that decides has its interval beside it.
    """
    shown = Table(
        title=f"{report.test['users']:,} users, {report.test['items']:,} items; percent",
        caption=f"Interval: bootstrap over users, of k = {report.headline_k}. {report.reservation}\n"
        'The thesis calls mean Precision@k "MAP@k".',
        box=box.SIMPLE_HEAD,
        collapse_padding=True,
    )
    shown.add_column("model")
    for k in report.ks:
        shown.add_column(f"k = {k}", justify="right")
        if k == report.headline_k:
            shown.add_column("95 % interval", justify="right", no_wrap=True)
    for metric, heading in HEADLINE.items():
        shown.add_row(f"[bold]{heading}[/bold]")
        for name in report.models:
            shown.add_row(f"  {escape(name)}", *_cells(report, name, metric))
        shown.add_section()
    return shown


def _cells(report: Report, name: str, metric: str) -> list[str]:
    cells = []
    for k in report.ks:
        key = f"{metric}@{k}"
        cells.append(_cell(report.models[name][key], report.best(key)))
        if k == report.headline_k:
            bounds = report.intervals.get(name, {}).get(key)
            cells.append("" if bounds is None else " – ".join(f"{100 * bound:.2f}" for bound in bounds))
    return cells


def _cell(mean: float, best: float) -> str:
    text = f"{100 * mean:.2f}"
    return f"[bold]{text}[/bold]" if mean == best else text
