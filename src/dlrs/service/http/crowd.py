"""Crowd: whether others wait at this process while its sibling may have nothing to do.

Each of several processes that serve one port answers on the connections that it accepted, while clients keep
them. Of a client with some of them, two requests may come to one process while the other one is
idle: the second waits for a whole list. So where somebody waits the answer says `Connection: close`. Who asked
comes again on a new connection, and whichever process has time accepts it.
"""

from __future__ import annotations

import select
import time
from collections.abc import Callable

PAUSE = 0.05
"""Seconds between two connections that are sent away: where all are busy, to move helps nobody."""


class Crowd:
    """The connections of one process. Used from one event loop."""

    def __init__(self, pause: float = PAUSE, now: Callable[[], float] = time.monotonic) -> None:
        self._pause, self._now = pause, now
        self._poll = select.poll()
        self._next = 0.0

    def join(self, connection: int) -> None:
        """Watch a connection, by its file descriptor."""
        self._poll.register(connection, select.POLLIN)

    def leave(self, connection: int) -> None:
        """Watch it no longer."""
        self._poll.unregister(connection)

    def should_move(self) -> bool:
        """Tell whether the connection that is answered now should go: others sent what nobody read yet."""
        now = self._now()
        if now < self._next or not self._poll.poll(0):
            return False
        self._next = now + self._pause
        return True
