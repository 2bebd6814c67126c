"""Follower: a live index that another process writes to, to be searched here.

It maps the same snapshot and replays the same log. Before each search it asks whether there is more in the
log, which takes some microseconds; so whatever the writer was told is done, the next search here knows.
"""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Self

from dlrs.candidates.live.changes import Log
from dlrs.candidates.live.generation import Generation
from dlrs.candidates.live.live_index import LOG, SNAPSHOTS
from dlrs.candidates.live.replaying import replay, replayed
from dlrs.candidates.live.searched import Searched
from dlrs.candidates.live.snapshot import Snapshot
from dlrs.candidates.live.view import View
from dlrs.errors import ArtifactError

TRIES = 20
"""Snapshots opened that had to make room for newer ones before they were open."""


class Follower(Searched):
    """Search only; see the module's docstring. Any number of threads may use it."""

    def __init__(self, folder: Path, log: Log) -> None:
        """Take what `open` opened."""
        self.folder = folder
        self._log = log
        self._looking = threading.Lock()
        self._snapshot = ""
        self._version = -1  # of the log, when it was last read
        self._generation: Generation | None = None
        self._closed = False
        self._view = self._read()

    @classmethod
    def open(cls, folder: Path) -> Self:
        """Open what `LiveIndex.create` wrote, and others may change meanwhile.

        Raises:
            ArtifactError: there is none, or it is damaged.
        """
        log = Log(folder / LOG)
        try:
            return cls(folder, log)
        except BaseException:
            log.close()
            raise

    def close(self) -> None:
        """Let the log go. Who searches at the moment ends his search, in what there was before."""
        with self._looking:
            self._closed = True
            self._log.close()

    def view(self) -> View:
        """Return what there is now, all that the writer was told is done included.

        Raises:
            ArtifactError: the log cannot be read.
        """
        with self._looking:
            if self._closed:
                return self._view
            version = self._log.version
            if version != self._version:
                self._view = self._read()
                self._version = version  # read before: what came since is looked for again
            return self._view

    def _read(self) -> View:
        for _ in range(TRIES):
            try:
                with self._log.moment():
                    return self._at_moment()
            except Exception:
                self._generation = None  # it may hold half of something
                if self._log.snapshot == self._snapshot:
                    raise
                # the writer folded, and removed the snapshot before it was open: there is a newer one
        raise ArtifactError(
            f"{self.folder}: expected a snapshot that stays until it is open, received {TRIES} that did not. "
            "Fold less often."
        )

    def _at_moment(self) -> View:
        named = self._log.snapshot
        if self._generation is None or named != self._snapshot:
            self._snapshot, self._generation = named, None
            snapshot = Snapshot.open(self.folder / SNAPSHOTS / named)
            snapshot.warm()
            self._generation = replayed(self._log, snapshot)
        while replay(self._log, self._generation):
            pass
        self._generation.mark = self._log.mark
        return self._generation.view()
