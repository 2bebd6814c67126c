"""Held: follows the registry's CURRENT, so that a service moves to a new bundle without a pause.

A thread looks at CURRENT. What it names is loaded in the background while the old bundle goes on serving;
then both change places at once. The old one is kept for a while, for requests that began with it and for
services that have not followed yet, and closed when nobody uses it any more. A rollback is the same.

A bundle that cannot be loaded changes nothing: the old one goes on, the log says why, and it is tried again
every few seconds, for what was in the way may have passed: a database that restarts, a full disk.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, TypeVar

from dlrs.bundle import CURRENT, Folder, current_bundle
from dlrs.errors import Unavailable, WrongBundle

T = TypeVar("T")
LOG = logging.getLogger(__name__)

PATIENCE = 10.0
"""Seconds that `stop` waits for those who still use a bundle. What they hold then stays open."""


@dataclass
class _Entry(Generic[T]):
    value: T
    users: int = 0
    used: float = 0.0  # when somebody last asked for it, or was done with it; of the monotonic clock


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
        self._changed = threading.Condition()  # guards all that follows
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

    @property
    def id(self) -> str:
        """Name of the bundle that is served."""
        with self._changed:
            return self._current

    def current(self) -> T:
        """Return the bundle that is served. Open for `keep_seconds` at least; Unavailable at the end."""
        return self._asked(None).value

    def get(self, bundle_id: str) -> T:
        """Return a bundle by its name; as for `current`. WrongBundle if it is not held."""
        return self._asked(bundle_id).value

    def held(self) -> Mapping[str, T]:
        """Return all that are held by name: the current one first, then the others, newest first."""
        return self._values

    def _tell(self) -> None:
        """Have `held` return what is held now: a new mapping, as others may be looking at the last one."""
        others = [name for name in reversed(self._entries) if name != self._current]
        names = [self._current, *others] if self._entries else []
        self._values = {name: self._entries[name].value for name in names}

    @contextmanager
    def pinned(self, bundle_id: str | None = None) -> Iterator[T]:
        """Give the current bundle, or one by its name, and keep it open until the end of the block."""
        entry = self._asked(bundle_id, pin=True)
        try:
            yield entry.value
        finally:
            with self._changed:
                entry.users -= 1
                entry.used = time.monotonic()
                self._changed.notify_all()

    def stop(self) -> None:
        """Follow no more, wait for those who use a bundle, and close all. Safe to call twice."""
        self._stopping.set()
        self._follower.join()
        with self._changed:
            self._changed.wait_for(lambda: not any(e.users for e in self._entries.values()), PATIENCE)
            unused = {name: entry for name, entry in self._entries.items() if not entry.users}
            self._entries.clear()
            self._tell()
        self._close_all(unused)

    def _asked(self, bundle_id: str | None, *, pin: bool = False) -> _Entry[T]:
        with self._changed:
            if not self._entries:
                raise Unavailable("bundle: expected a service that runs, received one that has stopped.")
            entry = self._entries.get(bundle_id or self._current)
            if entry is None:
                raise WrongBundle(bundle_id or self._current, [*self._entries])
            entry.used = time.monotonic()
            entry.users += pin
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
        with self._changed:
            before, self._current = self._current, name
            if loaded is not None:
                self._entries[name] = loaded
            self._entries[before].used = time.monotonic()
            self._tell()
        if name != before:
            LOG.info("Bundle %s follows %s", name, before)

    def _close_old(self) -> None:
        latest = time.monotonic() - self._keep
        with self._changed:
            old = {
                name: entry
                for name, entry in self._entries.items()
                if name != self._current and not entry.users and entry.used < latest
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
