"""A thread that follows something until it is stopped, whatever happens meanwhile."""

from __future__ import annotations

import threading
from collections.abc import Callable


def follow_until(
    stopped: threading.Event,
    follow: Callable[[], None],
    *,
    every: float,
    again: float,
    complain: Callable[[Exception], None],
) -> None:
    """Call `follow` every so many seconds; after an error wait `again` seconds instead.

    `complain` hears of the first error of a row, once, however long the trouble lasts.
    """
    well = True
    while not stopped.wait(every if well else again):
        try:
            follow()
            well = True
        except Exception as error:
            if well:
                complain(error)
            well = False
