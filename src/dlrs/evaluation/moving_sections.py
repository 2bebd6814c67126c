"""Moving: what evaluations that go through the test window step by step found, as sections of the report.

prequential.json judges every interaction at its own moment, rolling.json cuts again and again. They are read
here by what is shown of them, so that the report needs neither.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

from dlrs.errors import DataError
from dlrs.evaluation.measures import RANKED
from dlrs.evaluation.page_stages import bounds
from dlrs.evaluation.report import Means, Section, headline_k
from dlrs.evaluation.significance import Difference, Interval, Ratio

PREQUENTIAL, ROLLING = "prequential.json", "rolling.json"

Row = dict[str, str | int | float | None]


@dataclass(frozen=True)
class Group:
    """Some of the requests, and every model's means over them."""

    requests: int
    models: Means


@dataclass(frozen=True)
class Cut:
    """One of the cuts, and every model's means over its users."""

    since: str
    test: dict[str, int]
    models: Means


@dataclass(frozen=True)
class Moving:
    """What is shown of either file; each has parts of its own."""

    reference: str
    ks: tuple[int, ...]
    models: Means
    intervals: dict[str, dict[str, Interval]]
    differences: dict[str, dict[str, Difference]]
    test: dict[str, int]
    settings: dict[str, Any]
    ratios: dict[str, dict[str, Ratio]] = field(default_factory=dict)  # every other's over the reference's
    groups: dict[str, Group] = field(default_factory=dict)  # of the prequential requests
    warm_items: Means = field(default_factory=dict)  # of the rolling cuts, as are the next two
    cold_items: Means = field(default_factory=dict)
    cuts: tuple[Cut, ...] = ()

    @property
    def headline_k(self) -> int:
        """The k nearest to 5."""
        return headline_k(self.ks)


def sections_beside(out: Path, encoding_hash: str) -> tuple[Section, ...]:
    """Return a section for each such file of the same data in `out`, beside it, or in a folder beside it.

    Raises:
        DataError: a file is not what it is named.
    """
    beside = [out, out.parent, *sorted(out.parent.glob("[!.]*/"))]
    sections = []
    for name, section in ((PREQUENTIAL, prequential_section), (ROLLING, rolling_section)):
        files = dict.fromkeys(folder / name for folder in beside if (folder / name).is_file())
        found = [report for report in _read(files) if report.settings.get("encoding_hash") == encoding_hash]
        sections += [section(report) for report in found[:1]]
    return tuple(sections)


def prequential_section(report: Moving) -> Section:
    """Say what the replay of the test window found."""
    k = report.headline_k
    rows: list[Row] = [
        _pooled(report, name, "hit_rate", ("precision", "ndcg", "mrr"))
        | {group: _shown("hit_rate", of.models[name], k) for group, of in report.groups.items()}
        for name in report.models
    ]
    requests = ", ".join(f"{of.requests:,} for {group}" for group, of in report.groups.items() if of.requests)
    text = (
        f"Every interaction of the test window is a request at its own moment: {report.test['requests']:,} "
        f"requests of {report.test['users']:,} users ({requests}). Models know what happened until then, "
        f"less a delay. One item is right: Precision@{k} is HitRate@{k} / {k}. "
        "Intervals: bootstrap over users."
    )
    return Section(
        "prequential", "At every moment: prequential", text, {f"Prequential, at k = {k}, in %": rows}
    )


def rolling_section(report: Moving) -> Section:
    """Say what the rolling cuts found."""
    k = report.headline_k
    rows: list[Row] = [
        _pooled(report, name, "precision", ("map", "recall", "ndcg"))
        | {
            "warm items": _shown("precision", report.warm_items.get(name, {}), k),
            "cold items": _shown("precision", report.cold_items.get(name, {}), k),
        }
        for name in report.models
    ]
    cuts = [_cut(cut, report.models, k) for cut in report.cuts]
    text = (
        f"{len(report.cuts)} cuts, one after the other: before each all is fitted again, and the time to the "
        "next is its test. Values are means over all users of all cuts; intervals: bootstrap over users, "
        "each with all of his cuts."
    )
    tables = {f"Rolling cuts, at k = {k}, in %": rows, f"Precision@{k} in %, cut by cut": cuts}
    return Section("rolling", "Cut after cut: rolling", text, tables)


def _cut(cut: Cut, names: Iterable[str], k: int) -> Row:
    row: Row = {"cut": cut.since, "users": cut.test["users"]}
    return row | {name: _shown("precision", cut.models[name], k) for name in names}


def _read(files: Iterable[Path]) -> Iterable[Moving]:
    for file in files:
        try:
            yield TypeAdapter(Moving).validate_json(file.read_text(encoding="utf-8"))
        except ValidationError as error:
            raise DataError(
                f"{file}: expected what `dlrs evaluate` writes under this name, received: {error}. "
                "Make it again, or take it away."
            ) from error


def _pooled(report: Moving, name: str, first: str, others: Iterable[str]) -> Row:
    """Return the metric that decides, its interval and how it stands to the reference's; then others."""
    k = report.headline_k
    low, high = report.intervals[name][f"{first}@{k}"]
    gap = report.differences.get(name, {}).get(f"{first}@{k}")
    row: Row = {
        "model": name,
        _heading(first, k): _shown(first, report.models[name], k),
        "95 % interval": f"{RANKED[first].show(low)} – {RANKED[first].show(high)}",
        f"minus {report.reference}, points": "–"
        if gap is None
        else f"{100 * gap.mean:+.2f} ({100 * gap.low:+.2f} to {100 * gap.high:+.2f})",
    }
    row[f"times {report.reference}"] = _times(report.ratios.get(name, {}).get(f"{first}@{k}"))
    return row | {_heading(metric, k): _shown(metric, report.models[name], k) for metric in others}


def _times(ratio: Ratio | None) -> str:
    return "–" if ratio is None or ratio.mean is None else f"{ratio.mean:.2f}{bounds(ratio)}"


def _heading(metric: str, k: int) -> str:
    return f"{RANKED[metric].title.removesuffix('k')}{k}"


def _shown(metric: str, means: Mapping[str, float], k: int) -> str:
    key = f"{metric}@{k}"
    return RANKED[metric].show(means[key]) if key in means else "–"
