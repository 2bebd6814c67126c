"""Recency: how short a while tells best what is popular next, by the log before its test.

A items    E pairs of an item and an hour in which it had events
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np

from dlrs.arrays import Ints
from dlrs.inference.columns import SeenTable, moments
from dlrs.inference.cuts import Cuts
from dlrs.schema import written

HOUR = timedelta(hours=1)
WINDOWS = tuple(timedelta(hours=hours) for hours in (1, 3, 6, 24, 72, 168, 672, 2184, 8760))
USUAL = timedelta(days=7)
PERIODS = 4
"""The last ones before the test, at whose beginnings the windows are tried."""

TOP = 10
"""Items that a list of popular ones has here."""


@dataclass(frozen=True)
class HourlyCounts:
    """How many events items had by the hour; codes of items are from 0 on, hours since 1970."""

    item_E: Ints
    hour_E: Ints
    events_E: Ints

    @classmethod
    def of(cls, events: SeenTable, item: str, time: str) -> HourlyCounts:
        """Count the events of a table."""
        hour = moments(events, time).epoch_seconds() // 3600
        log = events.table.select(item=events.table[item].cast("string").nullif(""), hour=hour)
        log = log.filter(log["item"].notnull() & log["hour"].notnull())
        counts = log.group_by("item", "hour").aggregate(events=log.count()).order_by("item", "hour")
        table = counts.to_pyarrow()
        item_E = table["item"].combine_chunks().dictionary_encode().indices.to_numpy()
        hour_E, events_E = (table[name].to_numpy().astype(np.int64) for name in ("hour", "events"))
        return cls(item_E.astype(np.int64), hour_E, events_E)

    def between(self, since: datetime, until: datetime) -> Ints:
        """Return how many events each item had: (A,)."""
        inside_E = (self.hour_E >= _hour(since)) & (self.hour_E < _hour(until))
        items = int(self.item_E.max(initial=-1)) + 1
        return np.bincount(self.item_E[inside_E], self.events_E[inside_E], items).astype(np.int64)


def choose_recent(cuts: Cuts, counts: HourlyCounts) -> tuple[timedelta, str]:
    """Return the window whose most popular items draw most events of the next period, and the reason.

    Of windows that do alike the longest is taken; without anything to try them on, a week.
    """
    starts = [cuts.test_from - step * cuts.refresh for step in range(1, PERIODS + 1)]
    begin = cuts.train_from - cuts.window
    shares: dict[timedelta, float] = {}
    for window in WINDOWS:
        if starts[-1] - window >= begin:
            shares[window] = float(np.mean([_share(counts, start, window, cuts.refresh) for start in starts]))
    if not any(shares.values()):
        return USUAL, "too few events to tell how fast popularity changes"
    best = max(shares, key=lambda window: (shares[window], window))
    worst = min(shares, key=lambda window: shares[window])
    return best, (
        f"the {TOP} most popular of this long drew {shares[best]:.1%} of the next {written(cuts.refresh)}'s "
        f"events, those of {written(worst)} {shares[worst]:.1%}"
    )


def _share(counts: HourlyCounts, start: datetime, window: timedelta, refresh: timedelta) -> float:
    before_A, next_A = counts.between(start - window, start), counts.between(start, start + refresh)
    top = np.argsort(-before_A, kind="stable")[:TOP]
    return float(next_A[top[before_A[top] > 0]].sum() / max(1, next_A.sum()))


def _hour(moment: datetime) -> int:
    return int(moment.timestamp()) // 3600
