"""Held: follows the registry's CURRENT, so that a service moves to a new bundle without a pause.

A thread looks at CURRENT. What it names is loaded in the background while the old bundle goes on serving;
then both change places at once. The old one is kept for a while after its last use, for requests that began
with it and for services that have not followed yet, and then closed. A rollback is the same.

A bundle that cannot be loaded changes nothing: the old one goes on, the log says why, and it is tried again
every few seconds, for what was in the way may have passed: a database that restarts, a full disk.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, TypeVar

from dlrs.bundle import CURRENT, Folder, current_bundle
from dlrs.errors import Unavailable

T = TypeVar("T")
LOG = logging.getLogger(__name__)


@dataclass
class _Entry(Generic[T]):
    value: T
    used: float = 0.0  # when somebody last asked for it; of the monotonic clock


class Held(Generic[T]):
    """The current bundle of a registry and its predecessors of late, as whatever `load` makes of each."""

    def __init__(
        self,
        registry: Path,
        load: Callable[[Folder], T],
        close: Callable[[T], None],
        *,
        keep_seconds: float = 30.0,
        poll: float = 0.2,
        again: float = 5.0,
    ) -> None:
        """Load the current bundle and begin to follow CURRENT.

        Args:
            registry: of bundles.
            load: opens a bundle; it runs in a thread of its own, one call at a time, and may raise anything.
            close: gives back what `load` took; nobody uses the value any more.
            keep_seconds: how long a bundle that is not current is kept after its last use.
            poll: seconds between two looks at CURRENT.
            again: seconds until the next try to load what could not be loaded.

        Raises:
            ArtifactError: nothing was published, or the bundle is damaged; and whatever `load` raises.
        """
        self._registry, self._load, self._close = registry, load, close
        self._keep, self._poll, self._again = keep_seconds, poll, again
        self._due, self._failure = float("inf"), ""  # when what failed is tried again, and how it failed
        self._lock = threading.Lock()  # guards all that follows
        self._entries: dict[str, _Entry[T]] = {}  # in the order in which they were loaded
        self._stopping = threading.Event()
        self._seen = self._pointer()
        folder = current_bundle(registry)
        self._current = folder.path.name
        self._entries[self._current] = _Entry(load(folder))
        self._values: Mapping[str, T] = {}
        self._tell()
        self._follower = threading.Thread(target=self._follow, name="bundles", daemon=True)
        self._follower.start()

    def current(self) -> T:
        """Return the bundle that is served. Open for `keep_seconds` at least; Unavailable at the end."""
        with self._lock:
            if not self._entries:
                raise Unavailable("bundle: expected a service that runs, received one that has stopped.")
            return self._use(self._current).value

    def use(self, bundle_id: str) -> None:
        """Keep a bundle open for `keep_seconds` more, if it is held."""
        with self._lock:
            if bundle_id in self._entries:
                self._use(bundle_id)

    def held(self) -> Mapping[str, T]:
        """Return all that are held by name: the current one first, then the others, newest first."""
        return self._values

    def _tell(self) -> None:
        """Have `held` return what is held now: a new mapping, as others may be looking at the last one."""
        others = [name for name in reversed(self._entries) if name != self._current]
        names = [self._current, *others] if self._entries else []
        self._values = {name: self._entries[name].value for name in names}

    def stop(self) -> None:
        """Follow no more, and close all. Safe to call twice."""
        self._stopping.set()
        self._follower.join()
        with self._lock:
            entries = dict(self._entries)
            self._entries.clear()
            self._tell()
        self._close_all(entries)

    def _use(self, name: str) -> _Entry[T]:
        entry = self._entries[name]
        entry.used = time.monotonic()
        return entry

    def _follow(self) -> None:
        while not self._stopping.wait(self._poll):
            pointer = self._pointer()
            if pointer is not None and (pointer != self._seen or time.monotonic() > self._due):
                self._seen = pointer
                self._change()
            self._close_old()

    def _change(self) -> None:
        """Serve what CURRENT names now, if it can be loaded."""
        try:
            folder = current_bundle(self._registry)
            name = folder.path.name
            loaded = None if name in self._entries else _Entry(self._load(folder))
        except Exception as error:  # whatever it is, the old bundle goes on
            if str(error) != self._failure:
                LOG.error("Bundle not loaded, going on with %s: %s", self._current, error)
            self._due, self._failure = time.monotonic() + self._again, str(error)
            return
        self._due, self._failure = float("inf"), ""
        with self._lock:
            before, self._current = self._current, name
            if loaded is not None:
                self._entries[name] = loaded
            self._use(before)
            self._tell()
        if name != before:
            LOG.info("Bundle %s follows %s", name, before)

    def _close_old(self) -> None:
        latest = time.monotonic() - self._keep
        with self._lock:
            old = {
                name: entry
                for name, entry in self._entries.items()
                if name != self._current and entry.used < latest
            }
            for name in old:
                del self._entries[name]
            if old:
                self._tell()
        self._close_all(old)

    def _close_all(self, entries: Mapping[str, _Entry[T]]) -> None:
        for name, entry in entries.items():
            try:
                self._close(entry.value)
            except Exception as error:  # the others are to be closed, too
                LOG.error("Bundle %s not closed: %s", name, error)

    def _pointer(self) -> tuple[int, int] | None:
        """Return what tells one CURRENT from the next; None where there is none just now."""
        try:
            found = (self._registry / CURRENT).stat()
        except OSError:
            return None
        return found.st_ino, found.st_mtime_ns
