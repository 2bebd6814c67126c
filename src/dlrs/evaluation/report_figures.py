"""The figures of an evaluation: metrics over k, and how concentrated what models recommend is."""

from __future__ import annotations

from collections.abc import Sequence

from dlrs.evaluation.figures import Axes, Line, line_figure, stacked_figure
from dlrs.evaluation.funnel import CANDIDATES, CUT, HIT, KNOWN, OUTSIDE, RANKER
from dlrs.evaluation.groups import ALL
from dlrs.evaluation.measures import AT_K
from dlrs.evaluation.report import Report, Skew

ASIDE = 0.6
"""Of the way to the next k: how far the models' points may spread, so that intervals stay apart."""

STAGE_PLACES = {HIT: 2, RANKER: 1, CUT: 3, CANDIDATES: 0, OUTSIDE: 7, KNOWN: 9}
"""Which colour each stage has, from the bottom of a bar to its top."""


def curve(report: Report, metric: str) -> str:
    """Return an `<svg>` of a metric (as `precision`) over k for every model, with its intervals."""
    measure = AT_K[metric]
    scale = 100 if measure.unit == "%" else 1
    ks = [k for k in report.ks if all(f"{metric}@{k}" in means for means in report.models.values())]
    keys = [f"{metric}@{k}" for k in ks]
    lines = [
        Line(
            x=[tick + _aside(place, len(report.models)) for tick in range(len(keys))],
            y=[scale * means[key] for key in keys],
            place=place,
            spans=[
                (scale * low, scale * high) for low, high in (report.intervals[name][key] for key in keys)
            ],
            wide=name == report.reference,
        )
        for place, (name, means) in enumerate(report.models.items())
    ]
    ticks = [(float(tick), str(k)) for tick, k in enumerate(ks)]
    axes = Axes(x="k", y=measure.unit, x_ticks=ticks)
    return line_figure(metric, f"{measure.heading} over k for every model", lines, axes)


def skew_curve(skew: Skew) -> str:
    """Return an `<svg>` of the share of interactions, or of recommended places, by the top x % of items."""
    x = [100 * share for share in skew.shares_of_items]
    models = [Line(x, _percent(shares), place=place) for place, shares in enumerate(skew.models.values())]
    log = Line(x, _percent(skew.log), wide=True, marked=False)
    chosen = Line(x, _percent(skew.chosen), wide=True, marked=False, stroke="dashed")
    axes = Axes(
        x="top % of the catalogue",
        y="% of interactions or places",
        x_scale="log",
        x_ticks=[(0.1, "0.1"), (1, "1"), (10, "10"), (100, "100")],
    )
    title = "Share of the interactions and of the recommended places that the top items have"
    return line_figure("skew", title, [*models, log, chosen], axes)


def trade_off(report: Report, beyond: str) -> str:
    """Return an `<svg>` of Precision against a metric beyond accuracy, both at the headline k, by model.

    A dashed line joins the models that no other surpasses in both.
    """
    across, up = AT_K[beyond], AT_K["precision"]
    k = report.headline_k
    x = [_shown(across.unit, means[f"{beyond}@{k}"]) for means in report.models.values()]
    y = [_shown(up.unit, means[f"precision@{k}"]) for means in report.models.values()]
    front = pareto_front(x, y)
    edge = Line([x[i] for i in front], [y[i] for i in front], marked=False, stroke="dashed")
    points = [Line([x[i]], [y[i]], place=i, stroke="none") for i in range(len(x))]
    axes = Axes(x=across.heading.replace("@k", f"@{k}"), y=up.heading.replace("@k", f"@{k}"))
    title = f"Precision at {k} against {across.title.split('@')[0].lower()}, model by model"
    return line_figure(f"trade-{beyond}", title, [edge, *points], axes)


def funnel(report: Report, name: str, identity: str) -> str:
    """Return an `<svg>` of where all held-out pairs of a model end, in % for each k."""
    pairs = [report.stages[name].pairs[ALL][f"@{k}"] for k in report.ks]
    shares = {
        place: [100 * found[stage] / max(1, sum(found.values())) for found in pairs]
        for stage, place in STAGE_PLACES.items()
    }
    ticks = [(float(tick), str(k)) for tick, k in enumerate(report.ks)]
    axes = Axes(x="k", y="% of the held-out pairs", x_ticks=ticks)
    return stacked_figure(identity, f"Where the held-out pairs of {name} end, for each k", shares, axes)


def pareto_front(x: Sequence[float], y: Sequence[float]) -> list[int]:
    """Return the points that no other surpasses: none is as high in both and higher in one; by falling y.

    >>> pareto_front([1, 3, 2, 3], [4, 1, 2, 0])
    [0, 2, 1]
    """
    found: list[int] = []
    for point in sorted(range(len(x)), key=lambda i: (-y[i], -x[i])):
        if not found or x[point] > x[found[-1]] or (x[point], y[point]) == (x[found[-1]], y[found[-1]]):
            found.append(point)
    return found


def _shown(unit: str, value: float) -> float:
    return 100 * value if unit == "%" else value


def _aside(place: int, models: int) -> float:
    step = min(0.08, ASIDE / max(models - 1, 1))
    return step * (place - (models - 1) / 2)


def _percent(shares: tuple[float, ...]) -> list[float]:
    return [100 * share for share in shares]
