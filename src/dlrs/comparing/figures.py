"""The figure of a comparison: relevance against the number of candidates and against their cost.

Left what the candidates keep of the gold standard's top 100, right Precision@5 of what RankNet makes of them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dlrs.comparing.measuring import Measured
from dlrs.comparing.result import Comparison
from dlrs.errors import MissingExtra
from dlrs.evaluation.figures import MARKERS

FAMILIES = {"single": "#0072B2", "multi-cos": "#D55E00", "multi-cos-bar": "#009E73"}
OTHERS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
METRICS = {"kept@100": "gold standard's top 100 kept, %", "precision@5": "Precision@5, %"}
MILLISECONDS = (0.1, 0.2, 0.3, 0.5, 1, 2, 3, 5, 10, 20, 50, 100)

Series = Mapping[str, Sequence[Measured]]


@dataclass(frozen=True)
class Panels:
    """Ways by name: over the number of candidates, or over their cost and then only the best for it."""

    title: str
    series: Series
    by_cost: bool = False


def draw(found: Comparison, file: Path) -> None:
    """Draw four pairs of panels as PNG.

    Raises:
        MissingExtra: matplotlib is not installed.
    """
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise MissingExtra("matplotlib", "report") from error

    pairs = _pairs(found)
    figure = Figure(figsize=(10, 3.4 * len(pairs)), layout="constrained", dpi=100)
    axes: Any = figure.subplots(len(pairs), len(METRICS))
    for panels, row in zip(pairs, axes, strict=True):
        for metric, panel in zip(METRICS, row, strict=True):
            _draw(panel, panels, metric)
            _dress(panel, panels, metric, found)
        row[0].legend(frameon=False, fontsize=7)
    figure.savefig(file, format="png", metadata={"Software": None})


def front(ways: Iterable[Measured], metric: str) -> list[Measured]:
    """Return the ways that are better than every cheaper one: Pareto's front, the cheapest first."""
    best: list[Measured] = []
    for one in sorted(ways, key=lambda one: (one.ms, -one.means[metric])):
        if not best or one.means[metric] > best[-1].means[metric]:
            best.append(one)
    return best


def _pairs(found: Comparison) -> list[Panels]:
    main, (index, strategy) = found.main, found.reference
    dial = {name: found.curve(name, index, strategy) for name in found.objectives}
    strategies = {name: found.curve(main, index, name) for name in found.strategies}
    every = {name: [*found.of(objective=name)] for name in found.objectives}
    indexes = {name: [*found.of(objective=main, index=name, strategy=strategy)] for name in found.indexes}
    return [
        Panels(f"objectives and λ: {strategy}, {index}", dial),
        Panels(f"strategies: {main}, {index}", strategies),
        Panels("objectives and λ: the best of all ways for its cost", every, by_cost=True),
        Panels(f"indexes: {main}, {strategy}, the best for its cost", indexes, by_cost=True),
    ]


def _draw(panel: Any, panels: Panels, metric: str) -> None:
    colors = _colors(list(panels.series))
    for place, (name, ways) in enumerate(panels.series.items()):
        shown = front(ways, metric) if panels.by_cost else ways
        style = {"color": colors[name], "marker": MARKERS[place % len(MARKERS)], "markersize": 4}
        panel.plot(*_points(shown, panels, metric), label=name, linewidth=1.2, **style)
        if panels.by_cost:
            panel.plot(*_points(ways, panels, metric), linestyle="none", alpha=0.2, **style)


def _points(ways: Sequence[Measured], panels: Panels, metric: str) -> tuple[list[float], list[float]]:
    where = [one.ms if panels.by_cost else one.count for one in ways]
    return where, [100 * one.means[metric] for one in ways]


def _dress(panel: Any, panels: Panels, metric: str, found: Comparison) -> None:
    panel.set_xscale("log")
    counts = sorted({one.count for one in found.measured})
    ticks = MILLISECONDS if panels.by_cost else counts
    limits = panel.get_xlim()
    panel.set_xticks(ticks, [f"{tick:,}" for tick in ticks], fontsize=8)
    panel.set_xlim(limits)
    panel.minorticks_off()
    panel.set_ylim(bottom=0)
    panel.set_title(panels.title, fontsize=9)
    panel.set_xlabel("CPU ms a user, candidates and ranking" if panels.by_cost else "candidates", fontsize=9)
    panel.set_ylabel(METRICS[metric], fontsize=9)
    panel.grid(alpha=0.2)
    panel.spines[["top", "right"]].set_visible(False)


def _colors(names: Sequence[str]) -> dict[str, Any]:
    """Return a hue for each family of objectives, darker for a larger λ; of other names one for each."""
    families = [name.split(" ")[0] for name in names]
    if not set(families) <= FAMILIES.keys():
        return {name: OTHERS[place % len(OTHERS)] for place, name in enumerate(names)}
    return {
        name: _darker(FAMILIES[family], families[:place].count(family), families.count(family))
        for place, (name, family) in enumerate(zip(names, families, strict=True))
    }


def _darker(color: str, place: int, of: int) -> tuple[float, ...]:
    """Return the color mixed with white, the less of it the later its place."""
    share = 0.45 + 0.55 * (place + 1) / of
    channels = (int(color[start : start + 2], 16) / 255 for start in (1, 3, 5))
    return tuple(1 - share * (1 - channel) for channel in channels)
