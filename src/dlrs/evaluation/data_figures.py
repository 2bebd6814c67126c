"""The figures of a data set, as the thesis's figures 5.1 and 5.2 show its own."""

from __future__ import annotations

from dlrs.evaluation import thesis
from dlrs.evaluation.figures import Axes, Line, bar_figure, line_figure
from dlrs.statistics import SHARES_OF_ITEMS, DataStatistics, Distribution

TRAIN, TEST = 0, 1
"""Places of the two stretches, in every figure and key."""


def data_figures(data: DataStatistics) -> dict[str, str]:
    """Return the figures of train and test as `<svg>`, by their captions."""
    train, test = data.train, data.test
    return {
        "Users with at least so many interactions": _distribution(
            "users", "users", train.users_by_interactions, test.users_by_interactions
        ),
        "Items with at least so many interactions": _distribution(
            "items", "items", train.items_by_interactions, test.items_by_interactions
        ),
        "Share of the interactions that the top items draw": _top_shares(train.top_shares, test.top_shares),
    }


def timeline_figure(data: DataStatistics) -> str:
    """Return an `<svg>` of the interactions by time, with the cuts."""
    timeline = data.timeline
    ticks = [
        (timeline.train_from, f"train from\n{data.train.since[:10]}"),
        (timeline.test_from, f"test from\n{data.test.since[:10]}"),
        (timeline.test_until, f"until\n{data.test.until[:10]}"),
    ]
    axes = Axes(x="", y="interactions", x_ticks=ticks)
    cuts = [place for place, _ in ticks]
    return bar_figure("timeline", "Interactions by time, with the cuts", timeline.interactions, cuts, axes)


def _distribution(identity: str, what: str, train: Distribution, test: Distribution) -> str:
    lines = [
        Line(stretch.at_least, stretch.count, place=place)
        for place, stretch in ((TRAIN, train), (TEST, test))
    ]
    axes = Axes(
        x="interactions",
        y=what,
        x_scale="log",
        y_scale="log",
        x_ticks=_decades(max((*train.at_least, *test.at_least), default=1)),
        y_ticks=_decades(max((*train.count, *test.count), default=1)),
    )
    title = f"{what.capitalize()} with at least so many interactions, in train and test"
    return line_figure(f"by-{identity}", title, lines, axes)


def _decades(most: int) -> list[tuple[float, str]]:
    """Return the powers of ten from 1 to `most` as ticks."""
    return [(float(10**power), f"{10**power:,}") for power in range(len(str(most)))]


def _top_shares(train: tuple[float, ...], test: tuple[float, ...]) -> str:
    x = [100 * share for share in SHARES_OF_ITEMS]
    lines = [
        Line(x, [100 * share for share in shares], place=place)
        for place, shares in ((TRAIN, train), (TEST, test))
    ]
    points_x, points_y = zip(*thesis.TOP_SHARES, strict=True)
    lines.append(Line([100 * x for x in points_x], [100 * y for y in points_y], stroke="none"))
    axes = Axes(
        x="top % of the items met",
        y="% of interactions",
        x_scale="log",
        x_ticks=[(0.1, "0.1"), (1, "1"), (10, "10"), (100, "100")],
    )
    title = "Share of the interactions that the top items draw, in train, test and the thesis"
    return line_figure("top-shares", title, lines, axes)
