"""Forgetting: when a user is erased from the database, what processes keep of him in memory goes, too.

The process that erases forgets at once (`ForgettingUsers`); the others look every second (`Forgetting`).
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from dlrs.candidates.filtering.filters import Filter
from dlrs.errors import DlrsError
from dlrs.service.clock import Clock
from dlrs.service.seams import UserRecord, UserStore

EVERY = 1.0
"""Seconds between two looks."""

BACK = 60_000_000
"""Microseconds looked back each time: clocks differ, and a request that was on its way may have kept again
what was forgotten."""

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class ForgettingUsers:
    """A `UserStore` that has others forget whom it erases."""

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


class Forgetting:
    """Forgets whom any process erased."""

    def __init__(
        self, erased_since: Callable[[int], Sequence[str]], forget: Callable[[str], None], clock: Clock
    ) -> None:
        self._erased_since, self._forget, self._clock = erased_since, forget, clock
        self._looked = clock()
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._follow, name="forgetting", daemon=True)

    def start(self) -> None:
        """Look every second until `stop`."""
        self._thread.start()

    def stop(self) -> None:
        """Look no more."""
        self._stopped.set()
        self._thread.join()

    def look(self) -> None:
        """Forget who was erased of late.

        Raises:
            Unavailable: the database does not answer; the next look goes back as far as this one.
        """
        now = self._clock()
        for user_id in self._erased_since(min(now, self._looked) - BACK):
            self._forget(user_id)
        self._looked = now

    def _follow(self) -> None:
        while not self._stopped.wait(EVERY):
            try:
                self.look()
            except DlrsError as error:
                log.info("who was erased is looked up later: %s", error)
            except Exception:
                log.exception("who was erased is looked up later")
