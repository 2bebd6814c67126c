"""Forgetting: when a user is erased, by whichever process, this one forgets him, too."""

from __future__ import annotations

import logging
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from threading import Event, Thread

from dlrs.candidates.filtering.filters import Filter
from dlrs.errors import DlrsError
from dlrs.service.following import follow_until
from dlrs.service.seams import Erased
from dlrs.service.stores import UserRecord, UserStore

POLL, AGAIN = 0.25, 1.0  # seconds between two looks, and after a trouble
LATER = 10.0  # seconds after which a user is forgotten once more: a request on its way may have kept him

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class ForgettingUsers:
    """A `UserStore` that has others forget at once whom it erases."""

    store: UserStore
    forget: Callable[[str], None]

    def get(self, user_id: str) -> UserRecord:
        """Return what is kept."""
        return self.store.get(user_id)

    def override(self, user_id: str, filters: Sequence[Filter]) -> None:
        """Replace a user's overrides."""
        self.store.override(user_id, filters)

    def erase(self, user_id: str, at: int) -> None:
        """Erase a user, first from the database."""
        self.store.erase(user_id, at)
        self.forget(user_id)

    def erased(self, after: int) -> Erased:
        """Return who was erased after an erasure."""
        return self.store.erased(after)


class Forgetting:
    """Follows the erasures of all processes, each once from where the last run of this one ended."""

    def __init__(
        self,
        erased: Callable[[int], Erased],
        done: Callable[[], int],
        forget: Callable[[Erased], None],
        *,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        """Take who tells of erasures after a number, which one was the last, and what forgets."""
        self._erased, self._done, self._forget, self._now = erased, done, forget, now
        self._mark: int | None = None
        self._again: deque[tuple[float, Erased]] = deque()
        self._stopped = Event()
        self._thread = Thread(target=self._run, name="dlrs-forgetting", daemon=True)

    def start(self) -> None:
        """Follow until `stop`."""
        self._thread.start()

    def stop(self) -> None:
        """Follow no more."""
        self._stopped.set()
        self._thread.join()

    def follow(self) -> None:
        """Forget whoever was erased since the last look. DlrsError where it cannot be done now."""
        if self._mark is None:
            self._mark = self._done()
        while (found := self._erased(self._mark)).user_ids:
            self._forget(found)
            self._again.append((self._now() + LATER, found))
            self._mark = found.seq
        if found.seq < self._mark:  # another database, whose erasures are all new to us
            self._mark = 0
        while self._again and self._again[0][0] <= self._now():
            self._forget(self._again[0][1])
            self._again.popleft()

    def _run(self) -> None:
        follow_until(self._stopped, self.follow, every=POLL, again=AGAIN, complain=_complain)


def _complain(error: Exception) -> None:
    log.warning(
        "Erasures are not followed now: %s",
        error,
        exc_info=None if isinstance(error, DlrsError) else error,
    )
