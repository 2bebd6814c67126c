"""Report of a test: as JSON for programs, and as tables for a terminal."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from rich.console import Group
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from dlrs.experiment.analysis import RATES, Analysis, Arm
from dlrs.experiment.interleaving import Preference
from dlrs.experiment.ratios import Difference, Ratio

DETECT = 0.05
"""The change of a rate for which the report says how many users would find it."""


@dataclass(frozen=True)
class Teams:
    """What interleaving found: the teams, and whom the users prefer by clicks and by contacts."""

    names: tuple[str, str]
    users: int
    impressions: int
    by: Mapping[str, Preference]


def arms_json(found: Analysis, detect: float) -> dict[str, Any]:
    """Return a test with arms as JSON knows it; rates are in [0, 1], not in percent."""
    users = sum(arm.users for arm in found.arms.values())
    return {
        "method": "delta method over users, 95 % intervals",
        "arms": {name: _arm_json(arm) for name, arm in found.arms.items()},
        "differences": {
            name: {rate: _difference_json(gap, users, detect) for rate, gap in gaps.items()}
            for name, gaps in found.differences.items()
        },
        "sample_ratio_p_value": found.mismatch_p,
        "warnings": found.warnings,
    }


def teams_json(found: Teams) -> dict[str, Any]:
    """Return what interleaving found as JSON knows it."""
    return {"method": "team-draft interleaving, a vote a user, sign test", **asdict(found)}


def as_text(content: dict[str, Any]) -> str:
    """Return the content of experiment.json."""
    return json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def arms_table(found: Analysis, detect: float = DETECT) -> Group:
    """Return the rates of the arms and how they differ, for a terminal; in percent and points."""
    rates = Table(title="Rates in percent, with 95 % intervals over users")
    for heading in ("arm", "users", "impressions", "clicks", "contacts", *RATES.values()):
        rates.add_column(heading, justify="left" if heading == "arm" else "right")
    for name, arm in found.arms.items():
        counts = (f"{n:,}" for n in (arm.users, arm.impressions, arm.clicks, arm.contacts))
        rates.add_row(escape(name), *counts, *(_rate(arm.rates[rate]) for rate in RATES))
    return Group(rates, _differences(found, detect), *(Text(w, style="red") for w in found.warnings))


def teams_table(found: Teams) -> Table:
    """Return whom the users prefer, for a terminal."""
    a, b = found.names
    shown = Table(
        title=f"Interleaved: {found.users:,} users, {found.impressions:,} impressions, a vote a user"
    )
    for heading in ("by", f"prefer {a}", f"prefer {b}", "as often", f"{b} among the decided", "p"):
        shown.add_column(escape(heading), justify="left" if heading == "by" else "right")
    for what, votes in found.by.items():
        share = "–" if votes.share is None else f"{100 * votes.share:.1f} %"
        interval = f"{share} ({100 * votes.low:.1f} to {100 * votes.high:.1f})"
        shown.add_row(
            what, f"{votes.a:,}", f"{votes.b:,}", f"{votes.ties:,}", interval, f"{votes.p_value:.2g}"
        )
    return shown


def _differences(found: Analysis, detect: float) -> Table:
    control = next(iter(found.arms))
    users = sum(arm.users for arm in found.arms.values())
    shown = Table(title=f"Differences to {escape(control)} in percentage points, with 95 % intervals")
    headings = ("arm", "rate", "difference", "relative", "p", "detectable", f"users to find ±{detect:.0%}")
    for heading in headings:
        shown.add_column(heading, justify="left" if heading in ("arm", "rate") else "right")
    for name, gaps in found.differences.items():
        for rate, gap in gaps.items():
            low, high = gap.interval
            needed = gap.users_needed(users, detect)
            shown.add_row(
                escape(name), RATES[rate],
                f"{100 * gap.value:+.3f} ({100 * low:+.3f} to {100 * high:+.3f})",
                "–" if gap.relative is None else f"{gap.relative:+.1%}",
                f"{gap.p_value:.2g}", f"±{100 * gap.detectable:.3f}",
                "–" if needed is None else f"{needed:,}",
            )  # fmt: skip
    return shown


def _rate(rate: Ratio) -> str:
    low, high = rate.interval
    return f"{100 * rate.value:.3f} ({100 * low:.3f} to {100 * high:.3f})"


def _arm_json(arm: Arm) -> dict[str, Any]:
    rates = {
        name: {"value": rate.value, "low": rate.interval[0], "high": rate.interval[1]}
        for name, rate in arm.rates.items()
    }
    return {
        "share": arm.share,
        "users": arm.users,
        "impressions": arm.impressions,
        "clicks": arm.clicks,
        "contacts": arm.contacts,
        **rates,
    }


def _difference_json(gap: Difference, users: int, detect: float) -> dict[str, Any]:
    needed = gap.users_needed(users, detect)
    return {
        "value": gap.value,
        "low": gap.interval[0],
        "high": gap.interval[1],
        "relative": gap.relative,
        "p_value": gap.p_value,
        "detectable": gap.detectable,
        "to_find": {
            "relative_change": detect,
            "users_needed": needed,
            "users_more": None if needed is None else max(0, needed - users),
        },
    }
