"""Windows: how far profiles must look back, for those who come in the test to have one."""

from __future__ import annotations

from datetime import datetime

import ibis

from dlrs.data.cells import TIMESTAMP
from dlrs.data.engine import Table
from dlrs.inference.columns import SeenTable, moments
from dlrs.inference.cuts import Cuts

MINIMUM_EVENTS = 2
"""Of a user in the window, for him to have a profile."""

ENOUGH = 0.5
"""Share of those who might have a profile in the test that shall have one."""


def choose_window(cuts: Cuts, events: SeenTable, user: str, time: str) -> tuple[Cuts, str]:
    """Return the cuts with the shortest window that is enough, and the reason.

    Asked about are the users who come in the test and had events enough before it: without a profile
    nobody gets a list. In a sparse log few of them have it; then the window is wider, up to half
    of the time before the test, and there are fewer periods to learn from.
    """
    choices = cuts.wider
    coming, with_profile = _counts(choices, events, user, time)
    enough = (n for n, count in enumerate(with_profile) if count >= ENOUGH * coming)
    chosen = next(enough, len(choices) - 1) if coming else 0
    return choices[chosen], (
        f"of {coming:,} users of the test with {MINIMUM_EVENTS} events before it "
        f"{with_profile[chosen]:,} have them within this: a profile"
    )


def _counts(choices: tuple[Cuts, ...], events: SeenTable, user: str, time: str) -> tuple[int, list[int]]:
    """Return how many users come in the test with a past, and how many of these each window serves."""
    of_user = events.table[user].cast("string").nullif("")
    log = events.table.select(user=of_user, time=moments(events, time))
    log = log.filter(log["user"].notnull())
    test_from, until = _at(choices[0].test_from), _at(choices[0].test_until)
    before = log["time"] < test_from
    starts = {f"window_{n}": _at(cuts.test_from - cuts.window) for n, cuts in enumerate(choices)}
    by_user = log.group_by("user").aggregate(
        comes=((log["time"] >= test_from) & (log["time"] < until)).any(),
        past=before.sum(),
        **{name: (before & (log["time"] >= start)).sum() for name, start in starts.items()},
    )
    counted = by_user.filter(by_user["comes"]).aggregate(
        **{name: (by_user[name] >= MINIMUM_EVENTS).sum().fill_null(0) for name in ("past", *starts)}
    )
    row = counted.to_pyarrow().to_pylist()[0]
    return row["past"], [row[name] for name in starts]


def _at(moment: datetime) -> Table:
    return ibis.literal(moment).cast(TIMESTAMP)
