"""The page's tables of stages and of differences, as rows for its template."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from dlrs.evaluation.funnel import STAGES
from dlrs.evaluation.groups import ALL, COLD, WARM
from dlrs.evaluation.measures import RANKED
from dlrs.evaluation.report import GAINS, HEADLINE, Report
from dlrs.evaluation.significance import CONFIDENCE, Difference, Ratio

GROUPS = (ALL, WARM, COLD)


class Compared(Protocol):
    """What says how models stand to a reference: a report, or a part of one."""

    @property
    def differences(self) -> Mapping[str, Mapping[str, Difference]]:
        """Of every other model to the reference."""

    @property
    def ratios(self) -> Mapping[str, Mapping[str, Ratio]]:
        """The reference's over every other's."""


def mark(report: Compared, name: str, metric: str) -> str:
    """Return what the tables say beside a mean of how surely it differs from the reference's."""
    gap = report.differences.get(name, {}).get(metric)
    if gap is None or not gap.beyond_chance:
        return ""
    return "*" if gap.stands else "(*)"


def against_reference(report: Report) -> list[dict[str, Any]]:
    """Return a row for each rival and headline metric: the rival minus the reference, at the headline k."""
    return [
        {"other model": name, "metric": f"{RANKED[metric].title.removesuffix('k')}{report.headline_k}"}
        | gap_cells(metrics[f"{metric}@{report.headline_k}"])
        | {f"{report.reference}, times as much": times(report, name, f"{metric}@{report.headline_k}")}
        for metric in HEADLINE
        for name, metrics in report.differences.items()
    ]


def losses(report: Report, model: str) -> list[dict[str, Any]]:
    """Return a row for each stage: which share of the held-out pairs ends there, by group and k, in %."""
    pairs = report.stages[model].pairs
    counted = "pairs" if report.seeds == 1 else f"pairs, {report.seeds} seeds together"
    totals = {group: sum(pairs[group][f"@{report.ks[0]}"].values()) for group in GROUPS}
    columns = [(group, f"@{k}") for group in GROUPS for k in report.ks]
    return [
        {
            "stage": stage,
            "shares": [_share(pairs[group][k][stage], totals[group]) for group, k in columns],
        }
        for stage in STAGES
    ] + [{"stage": counted, "shares": [f"{totals[group]:,}" for group, _ in columns]}]


def reach(report: Report, model: str) -> list[dict[str, str]]:
    """Return a row for each group of items: which % of its new positives so many candidates hold."""
    shares = report.stages[model].reach
    return [
        {"items": group}
        | {f"T = {int(depth[1:]):,}": f"{100 * share:.1f}" for depth, share in shares[group].items()}
        for group in GROUPS
        if shares[group]
    ]


def gains(report: Report, model: str) -> list[dict[str, Any]]:
    """Return a row for each group of items, metric and k: retrieval alone, ranked, and the difference."""
    stages = report.stages[model]
    ranked = {
        ALL: report.models[model],
        WARM: report.warm_items[model],
        COLD: report.cold_items[model],
    }
    return [
        {
            "items": group,
            "metric": f"{RANKED[metric].title.removesuffix('k')}{k}",
            "retrieval alone": RANKED[metric].show(stages.retrieval[group][f"{metric}@{k}"]),
            "ranked": RANKED[metric].show(ranked[group][f"{metric}@{k}"]),
            "best possible ranking": RANKED[metric].show(stages.ceilings[group][f"{metric}@{k}"]),
        }
        | gap_cells(stages.gains[group][f"{metric}@{k}"])
        for group in GROUPS
        if group in stages.gains
        for metric in GAINS
        for k in report.ks
    ]


def gap_cells(gap: Difference) -> dict[str, str]:
    """Return a difference in points, its interval, its p-values, and what they say together."""
    return {
        "difference": f"{100 * gap.mean:+.2f}",
        f"{100 * CONFIDENCE:.0f} % interval": f"{100 * gap.low:+.2f} to {100 * gap.high:+.2f}",
        "p": _p(gap.p),
        "p, Holm": _p(gap.adjusted),
        "verdict": _verdict(gap),
    }


def doubt(gap: Difference) -> str:
    """Return what is to be said of a difference that too few users show."""
    return f"too few users ({gap.users}) to say"


def bounds(ratio: Ratio | None) -> str:
    """Return the interval of a ratio as it goes on in a sentence: `, 2.02 to 3.01`; nothing without one."""
    if ratio is None or ratio.low is None:
        return ""
    return (
        f", {ratio.low:.2f} to {ratio.high:.2f}" if ratio.high is not None else f", at least {ratio.low:.2f}"
    )


def times(report: Compared, name: str, key: str) -> str:
    """Return how many times a model's mean the reference reaches, with the interval."""
    ratio = report.ratios.get(name, {}).get(key)
    if ratio is None or ratio.mean is None:
        return "–"
    return f"{ratio.mean:.2f}{bounds(ratio)}"


def _verdict(gap: Difference) -> str:
    if gap.too_few:
        return doubt(gap)
    if gap.stands:
        return "beyond chance"
    return "only if alone" if gap.beyond_chance else "may be chance"


def _share(count: int, total: int) -> str:
    return f"{100 * count / total:.1f}" if total else "–"


def _p(p: float | None) -> str:
    return "–" if p is None else (f"{p:.3f}" if p >= 0.001 else "< 0.001")
