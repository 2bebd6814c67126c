"""Figures: lines and bars as SVG to stand inside a page, and the keys that name them in its text.

The SVG takes its colours from the page (`currentColor`, `--series-0` …), so that one figure serves
light and dark. No pyplot: it would keep global state and look for a display.
"""

from __future__ import annotations

import io
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any, Literal

import numpy as np

from dlrs.errors import MissingExtra

MARKERS = ("o", "s", "^", "D", "v", "P", "X", "*", "p", "<", "h", ">")
"""One for each series, so that colour is not the only sign; a thirteenth starts again."""

_INK = "#010203"
_SERIES = tuple(f"#0a0b{i:02d}" for i in range(len(MARKERS)))
_STYLE = {"svg.fonttype": "none", "svg.hashsalt": "dlrs", "font.family": "sans-serif", "font.size": 10}
_METADATA = ("Creator", "Date", "Format", "Type")


@dataclass(frozen=True)
class Line:
    """A series: its place decides on colour and marker, and without one it is a reference in ink."""

    x: Sequence[float]
    y: Sequence[float]
    place: int | None = None
    spans: Sequence[tuple[float, float]] | None = None  # interval of each y
    wide: bool = False
    stroke: Literal["solid", "dashed", "none"] = "solid"
    marked: bool = True


@dataclass(frozen=True)
class Axes:
    """What the two directions of a figure mean; ticks are (position, label)."""

    x: str
    y: str
    x_scale: Literal["linear", "log"] = "linear"
    y_scale: Literal["linear", "log"] = "linear"
    x_ticks: Sequence[tuple[float, str]] | None = None
    y_ticks: Sequence[tuple[float, str]] | None = None


def line_figure(identity: str, title: str, lines: Sequence[Line], axes: Axes) -> str:
    """Return an `<svg>` of the lines; `identity` sets its ids apart from those of the page's others.

    Raises:
        MissingExtra: matplotlib is not installed.
    """

    def draw(plot: Any) -> None:
        for line in lines:
            _draw(plot, line)

    return _figure(identity, title, draw, axes)


def bar_figure(identity: str, title: str, heights: Sequence[float], cuts: Sequence[float], axes: Axes) -> str:
    """Return an `<svg>` of adjoining bars, each 1 wide, with vertical lines at the cuts.

    Raises:
        MissingExtra: matplotlib is not installed.
    """

    def draw(plot: Any) -> None:
        plot.stairs(heights, fill=True, color=_SERIES[0], alpha=0.75)
        plot.margins(x=0)
        for cut in cuts:
            plot.axvline(cut, color=_INK, linewidth=1, linestyle="dashed")

    return _figure(identity, title, draw, axes, wide=True)


def stacked_figure(identity: str, title: str, parts: Mapping[int, Sequence[float]], axes: Axes) -> str:
    """Return an `<svg>` of stacked bars at 0, 1, …; a part is a place and its height in each of them.

    The first part stands at the bottom.

    Raises:
        MissingExtra: matplotlib is not installed.
    """

    def draw(plot: Any) -> None:
        bottom_C = np.zeros(len(next(iter(parts.values()))))
        for place, heights in parts.items():
            color = _SERIES[place % len(_SERIES)]
            plot.bar(np.arange(len(heights)), heights, bottom=bottom_C, width=0.7, color=color)
            bottom_C += heights

    return _figure(identity, title, draw, axes)


def bar_key(place: int) -> str:
    """Return a piece of a bar as an `<svg>` the size of a letter."""
    return _key(f'<path d="M-.8 -.8H.8V.8H-.8Z" fill="var(--series-{place % len(MARKERS)})"/>')


def key(place: int) -> str:
    """Return the marker of a series as an `<svg>` the size of a letter, to stand beside its name."""
    from matplotlib.markers import MarkerStyle

    marker = MarkerStyle(MARKERS[place % len(MARKERS)])
    path: Any = marker.get_path().transformed(marker.get_transform())
    vertices = path.vertices / np.abs(path.vertices).max() * 0.9
    steps = zip(vertices.tolist(), path.codes, strict=True)
    return _key(f'<path d="{_path(steps)}" fill="var(--series-{place % len(MARKERS)})"/>')


