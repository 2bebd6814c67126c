"""Guard: calls to one dependency, which may be slow or gone, without ever waiting longer than there is time.

A circuit breaker of three states: *closed* (calls go through), *open* after some failures in a row (calls
fail at once, which spares both sides), *half-open* after a pause (one call tries; the others still fail).
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from concurrent.futures import CancelledError, ThreadPoolExecutor
from threading import Lock
from typing import Literal, TypeVar, get_args

from dlrs.errors import DlrsError, StorageFull, Unavailable

R = TypeVar("R")

Outcome = Literal["answered", "failed", "spared"]
"""What became of a call; *spared* is one that the breaker did not let through."""

OUTCOMES: tuple[Outcome, ...] = get_args(Outcome)

Count = Callable[[Outcome], None]
"""Told of each call."""

log = logging.getLogger(__name__)

FAILURES = 5
"""Failures in a row that open a breaker."""

PAUSE = 1.0
"""Seconds that it stays open before one call tries again."""

THREADS = 32
"""Calls to one dependency at a time; those that it keeps hanging wait in these threads."""

LEAST = 0.001
"""Seconds that a call gets at least, so that a list that is late finds what is there at once."""


class Breaker:
    """Counts failures in a row; tells whether to call at all. All threads share one."""

    def __init__(
        self, failures: int = FAILURES, pause: float = PAUSE, now: Callable[[], float] = time.monotonic
    ) -> None:
        self._most, self._pause, self._now = failures, pause, now
        self._lock = Lock()
        self._failed = 0
        self._opened = 0.0
        self._probing = False

    @property
    def state(self) -> Literal["closed", "open", "half-open"]:
        """What a call would meet now."""
        if self._failed < self._most:
            return "closed"
        return "open" if self._now() < self._opened + self._pause else "half-open"

    def admit(self) -> bool:
        """Tell whether a call may go through; whoever may must report how it ended."""
        if self._failed < self._most:
            return True
        with self._lock:
            if self._probing or self.state == "open":
                return False
            self._probing = True
            return True

    def succeeded(self) -> None:
        """Close it."""
        if self._failed or self._probing:
            with self._lock:
                self._failed, self._probing = 0, False

    def failed(self) -> None:
        """Count one more failure, and open where they are too many."""
        with self._lock:
            self._failed += 1
            self._probing = False
            self._opened = self._now()


class Guard:
    """Calls one dependency in threads of its own, behind a breaker.

    What a call refuses (`DlrsError`) is the caller's to read and says that the dependency works. Whatever
    else it raises, or no answer in time, is a failure, and comes out as `Unavailable`.
    """

    def __init__(
        self,
        name: str,
        breaker: Breaker | None = None,
        *,
        threads: int = THREADS,
        count: Count = lambda _: None,
    ) -> None:
        """Name the dependency.

        Args:
            name: for messages.
            breaker: its own, unless given.
            threads: most calls at a time. 0: on the caller's thread, which saves 0.1 ms, for a dependency of
                this very process that never waits for another; a late answer is taken, but is a failure, too.
            count: is told what became of each call.
        """
        self.name = name
        self.breaker = breaker or Breaker()
        self._count = count
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix=f"dlrs-{name}") if threads else None

    def call(self, work: Callable[[], R], seconds: float) -> R:
        """Return what `work` returns, if it does so in time.

        Raises:
            Unavailable: it failed, is late, or is not even called because the breaker is open.
        """
        if not self.breaker.admit():
            self._count("spared")
            raise Unavailable(f"{self.name}: expected an answer, but the last calls failed. Ask again soon.")
        began = time.perf_counter()
        try:
            found = self._in_time(work, seconds)
        except (Unavailable, StorageFull):
            self._failed()
            raise
        except DlrsError:
            self._succeeded()
            raise
        except Exception as error:
            self._failed()
            log.exception("%s failed", self.name)
            raise Unavailable(f"{self.name}: expected an answer, received {error!r}.") from error
        if time.perf_counter() - began > max(seconds, LEAST):
            self._failed()
        else:
            self._succeeded()
        return found

    def _failed(self) -> None:
        self.breaker.failed()
        self._count("failed")

    def _succeeded(self) -> None:
        self.breaker.succeeded()
        self._count("answered")

    def _in_time(self, work: Callable[[], R], seconds: float) -> R:
        if self._pool is None:
            return work()
        future = self._pool.submit(work)
        try:
            return future.result(max(seconds, LEAST))
        except (TimeoutError, CancelledError) as error:
            future.cancel()
            raise Unavailable(
                f"{self.name}: expected an answer within {max(seconds, LEAST):.3f} s, received none yet."
            ) from error

    def close(self) -> None:
        """Start no more calls; those that hang are left to themselves."""
        if self._pool is not None:
            self._pool.shutdown(wait=False, cancel_futures=True)


class Deadline:
    """The moment until which a list must be there."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self._end = time.perf_counter() + seconds

    @property
    def left(self) -> float:
        """Seconds, negative when it is over."""
        return self._end - time.perf_counter()
