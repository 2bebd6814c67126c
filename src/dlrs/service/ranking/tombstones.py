"""Tombstones: which items went of late, so that no list that was kept ever brings one back."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from threading import Lock

from dlrs.service.seams import CandidateSource

OLDEST = 600.0
"""Seconds that a list is kept for worse times, and what is known of its user."""


class Tombstones:
    """Follows `CandidateSource.gone`.

    A list that was made when the item storage was at `seq` may name an item only if it did not go after that;
    lists older than `OLDEST` are nobody's to show.
    """

    def __init__(self, source: CandidateSource, now: Callable[[], float] = time.monotonic) -> None:
        self._source, self._now = source, now
        self._lock = Lock()
        self._went: dict[str, int] = {}
        self._batches: deque[tuple[float, int, list[str]]] = deque()
        self.mark: int | None = None  # the last change that was looked at

    def begin(self, seq: int) -> None:
        """Look at all changes after this one, unless it began already."""
        with self._lock:
            if self.mark is None:
                self.mark = seq

    def follow(self) -> int:
        """Look at what happened since the last time; return the number of the last change.

        Raises:
            Unavailable: the Candidate Service does not answer.
        """
        before = self.mark
        gone = self._source.gone(before or 0)
        with self._lock:
            if before is not None and gone.ids:  # at the start there is no list yet that could name one
                self._went.update((id, max(gone.seq, self._went.get(id, 0))) for id in gone.ids)
                self._batches.append((self._now(), gone.seq, list(gone.ids)))
            self._forget()
            self.mark = max(gone.seq, self.mark or 0)
            return self.mark

    def is_gone(self, id: str, seq: int) -> bool:
        """Tell whether an item went after a change of the item storage, as far as was looked."""
        return self._went.get(id, -1) > seq

    def _forget(self) -> None:
        while self._batches and self._batches[0][0] < self._now() - 2 * OLDEST:
            _, seq, ids = self._batches.popleft()
            for id in ids:
                if self._went.get(id) == seq:
                    del self._went[id]
