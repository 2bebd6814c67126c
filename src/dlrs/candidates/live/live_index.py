"""LiveIndex: items come, change and go while they are searched, and nothing of it is lost.

    FOLDER/
    ├── log.sqlite        the changes since the snapshot; names the snapshot
    └── snapshots/1/ …    see `snapshot`

One process writes, and searches in as many threads as it likes. A change is on the disk, then in
memory, then `upsert` or `delete` returns. Every 20,000 changes a thread of low priority folds
them into a new snapshot. What a killed process leaves is the old snapshot or the new one, and the
changes since it. What is promised, and how it is kept: docs/live-index.md.
"""

from __future__ import annotations

import os
import shutil
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import Self

import numpy as np
import pyarrow as pa

from dlrs.atomic import alone, hidden_folder, sync, take_place
from dlrs.bundle import writable
from dlrs.candidates.live.changes import Changes, Log
from dlrs.candidates.live.facts import laid_out
from dlrs.candidates.live.folding import fold, step_back
from dlrs.candidates.live.generation import Generation
from dlrs.candidates.live.items import LiveItems, encoded
from dlrs.candidates.live.replaying import BITE, replay, replayed
from dlrs.candidates.live.searched import Searched
from dlrs.candidates.live.snapshot import Kept, Snapshot
from dlrs.candidates.live.view import View
from dlrs.errors import ArtifactError, DataError
from dlrs.model.forward import Representations
from dlrs.schema import Features
from dlrs.settings.candidates import Candidates

LOG = "log.sqlite"
SNAPSHOTS = "snapshots"
FIRST = "1"

FOLD_AT = 20_000
"""Changes that are folded into a new snapshot: a delta of so many items costs a search 0.2 ms."""


