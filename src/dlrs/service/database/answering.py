"""Connections to PostgreSQL that wait for an answer so long and no longer.

The server ends statements that take too long, and TCP notices a machine that is gone. Neither notices who
takes bytes and never answers: a process that is stopped, or a proxy that has lost its other side.
"""

from __future__ import annotations

import math
import time
from collections.abc import Generator
from typing import Any, TypeVar

from psycopg import Connection, OperationalError

R = TypeVar("R")


class Answering(Connection[Any]):
    """A connection that is closed when an answer does not come."""

    patience = math.inf
    """Seconds for an answer."""

    def wait(self, gen: Generator[Any, Any, R], *how: Any, **named: Any) -> R:
        """Wait as the driver does. OperationalError, and a closed connection, when that takes too long."""
        return super().wait(self._until(gen, time.monotonic() + self.patience), *how, **named)

    def _until(self, gen: Generator[Any, Any, R], end: float) -> Generator[Any, Any, R]:
        # the driver wakes it ten times a second, with nothing if nothing came (psycopg 3.2.13, but not 3.2.3)
        try:
            wanted = next(gen)
            while True:
                came = yield wanted
                if not came and time.monotonic() > end:
                    self.close()  # in the middle of an answer it is of no use to anybody
                    raise OperationalError(
                        f"nothing within {self.patience:g} s, so that what was asked may be done or not"
                    )
                wanted = gen.send(came)
        except StopIteration as done:
            return done.value  # type: ignore[no-any-return]
