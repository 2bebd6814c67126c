"""Figures: a metric over k with its intervals, as SVG to stand inside the page.

The SVG takes its colours from the page (`currentColor`, `--series-0` …), so that one figure serves
light and dark. No pyplot: it would keep global state and look for a display.
"""

from __future__ import annotations

import io
import re
from html import escape
from typing import Any

from dlrs.errors import MissingExtra
from dlrs.evaluation.report import Report

MARKERS = ("o", "s", "^", "D", "v", "P", "X", "*")
"""One for each series, so that colour is not the only sign; `SYMBOLS` are the same in text."""
SYMBOLS = ("●", "■", "▲", "◆", "▼", "✚", "✖", "★")

_INK = "#010203"
_SERIES = tuple(f"#0a0b0{i}" for i in range(len(MARKERS)))
_STYLE = {"svg.fonttype": "none", "svg.hashsalt": "dlrs", "font.family": "sans-serif", "font.size": 10}


def curve(report: Report, metric: str, title: str) -> str:
    """Return an `<svg>` of `metric` (as `precision`) over k for every model, in percent.

    Raises:
        MissingExtra: matplotlib is not installed.
    """
    try:
        import matplotlib
        from matplotlib.figure import Figure
    except ImportError as error:
        raise MissingExtra("matplotlib", "report") from error

    with matplotlib.rc_context(_STYLE):
        figure = Figure(figsize=(4.6, 3.2), layout="constrained")
        axes = figure.add_subplot()
        for position, name in enumerate(report.models):
            _draw(axes, report, name, position, metric)
        _dress(axes, report.ks)
        svg = io.StringIO()
        figure.savefig(svg, format="svg", transparent=True, metadata=dict.fromkeys(_METADATA))
    return _inline(svg.getvalue(), metric, title)


_METADATA = ("Creator", "Date", "Format", "Type")


def _draw(axes: Any, report: Report, name: str, position: int, metric: str) -> None:
    """Draw one model; each is moved aside a little, so that the intervals do not cover each other."""
    keys = [f"{metric}@{k}" for k in report.ks]
    means = [100 * report.models[name][key] for key in keys]
    low, high = zip(*(report.intervals[name][key] for key in keys), strict=True)
    aside = 0.08 * (position - (len(report.models) - 1) / 2)
    axes.errorbar(
        [place + aside for place in range(len(keys))],
        means,
        yerr=[
            [max(0.0, mean - 100 * bound) for mean, bound in zip(means, low, strict=True)],
            [max(0.0, 100 * bound - mean) for mean, bound in zip(means, high, strict=True)],
        ],
        color=_SERIES[position % len(_SERIES)],
        marker=MARKERS[position % len(MARKERS)],
        markersize=5,
        linewidth=2.2 if name == report.reference else 1.2,
        elinewidth=1,
    )


def _dress(axes: Any, ks: tuple[int, ...]) -> None:
    axes.set_xticks(range(len(ks)), [str(k) for k in ks])
    axes.set_xlabel("k", color=_INK)
    axes.set_ylabel("%", color=_INK, rotation=0)
    axes.set_ylim(bottom=0)
    axes.tick_params(colors=_INK)
    axes.grid(axis="y", color=_INK, alpha=0.15)
    for side, spine in axes.spines.items():
        spine.set_visible(side in ("left", "bottom"))
        spine.set_color(_INK)


def _inline(svg: str, prefix: str, title: str) -> str:
    """Return the element alone: the page's colours, ids of its own, a name for screen readers."""
    svg = svg[svg.index("<svg") :]
    svg = re.sub(r' xmlns(:\w+)?="[^"]*"', "", svg)  # HTML knows them
    svg = re.sub(r'\bid="|url\(#|href="#', lambda match: f"{match.group()}{prefix}-", svg)
    svg = svg.replace(_INK, "currentColor")
    for position, color in enumerate(_SERIES):
        svg = svg.replace(color, f"var(--series-{position})")
    return svg.replace("<svg", f'<svg role="img" aria-label="{escape(title)}"', 1)
