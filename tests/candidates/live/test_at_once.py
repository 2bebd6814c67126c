"""Threads search while another changes everything and a third folds: each answer was true at a moment."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

import numpy as np

from candidates.live.market import EVERYTHING, WIDTH, all_of, make, names, snapshots, upsert
from dlrs.candidates.live.live_index import LiveIndex

STAYS, GOES = range(40), range(100, 400)
CHANGES = 300


class Acknowledged:
    """What a writer was told is done: read before a search, it bounds what that may find."""

    def __init__(self) -> None:
        self.version = dict.fromkeys(names(STAYS), 0)
        self.deleted: set[str] = set()


def test_no_search_sees_a_deleted_a_mixed_or_a_repeated_item(tmp_path: Path) -> None:
    folder, told = make(tmp_path / "live", len(STAYS)), Acknowledged()
    over = threading.Event()
    failures: list[BaseException] = []

    def guarded(work: Callable[[], None]) -> threading.Thread:
        def run() -> None:
            try:
                work()
            except BaseException as error:  # handed to the test's own thread
                failures.append(error)
                over.set()

        thread = threading.Thread(target=run)
        thread.start()
        return thread

    def write() -> None:
        rng = np.random.default_rng(0)
        for change in range(1, CHANGES + 1):
            chosen = sorted(rng.choice(STAYS, 5, replace=False).tolist())
            upsert(live, chosen, change)
            told.version.update(dict.fromkeys(names(chosen), change))
            upsert(live, [GOES[change - 1]], change)
            if change > 3:
                live.delete(names([GOES[change - 4]]))
                told.deleted.update(names([GOES[change - 4]]))
            if over.is_set():
                return
        # on a busy machine the others may have hardly begun
        while (len(folded) < 2 or len(answered) <= 10) and not over.wait(0.01):
            pass
        over.set()

    def fold() -> None:
        while not over.is_set():
            live.fold()
            folded.append(1)

    def search() -> None:
        queries = np.zeros((2, WIDTH), dtype=np.float32)
        while not over.is_set():
            least, deleted = dict(told.version), set(told.deleted)
            found = live.search(queries, EVERYTHING)
            for user in range(len(queries)):
                seen = all_of(found, user)
                assert deleted.isdisjoint(seen)
                assert all(seen[id] >= version for id, version in least.items())
            answered.append(1)

    answered: list[int] = []
    folded: list[int] = []
    with LiveIndex.open(folder, fold_at=10**9) as live:
        threads = [guarded(work) for work in (write, fold, search, search)]
        for thread in threads:
            thread.join()
        if failures:
            raise failures[0]
        last = all_of(live.search(np.zeros((1, WIDTH), dtype=np.float32), EVERYTHING))
    assert last == told.version | {f"ad-{GOES[change - 1]}": change for change in range(298, 301)}
    assert len(answered) > 10
    assert int(snapshots(folder)[0]) > 2
