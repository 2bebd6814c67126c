"""Catalogue: the items of one bundle as they are now: its snapshot, and what the item storage says since.

    STATE/live/BUNDLE/
    ├── writer/      locked by the process that writes
    └── index/       a live index

The item storage is the truth; the live index on the disk follows it, change by change, and keeps the
number of the last one that it has seen. One process of a machine writes it, the others follow. Where the
writer ends, one of these takes its place.
"""

from __future__ import annotations

import shutil
import threading
import time
from collections.abc import Collection, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Self

import structlog

from dlrs.atomic import alone
from dlrs.candidates.bundled import BundledItems
from dlrs.candidates.live.follower import Follower
from dlrs.candidates.live.live_index import FOLD_AT, LOG, LiveIndex
from dlrs.candidates.live.searched import Searched
from dlrs.data.interactions import micros
from dlrs.errors import ArtifactError, DlrsError, Unavailable
from dlrs.recipe import Recipe
from dlrs.service.bundle import ServingBundle
from dlrs.service.candidates.bundle_items import BundleItems
from dlrs.service.candidates.indexing import apply
from dlrs.service.metrics import Metrics
from dlrs.service.stores import ItemStore

LIVE, INDEX, WRITER = "live", "index", "writer"

EVERY = 0.025
"""Seconds after which the item storage is asked for changes that others made. To look costs 0.2 ms, asked for
lists or not, so that 100 times a second was a tenth of all the processor time at 100 lists a second."""

FOLLOWING = 0.25
"""Seconds after which a process that does not write looks whether it must: it has nothing else to do here."""

TOGETHER = 2_000
"""Changes embedded at once."""

PATIENCE = 5.0
"""Seconds that a change has to be found."""

STUCK = 60.0
"""Seconds without a step of the process that writes, until who waits for it gives up."""

LOOK = 0.002
"""Seconds between looks at a live index that another process writes."""

TAKE_OVER = 0.5
"""Seconds between tries to become the writer."""

log = structlog.get_logger(__name__)


