"""Cuts: how the time of a log is divided, at first."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from dlrs.errors import DataError
from dlrs.schema.description import written

REFRESHES = (
    timedelta(days=91),
    timedelta(days=28),
    timedelta(days=7),
    timedelta(days=1),
    timedelta(hours=6),
    timedelta(hours=1),
)
PERIODS = 7
"""A log must be at least so many refreshes long: two of profiles, three to train, validation, test."""


@dataclass(frozen=True)
class Cuts:
    """The profiles' window and refresh, and the split."""

    window: timedelta
    refresh: timedelta
    train_from: datetime
    validation_from: datetime
    test_from: datetime
    test_until: datetime

    @property
    def wider(self) -> tuple[Cuts, ...]:
        """The same with this window and longer ones, the longest half of the time before the test.

        Training begins later by as much, for the first profiles need the window, too.
        """
        begin = self.train_from - self.window
        shortest, longest = self.window // self.refresh, (self.test_from - begin) // 2 // self.refresh
        windows = [count * self.refresh for count in range(shortest, max(shortest, longest) + 1)]
        return tuple(replace(self, window=window, train_from=begin + window) for window in windows)


def guess_cuts(since: datetime, until: datetime) -> Cuts:
    """Divide the time from the first event to the last: the last sixth is the test, about.

    Raises:
        DataError: the log is too short to be divided.
    """
    span = until - since
    refresh = next((r for r in REFRESHES if span >= PERIODS * r), None)
    if refresh is None:
        raise DataError(
            f"events: expected a log of {PERIODS} hours at least, received one of {written(span)}."
        )
    step = timedelta(days=1) if refresh >= timedelta(days=1) else timedelta(hours=1)
    test_until = _floor(until, step) + step
    periods = (test_until - since) // refresh
    test = max(1, periods // 6)
    warm_up = min(max(2, periods // 6), 4)
    test_from = test_until - test * refresh
    return Cuts(
        window=warm_up * refresh,
        refresh=refresh,
        train_from=test_from - (periods - test - warm_up) * refresh,
        validation_from=test_from - test * refresh,
        test_from=test_from,
        test_until=test_until,
    )


def _floor(time: datetime, step: timedelta) -> datetime:
    midnight = time.replace(hour=0, minute=0, second=0, microsecond=0)
    return midnight + (time - midnight) // step * step