class LiveIndex(Searched):
    """Upsert, delete and search; see the module's docstring."""

    def __init__(
        self,
        folder: Path,
        log: Log,
        generation: Generation,
        fold_at: int,
        failed: Callable[[Exception], object] | None,
        held: ExitStack,
    ) -> None:
        """Take what `open` opened, and what is to be let go by `close`."""
        self.folder = folder
        self.fold_at = fold_at
        self._tell = failed
        self._log, self._generation, self._held = log, generation, held
        self._view = generation.view()  # replaced, never changed: a search takes it once, without a lock
        self._writing = threading.Lock()
        self._folds = ThreadPoolExecutor(1, "fold", initializer=step_back)
        self._folding: Future[None] | None = None
        self._closed = False
        self._due = generation.snapshot.seq + fold_at

    @classmethod
    def create(
        cls,
        folder: Path,
        ids: Sequence[str],
        items: Representations,
        settings: Candidates,
        *,
        facts: pa.Table | None = None,
        features: Features | None = None,
    ) -> None:
        """Write a live index of these items; `open` opens it.

        Args:
            folder: a new place.
            ids: of the items, text, each once.
            items: what ItemNet made of them, in the same order.
            settings: which index there is over a snapshot, and what near means.
            facts: where there are to be filters, the items' raw features, in the same order.
            features: the marketplace's, to filter by.

        Raises:
            DataError: the ids or the items are not as they should be.
            ArtifactError: something is at this place.
        """
        first, kept = LiveItems.of(ids, items), Kept(settings, features)
        table = laid_out(ids, facts, kept.form)
        with _created(folder) as new:
            order = np.argsort(first.ids_N)
            part = first.take(order), None if table is None else table.take(order)
            Snapshot.write(new / SNAPSHOTS / FIRST, [part], kept, seq=0)

    @classmethod
    def create_from(cls, folder: Path, snapshot_folder: Path) -> None:
        """Begin a live index with a snapshot that lies elsewhere, as in a bundle: in milliseconds.

        Its files get a second name, or are copied where the file system cannot do that: either way the folder
        that they come from may be removed afterwards.

        Raises:
            ArtifactError: there is no whole snapshot, or something is at this place.
        """
        seq = Snapshot.open(snapshot_folder).seq
        if seq != 0:
            raise ArtifactError(
                f"{snapshot_folder}: expected a snapshot without a past, received one of {seq} changes. "
                "Take that of a bundle."
            )
        with _created(folder) as new:
            shutil.copytree(snapshot_folder, new / SNAPSHOTS / FIRST, copy_function=_second_name)

    @classmethod
    def open(
        cls,
        folder: Path,
        *,
        fold_at: int = FOLD_AT,
        failed: Callable[[Exception], object] | None = None,
    ) -> Self:
        """Open what `create` wrote and others changed: the snapshot and the changes since.

        Args:
            folder: of the index.
            fold_at: changes after which a fold begins by itself.
            failed: is told why a fold failed that began so, in the fold's thread.

        Raises:
            ArtifactError: there is none, it is damaged, or another process writes to it.
        """
        with ExitStack() as held:
            if not (folder / LOG).is_file():
                raise ArtifactError(f"{folder}: expected a live index, received none ({LOG} missing).")
            held.enter_context(alone(folder))
            log = Log(folder / LOG)
            held.callback(log.close)
            snapshot = Snapshot.open(folder / SNAPSHOTS / log.snapshot)
            _remove_others(folder / SNAPSHOTS, log.snapshot)
            generation = replayed(log, snapshot)
            snapshot.warm()
            return cls(folder, log, generation, fold_at, failed, held.pop_all())

    def view(self) -> View:
        """Return what there is now: a moment that no later change touches."""
        return self._view

    def close(self) -> None:
        """Take no more changes, wait for a fold that has begun, and let the folder go."""
        with self._writing:
            self._closed = True
        self._folds.shutdown()
        self._held.close()

    @property
    def failure(self) -> BaseException | None:
        """Why the last fold failed that began by itself: nothing is lost by it, and there will be another."""
        return self._folding.exception() if self._folding is not None and self._folding.done() else None

    def upsert(
        self,
        ids: Sequence[str],
        items: Representations,
        facts: pa.Table | None = None,
        *,
        mark: int | None = None,
    ) -> None:
        """Add items, or put them in the place of older ones; on return they are safe, and found.

        Args:
            ids: of the items, each once.
            items: what ItemNet made of them, in the same order. All come at once, or none.
            facts: their raw features, in the same order, if the index was created with features.
            mark: a number of the caller's that is kept with them, all or none: how far he is.

        Raises:
            DataError: the ids or the items are not as they should be.
            ArtifactError: the log cannot be written, or the index was closed.
        """
        snapshot = self._view.snapshot
        came = Changes.upserting(LiveItems.of(ids, items), laid_out(ids, facts, snapshot.kept.form))
        width, given = snapshot.items.embedding_ND.shape[1], items.embedding_ND.shape[1]
        if given != width:
            raise DataError(
                f"{self.folder}: expected items of {width} coordinates, received {given}. "
                "Use the ItemNet that the others came from."
            )
        with self._writing:
            self._write(came, mark)

    def delete(self, ids: Sequence[str], *, mark: int | None = None) -> int:
        """Remove items; on return that is safe, and no search finds them. Return how many were there.

        `mark` is kept as by `upsert`, even if none of them was there.

        Raises:
            ArtifactError: the log cannot be written.
        """
        wanted = np.unique(encoded(ids))
        with self._writing:
            there = wanted[self._generation.holds(wanted)]
            self._write(Changes.deleting(there, like=self._view.snapshot.items), mark)
        return len(there)

    def fold(self) -> None:
        """Make a new snapshot of all that is there now, and wait for it. ArtifactError if it fails."""
        with self._writing:
            self._require_open()
            folding = self._folds.submit(self._fold)
        folding.result()

    def _require_open(self) -> None:
        if self._closed:
            raise ArtifactError(
                f"{self.folder}: expected an open live index, received one that is closed. Open it again."
            )

    def _write(self, changes: Changes, mark: int | None) -> None:
        self._require_open()
        if len(changes) == 0 and mark is None:
            return
        first = self._generation.seq + 1
        try:
            self._log.append(changes, first, mark)
            if len(changes):
                self._generation.apply(changes, first + len(changes) - 1)
            if mark is not None:
                self._generation.mark = mark
        except BaseException:  # the log knows whether it was done; memory may hold half of it
            generation = replayed(self._log, self._generation.snapshot)
            self._generation, self._view = generation, generation.view()
            raise
        self._view = self._generation.view()
        if self._view.seq >= self._due and (self._folding is None or self._folding.done()):
            self._folding = self._folds.submit(self._fold_by_itself)

    def _fold_by_itself(self) -> None:
        try:
            self._fold()
        except Exception as error:
            if self._tell is not None:
                self._tell(error)
            raise

    def _fold(self) -> None:
        view = self._view
        self._due = view.seq + self.fold_at
        if view.seq == view.snapshot.seq:
            return
        with closing(Log(self.folder / LOG)) as log:
            older = log.snapshot
            newer = str(int(older) + 1)
            generation = Generation(fold(view, self.folder / SNAPSHOTS / newer))
            while replay(log, generation) == BITE:  # all but the last few, while others write
                time.sleep(0.001)
        with self._writing:
            while replay(self._log, generation):
                pass
            generation.mark = self._generation.mark
            self._log.go_on_from(newer, generation.snapshot.seq)
            self._generation, self._view = generation, generation.view()
        shutil.rmtree(self.folder / SNAPSHOTS / older, ignore_errors=True)


@contextmanager
def _created(folder: Path) -> Iterator[Path]:
    """Give a hidden folder for the first snapshot; on success it becomes a live index of it."""
    with writable(folder), hidden_folder(folder) as new:
        if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
            raise ArtifactError(
                f"{folder}: expected a new place for a live index, received one that is taken. "
                "It was left as it is; choose another place, or delete it."
            )
        yield new
        Log.create(new / LOG, FIRST)
        new.chmod(0o755)
        sync(new)
        take_place(new, folder)


def _second_name(source: str, target: str) -> None:
    try:
        os.link(source, target)
    except OSError:  # another file system, or one without links
        shutil.copyfile(source, target)
        sync(Path(target))


def _remove_others(snapshots: Path, current: str) -> None:
    """Remove what a killed process left: half a snapshot, or one that was not named yet or no more."""
    for entry in snapshots.iterdir():
        if entry.name != current and entry.is_dir():
            shutil.rmtree(entry)
