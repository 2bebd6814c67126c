"""Bounds: which rows cannot be true, and why."""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce

import ibis

from dlrs.data.engine import Table
from dlrs.data.rules import LARGEST
from dlrs.schema import Features


def out_of_bounds(rows: Table, features: Features) -> list[tuple[Table, str]]:
    """Return a check and its reason for each bound of the continuous features; null is not out of any."""
    checks = []
    for name, feature in features.continuous.items():
        value, (low, high) = rows[name], feature.bounds
        checks.append((value.abs() > LARGEST, f"{name} is infinite or beyond {LARGEST:g}"))
        if low is not None:
            checks.append((value < low, f"{name} below {_shown(feature.min)}"))
        if high is not None:
            checks.append((value > high, f"{name} above {_shown(feature.max)}"))
    return checks


def first_reason(checks: Sequence[tuple[Table, str]]) -> Table:
    """Return the reason of the first check that holds for a row, null where none does."""
    return reduce(
        lambda rest, check: ibis.ifelse(check[0], check[1], rest), reversed(checks), ibis.null("string")
    )


def _shown(bound: object) -> str:
    return f"{bound:,.12g}" if isinstance(bound, float) else str(bound)
