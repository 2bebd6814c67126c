"""Data section: what a page shows of a data set's own figures, beside the thesis's."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from markupsafe import Markup

from dlrs.evaluation import thesis
from dlrs.evaluation.data_figures import TEST, TRAIN, data_figures, timeline_figure
from dlrs.evaluation.figures import key, marker_key
from dlrs.statistics import SHARES_OF_ITEMS, DataStatistics, Spread, Stretch

SCALE = {
    "interactions": "interactions",
    "pairs": "unique pairs",
    "new_pairs": "of them new",
    "users": "users",
    "cold_users": "of them cold",
    "items": "items",
    "cold_items": "of them cold",
}
SPREADS = {
    "interactions_per_user": "interactions of a user",
    "pairs_per_user": "pairs of a user",
    "interactions_per_item": "interactions of an item",
    "pairs_per_item": "pairs of an item",
}


def data_section(data: DataStatistics) -> dict[str, Any]:
    """Return the variables of `data.html.jinja` beside `data` itself.

    Raises:
        MissingExtra: matplotlib is not installed.
    """
    legend = [
        (Markup(key(TRAIN)), "train"),
        (Markup(key(TEST)), "test"),
        (Markup(marker_key()), "thesis, train"),
    ]
    return {
        "scale": _scale(data) + _top_shares(data),
        "spreads": _spreads(data),
        "data_legend": legend,
        "data_figures": {caption: Markup(svg) for caption, svg in data_figures(data).items()},
        "timeline": Markup(timeline_figure(data)),
        "timeline_unit": _duration(data.timeline.width_hours),
    }


def _scale(data: DataStatistics) -> list[dict[str, Any]]:
    return [
        {
            "name": name,
            "values": [
                f"{getattr(data.train, field):,}",
                f"{getattr(data.test, field):,}",
                _count(thesis.TRAIN, field),
                _count(thesis.TEST, field),
            ],
        }
        for field, name in SCALE.items()
    ]


def _top_shares(data: DataStatistics) -> list[dict[str, Any]]:
    def share(stretch: Stretch, of_items: float) -> str:
        return f"{100 * stretch.top_shares[SHARES_OF_ITEMS.index(of_items)]:.1f} %"

    return [
        {
            "name": f"interactions with the top {100 * of_items:g} % of items",
            "values": [share(data.train, of_items), share(data.test, of_items), f"~{100 * drawn:g} %", "–"],
        }
        for of_items, drawn in thesis.TOP_SHARES
    ]


def _spreads(data: DataStatistics) -> list[dict[str, Any]]:
    rows = []
    for field, name in SPREADS.items():
        for stretch in ("train", "test"):
            of = getattr(getattr(data, stretch), field)
            rows.append({"name": name, "stretch": stretch, "values": _figures(vars(of))})
        if field in thesis.SPREADS:
            rows.append({"name": name, "stretch": "thesis", "values": _figures(thesis.SPREADS[field])})
    return rows


def _figures(of: Mapping[str, float]) -> list[str]:
    return [_number(of[name]) if name in of else "–" for name in Spread.__dataclass_fields__]


def _number(value: float) -> str:
    return f"{value:,.0f}" if value == int(value) else f"{value:,.1f}"


def _count(figures: Mapping[str, int], field: str) -> str:
    return f"{figures[field]:,}" if field in figures else "–"


def _duration(hours: int) -> str:
    days, left = divmod(hours, 24)
    return f"{hours} h" if left else f"{days} {'day' if days == 1 else 'days'}"