class Catalogue:
    """The live index of one bundle, and what keeps it fresh."""

    def __init__(
        self,
        bundle: ServingBundle,
        items: BundleItems,
        folder: Path,
        store: ItemStore,
        metrics: Metrics,
        fold_at: int,
    ) -> None:
        """Take what `open` opened."""
        self.bundle, self.items, self.folder = bundle, items, folder
        self.items_as_of = micros(bundle.items_as_of)
        self._store, self._metrics, self._fold_at = store, metrics, fold_at
        self._held = ExitStack()  # the writer's lock
        self._writer: LiveIndex | None = None
        self._live: Searched
        self._indexing = threading.Lock()
        self._wake, self._stop = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._follow_storage, name="indexer", daemon=True)

    @classmethod
    def open(
        cls,
        bundle: ServingBundle,
        state: Path,
        store: ItemStore,
        metrics: Metrics,
        *,
        fold_at: int = FOLD_AT,
    ) -> Self:
        """Open the catalogue of a bundle, up to date; `start` keeps it so.

        Raises:
            ArtifactError: the bundle or its live index is damaged, or its strategy cannot be served.
            Unavailable: the item storage does not answer, or the process that writes does not get on.
        """
        require_servable(bundle.recipe, bundle.id)
        stored = bundle.items
        folder = state / LIVE / bundle.id
        (folder / WRITER).mkdir(parents=True, exist_ok=True)
        items = BundleItems(stored, bundle.recipe.marketplace.features)
        self = cls(bundle, items, folder, store, metrics, fold_at)
        with ExitStack() as undo:
            undo.callback(self._held.close)
            if self._lock():
                _create(folder / INDEX, stored, bundle)
                self._open_to_write()
            else:
                self._live = _follow(folder / INDEX)
            undo.callback(lambda: self._live.close())
            self._join()
            undo.pop_all()
        return self

    @property
    def live(self) -> Searched:
        """What is searched."""
        return self._live

    @property
    def writes(self) -> bool:
        """Whether this process writes the live index."""
        return self._writer is not None

    def start(self) -> None:
        """Follow the item storage from now on."""
        self._thread.start()

    def wake(self) -> None:
        """Look at the item storage at once."""
        self._wake.set()

    def catch_up(self) -> None:
        """Take all changes of the item storage that there are; a follower leaves that to the writer."""
        with self._indexing:
            while self._writer is not None and not self._stop.is_set():
                changes = self._store.after(self._writer.mark, TOGETHER)
                if not changes:
                    self._metrics.index_lag.set(0)
                    break
                apply(self._writer, changes, self.bundle, self.items, self.items_as_of, self._metrics)
                if len(changes) == TOGETHER:
                    self._metrics.index_lag.set(self._store.last() - self._writer.mark)
            self._metrics.index_items.set(len(self._live))

    def wait_for(self, seq: int) -> None:
        """Return when the change of the item storage with this number is found here.

        Raises:
            Unavailable: that took too long.
        """
        until = time.monotonic() + PATIENCE
        while self._live.mark < seq and not self._stop.is_set():  # in what is closed nobody finds anything
            if self.writes:
                self._catch_up_to(seq)
            elif time.monotonic() < until:
                time.sleep(LOOK)
            if time.monotonic() >= until and self._live.mark < seq:
                raise self._not_found_yet(seq, f"within {PATIENCE:.0f} s")

    def _catch_up_to(self, seq: int) -> None:
        try:
            self.catch_up()
        except ArtifactError as error:  # the disk is full, most likely: the thread tries again
            raise self._not_found_yet(seq, f"now ({error})") from error

    def _not_found_yet(self, seq: int, when: str) -> Unavailable:
        return Unavailable(
            f"catalogue of bundle {self.bundle.id}: expected change {seq} to be found {when}, received the "
            f"index at {self._live.mark}. The change is safe in the item storage and will be found; there is "
            "no need to send it again."
        )

    def close(self) -> None:
        """Let the live index go; whoever searches at the moment ends his search."""
        self._stop.set()
        self._wake.set()
        if self._thread.is_alive():
            self._thread.join()
        with self._indexing:
            self._writer = None
            self._live.close()
            self._held.close()

    def _join(self) -> None:
        """Catch up, or wait until the writer has: an index that lags behind shows what is gone."""
        self.catch_up()
        seq, mark, until = self._store.last(), -1, 0.0
        while self._live.mark < seq:
            if self._live.mark > mark:
                mark, until = self._live.mark, time.monotonic() + STUCK
            if time.monotonic() > until:
                raise Unavailable(
                    f"catalogue of bundle {self.bundle.id}: expected the process that writes its live index "
                    f"to reach change {seq}, received one that stays at {mark}. Look at its log."
                )
            if not self.writes:
                self._take_over()
            self.catch_up()
            time.sleep(LOOK)

    def _lock(self) -> bool:
        try:
            self._held.enter_context(alone(self.folder / WRITER))
        except ArtifactError:
            return False
        return True

    def _open_to_write(self) -> None:
        self._writer = self._live = LiveIndex.open(
            self.folder / INDEX, fold_at=self._fold_at, failed=self._fold_failed
        )

    def _fold_failed(self, error: Exception) -> None:
        self._metrics.folds_failed.inc()
        known = isinstance(error, DlrsError | OSError)
        log.error("fold failed", bundle=self.bundle.id, error=str(error), exc_info=None if known else error)

    def _follow_storage(self) -> None:
        failing, tried = False, time.monotonic()
        while not self._stop.is_set():
            try:
                if not self.writes and time.monotonic() - tried > TAKE_OVER:
                    tried = time.monotonic()
                    self._take_over()
                self.catch_up()
                failing = False
            except Exception as error:  # the line must not stop; what was not taken is taken later
                if not failing:
                    known = isinstance(error, DlrsError)
                    log.error("indexer", bundle=self.bundle.id, error=str(error), exc_info=not known)
                failing = True
            self._wake.wait(1.0 if failing else EVERY if self.writes else FOLLOWING)
            self._wake.clear()

    def _take_over(self) -> None:
        """Become the writer where the one that there was has ended."""
        with self._indexing:
            if self._stop.is_set() or not self._lock():
                return
            follower = self._live
            try:
                self._open_to_write()
            except BaseException:
                self._held.close()
                raise
            log.info("took over the live index", bundle=self.bundle.id)
            follower.close()


def require_servable(recipe: Recipe, bundle_id: str) -> None:
    """Refuse a strategy that no live index answers. ArtifactError."""
    if "cluster" in recipe.candidates.shares:
        raise ArtifactError(
            f"bundle {bundle_id}: expected a strategy of direct, pseudo-user and mixed, received "
            "'cluster', whose groups do not follow changing items. Set candidates.strategy in the recipe, "
            "and publish again; `dlrs recommend` goes on with this bundle."
        )


def sweep(state: Path, keep: Collection[str]) -> None:
    """Remove the live indexes of bundles that are not kept, but for those that a process writes to."""
    live = state / LIVE
    for folder in live.iterdir() if live.is_dir() else ():
        if folder.name in keep or not folder.is_dir():
            continue
        with ExitStack() as held:
            try:
                held.enter_context(alone(folder / WRITER))
            except (ArtifactError, OSError):
                continue
            shutil.rmtree(folder, ignore_errors=True)


def _create(folder: Path, stored: BundledItems, bundle: ServingBundle) -> None:
    if (folder / LOG).is_file():
        return
    if stored.snapshot is not None:
        LiveIndex.create_from(folder, stored.snapshot)
        return
    ids: Sequence[str] = [id.decode() for id in stored.ids_A.tolist()]
    features = bundle.recipe.marketplace.features
    LiveIndex.create(
        folder, ids, stored.representations, bundle.recipe.candidates, facts=stored.table, features=features
    )


def _follow(folder: Path) -> Follower:
    until = time.monotonic() + 60
    while not (folder / LOG).is_file() and time.monotonic() < until:
        time.sleep(LOOK)  # until the writer has made it
    return Follower.open(folder)
