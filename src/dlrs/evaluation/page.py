"""Page: the report for people, one HTML file that needs nothing beside it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import jinja2
from markupsafe import Markup

from dlrs.evaluation.figures import SYMBOLS, curve
from dlrs.evaluation.report import HEADLINE, Report

TEMPLATE = Path(__file__).with_name("report.html.jinja")
TITLES = {
    **HEADLINE,
    "map_r": "MAP@k over R",
    "recall": "Recall@k",
    "ndcg": "NDCG@k",
    "coverage": "Coverage@k",
}
CURVES = ("precision", "recall", "ndcg")

Rows = Mapping[str, object] | Sequence[Mapping[str, object]]
"""Facts as name → value, or as records with the same keys: then the keys head the columns."""


@dataclass(frozen=True)
class Example:
    """A user in words and what he is recommended, best first; the items have the same keys."""

    user: str
    profile: Sequence[str]
    items: Sequence[Mapping[str, object]]


def render(
    report: Report,
    *,
    title: str,
    rivals: Sequence[str] = (),
    examples: Sequence[Example] = (),
    facts: Sequence[tuple[str, Rows]] = (),
) -> str:
    """Return report.html.

    Args:
        report: what `report.summarise` returned.
        title: heading of the page.
        rivals: models that the reference is compared with in a sentence each, win or lose.
        examples: users and their recommendations.
        facts: titled tables about the data, the training, the machine; values stand as they come.

    Raises:
        MissingExtra: matplotlib is not installed.
    """
    environment = jinja2.Environment(
        autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters["percent"] = _percent
    return environment.from_string(TEMPLATE.read_text(encoding="utf-8")).render(
        report=report,
        title=title,
        titles=TITLES,
        headline=HEADLINE,
        symbols=SYMBOLS,
        sentences=[compare(report, rival, metric) for rival in rivals for metric in HEADLINE],
        curves={
            TITLES[metric]: Markup(curve(report, metric, f"{TITLES[metric]} of every model"))
            for metric in CURVES
        },
        examples=examples,
        test={name: f"{count:,}" for name, count in report.test.items()},
        facts=facts,
    )


def compare(report: Report, rival: str, metric: str) -> str:
    """Say in a sentence how the reference stands to a rival at the headline k.

    As in: At k = 5 two-stage reaches Precision 1.03 %, cf 0.42 %: 2.45 times as much (+145%), beyond
    chance (difference +0.61 points, 95 % interval +0.50 to +0.72).
    """
    key = f"{metric}@{report.headline_k}"
    gap = report.differences[rival][key].reversed()
    ours, theirs = report.models[report.reference][key], report.models[rival][key]
    ratio = report.ratio(rival, key)
    relation = "no ratio to zero" if ratio is None else f"{ratio:.2f} times as much ({ratio - 1:+.0%})"
    sure = "beyond chance" if gap.beyond_chance else "which may be chance"
    return (
        f"At k = {report.headline_k} {report.reference} reaches {TITLES[metric].split('@')[0]} "
        f"{_percent(ours)} %, {rival} {_percent(theirs)} %: {relation}, {sure} (difference "
        f"{100 * gap.mean:+.2f} points, 95 % interval {100 * gap.low:+.2f} to {100 * gap.high:+.2f})."
    )


def _percent(share: float) -> str:
    return f"{100 * share:.2f}"