def marker_key() -> str:
    """Return the marker of reference points as an `<svg>`."""
    return _key('<path d="M0 -.8L.8 0L0 .8L-.8 0Z" stroke="currentColor" stroke-width=".25" fill="none"/>')


def line_key(stroke: Literal["solid", "dashed"]) -> str:
    """Return a piece of a reference line as an `<svg>`."""
    dashes = ' stroke-dasharray=".55 .3"' if stroke == "dashed" else ""
    return _key(f'<path d="M-1 0H1" stroke="currentColor" stroke-width=".35" fill="none"{dashes}/>')


def _figure(identity: str, title: str, draw: Any, axes: Axes, *, wide: bool = False) -> str:
    try:
        import matplotlib
        from matplotlib.figure import Figure
    except ImportError as error:
        raise MissingExtra("matplotlib", "report") from error

    with matplotlib.rc_context(_STYLE):
        figure = Figure(figsize=(9.4 if wide else 4.6, 2.6 if wide else 3.2), layout="constrained")
        plot = figure.add_subplot()
        draw(plot)
        _dress(plot, axes)
        svg = io.StringIO()
        figure.savefig(svg, format="svg", transparent=True, metadata=dict.fromkeys(_METADATA))
    return _inline(svg.getvalue(), identity, title)


def _draw(plot: Any, line: Line) -> None:
    spans = None
    if line.spans is not None:
        below = [max(0.0, y - low) for y, (low, _) in zip(line.y, line.spans, strict=True)]
        above = [max(0.0, high - y) for y, (_, high) in zip(line.y, line.spans, strict=True)]
        spans = [below, above]
    plot.errorbar(
        line.x,
        line.y,
        yerr=spans,
        color=_INK if line.place is None else _SERIES[line.place % len(_SERIES)],
        marker=_marker(line),
        markersize=5,
        markerfacecolor="none" if line.place is None else None,
        linewidth=2.2 if line.wide else 1.2,
        linestyle=line.stroke,
        elinewidth=0.8,
        zorder=3 if line.wide else 2,
    )


def _marker(line: Line) -> str | None:
    if not line.marked:
        return None
    return "D" if line.place is None else MARKERS[line.place % len(MARKERS)]


def _dress(plot: Any, axes: Axes) -> None:
    plot.set_xscale(axes.x_scale)
    plot.set_yscale(axes.y_scale)
    if axes.x_ticks:
        plot.set_xticks(*zip(*axes.x_ticks, strict=True))
    if axes.y_ticks:
        plot.set_yticks(*zip(*axes.y_ticks, strict=True))
    plot.minorticks_off()
    plot.set_xlabel(axes.x, color=_INK)
    plot.set_ylabel(axes.y, color=_INK)
    if axes.y_scale == "linear":
        plot.set_ylim(bottom=0)
    plot.tick_params(which="both", colors=_INK)
    plot.grid(axis="y", color=_INK, alpha=0.15)
    for side, spine in plot.spines.items():
        spine.set_visible(side in ("left", "bottom"))
        spine.set_color(_INK)


def _inline(svg: str, identity: str, title: str) -> str:
    """Return the element alone: the page's colours, ids of its own, a name for screen readers."""
    svg = svg[svg.index("<svg") :]
    svg = re.sub(r' xmlns(:\w+)?="[^"]*"', "", svg)  # HTML knows them
    svg = re.sub(r'\bid="|url\(#|href="#', lambda match: f"{match.group()}{identity}-", svg)
    svg = svg.replace(_INK, "currentColor")
    for place, color in enumerate(_SERIES):
        svg = svg.replace(color, f"var(--series-{place})")
    return svg.replace("<svg", f'<svg role="img" aria-label="{escape(title)}"', 1)


def _key(content: str) -> str:
    return f'<svg class="key" viewBox="-1 -1 2 2" aria-hidden="true">{content}</svg>'


def _path(steps: Any) -> str:
    """Return matplotlib's path as SVG's `d`; its y points up, SVG's down."""
    commands = {1: "M", 2: "L", 3: "Q", 4: "C"}
    written, last = [], 0
    for (x, y), code in steps:
        if code == 79:
            written.append("Z")
        else:
            # the points of one curve all carry its code: only the first of them names it
            repeated = code == last and code in (3, 4)
            written.append(f"{'' if repeated else commands[code]}{x:.3f} {-y:.3f}")
        last = code
    return " ".join(written)
