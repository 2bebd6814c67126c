"""What a live index refuses, and what it is when something fails."""

from __future__ import annotations

import multiprocessing
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from unittest import mock

import numpy as np
import pytest

from candidates.live.market import WIDTH, contents, make, names, snapshots, upsert, versions
from dlrs.candidates.live.changes import Log
from dlrs.candidates.live.folding import fold
from dlrs.candidates.live.generation import Generation
from dlrs.candidates.live.live_index import LiveIndex
from dlrs.candidates.live.snapshot import Snapshot
from dlrs.candidates.live.view import View
from dlrs.errors import ArtifactError, DataError, RequestError
from dlrs.model.forward import Representations

NOWHERE = np.zeros((1, WIDTH), dtype=np.float32)


@pytest.mark.parametrize(
    ("ids", "numbers", "expected"),
    [
        (["a", "a"], [1, 2], "each id once, received 'a' twice"),
        (["a", ""], [1, 2], "one character or more"),
        (["a", "b\0"], [1, 2], "none of which is NUL"),
        (["a"], [1, 2], "1 ids and 2 items"),
        (["a"], [np.nan], "finite numbers, received NaN"),
        (["a"], [1e25], "whose square is too large"),  # acknowledged, it would never be found
        (["\ud800"], [1], "valid text"),
        (["ä" * 513], [1], "1024 bytes at most, received one of 1026"),
    ],
)
def test_wrong_items_are_refused_whole(
    folder: Path, ids: list[str], numbers: list[float], expected: str
) -> None:
    with LiveIndex.open(folder) as live:
        before = contents(live)
        with pytest.raises(DataError, match=expected):
            live.upsert(ids, versions(numbers, 1))  # type: ignore[arg-type]
        assert contents(live) == before


@pytest.mark.parametrize("shapes", [((2, WIDTH), (2, 1)), ((2,), (2,))])
def test_items_of_another_shape_are_refused(folder: Path, shapes: tuple[tuple[int, ...], ...]) -> None:
    items = Representations(*(np.zeros(shape, dtype=np.float32) for shape in shapes))
    with LiveIndex.open(folder) as live:
        with pytest.raises(DataError, match=r"the shapes \(items, coordinates\) and \(items,\)"):
            live.upsert(["a", "b"], items)
        assert len(live) == 5


def test_numbers_too_large_for_float32_are_refused(folder: Path) -> None:
    items = Representations(np.full((1, WIDTH), 1e300), np.ones(1))  # type: ignore[arg-type]
    with LiveIndex.open(folder) as live, pytest.raises(DataError, match="finite numbers"):
        live.upsert(["a"], items)


@pytest.mark.parametrize(
    ("queries", "known", "expected"),
    [
        (np.full((1, WIDTH), np.nan), None, "received NaN"),
        (np.zeros((1, WIDTH + 1)), None, r"shape \(users, 4\), received the shape \(1, 5\)"),
        (np.zeros(WIDTH), None, r"received the shape \(4,\)"),
        (np.zeros((2, WIDTH)), [["ad-1"]], "each of 2 users, received 1"),
    ],
)
def test_wrong_searches_are_refused(
    folder: Path, queries: np.ndarray, known: list[list[str]] | None, expected: str
) -> None:
    with LiveIndex.open(folder) as live, pytest.raises(RequestError, match=expected):
        live.search(queries.astype(np.float32), 2, known=known)


def test_none_are_asked_for(folder: Path) -> None:
    with LiveIndex.open(folder) as live:
        assert live.search(NOWHERE, 0).candidates.positions_UT.shape == (1, 0)


def test_why_a_list_without_filters_is_short(folder: Path) -> None:
    with LiveIndex.open(folder) as live:
        reason = live.explain([], 9, 5)
        assert reason is not None
        assert (reason.reason, reason.matching, reason.alone) == ("few pass", 5, ())


def test_items_of_another_width_are_refused(folder: Path) -> None:
    items = Representations(np.ones((1, 3), dtype=np.float32), np.ones(1, dtype=np.float32))
    with LiveIndex.open(folder) as live, pytest.raises(DataError, match="4 coordinates, received 3"):
        live.upsert(["a"], items)


def test_what_could_not_be_logged_did_not_happen(folder: Path) -> None:
    with LiveIndex.open(folder) as live:
        upsert(live, [9], 1)
        pages = live._log._base.execute("PRAGMA page_count").fetchone()[0]
        live._log._base.execute(f"PRAGMA max_page_count = {pages}")  # a full disk
        with pytest.raises(ArtifactError, match=r"log\.sqlite: .* full\. Make room"):
            upsert(live, range(1000), 2)
        assert contents(live)["ad-3"] == 0
        live._log._base.execute("PRAGMA max_page_count = 100000")
        upsert(live, [3], 2)
        assert contents(live)["ad-3"] == 2
    with LiveIndex.open(folder) as live:
        assert contents(live) == {"ad-0": 0, "ad-1": 0, "ad-2": 0, "ad-3": 2, "ad-4": 0, "ad-9": 1}


@pytest.mark.parametrize("step", ["_bury", "apply"])
def test_what_was_logged_is_there_even_if_memory_ran_out_meanwhile(folder: Path, step: str) -> None:
    with LiveIndex.open(folder) as live:
        honest, failing = getattr(Generation, step), iter([True])

        def once(generation: Generation, changes: object, seq: int) -> None:
            honest(generation, changes, seq)
            if next(failing, False):
                raise MemoryError

        with mock.patch.object(Generation, step, once), pytest.raises(MemoryError):
            upsert(live, [3, 9], 1)
        assert contents(live) == {"ad-0": 0, "ad-1": 0, "ad-2": 0, "ad-3": 1, "ad-4": 0, "ad-9": 1}
        upsert(live, [3], 2)
        expected = {"ad-0": 0, "ad-1": 0, "ad-2": 0, "ad-3": 2, "ad-4": 0, "ad-9": 1}
        assert contents(live) == expected
    with LiveIndex.open(folder) as live:
        assert contents(live) == expected


def test_a_fold_that_cannot_change_over_may_be_done_again(folder: Path) -> None:
    with LiveIndex.open(folder) as live:
        upsert(live, [3, 9], 1)
        full = mock.patch.object(Log, "go_on_from", side_effect=ArtifactError("full"))
        with full, pytest.raises(ArtifactError, match="full"):
            live.fold()
        upsert(live, [3], 2)
        live.fold()
        assert contents(live) == {"ad-0": 0, "ad-1": 0, "ad-2": 0, "ad-3": 2, "ad-4": 0, "ad-9": 1}
        assert snapshots(folder) == ["2"]


def test_what_is_closed_takes_no_changes(folder: Path) -> None:
    live = LiveIndex.open(folder)
    live.close()
    for change in (lambda: upsert(live, [9], 1), lambda: live.delete(names([1])), live.fold):
        with pytest.raises(ArtifactError, match="received one that is closed"):
            change()
    live.close()  # once more


def test_a_change_while_it_closes_is_refused_or_done(folder: Path) -> None:
    """Closing waits for a fold; a change meanwhile would be due for another one."""
    begun, go_on = threading.Event(), threading.Event()

    def slow(view: View, path: Path) -> Snapshot:
        begun.set()
        assert go_on.wait(60)
        return fold(view, path)

    live = LiveIndex.open(folder, fold_at=1)
    with mock.patch("dlrs.candidates.live.live_index.fold", slow), ThreadPoolExecutor(2) as threads:
        upsert(live, [9], 1)
        assert begun.wait(60)
        closing = threads.submit(live.close)
        try:
            while not live._closed:
                time.sleep(0.001)
            with pytest.raises(ArtifactError, match="received one that is closed"):
                upsert(live, [8], 1)
        finally:
            go_on.set()
        closing.result()
    with LiveIndex.open(folder) as live:
        assert contents(live) == dict.fromkeys(names(range(5)), 0) | {"ad-9": 1}
        assert snapshots(folder) == ["2"]


def test_files_of_others_among_the_snapshots_are_in_nobodys_way(folder: Path) -> None:
    (folder / "snapshots" / ".DS_Store").write_text("")
    with LiveIndex.open(folder) as live:
        assert len(live) == 5


def test_a_fold_that_fails_loses_nothing(folder: Path) -> None:
    told: list[Exception] = []
    with LiveIndex.open(folder, fold_at=2, failed=told.append) as live:
        (folder / "snapshots" / "2").mkdir()
        (folder / "snapshots" / "2" / "mine").write_text("")  # something is where it wants to write
        upsert(live, [3, 9], 1)
        with pytest.raises(ArtifactError, match="left as it is"):
            live.fold()
        assert isinstance(live.failure, ArtifactError)
        assert told == [live.failure]  # who asked for a fold has its error already
        expected = {"ad-0": 0, "ad-1": 0, "ad-2": 0, "ad-3": 1, "ad-4": 0, "ad-9": 1}
        assert contents(live) == expected
    with LiveIndex.open(folder) as live:
        assert contents(live) == expected
        assert snapshots(folder) == ["1"]


def _open(folder: Path, answers: multiprocessing.Queue[str]) -> None:
    try:
        LiveIndex.open(folder).close()
        answers.put("")
    except ArtifactError as error:
        answers.put(str(error))


def test_one_process_writes(folder: Path) -> None:
    processes = multiprocessing.get_context("forkserver")
    answers: multiprocessing.Queue[str] = processes.Queue()

    def from_another() -> str:
        process = processes.Process(target=_open, args=(folder, answers))
        process.start()
        answer = answers.get(timeout=60)
        process.join()
        return answer

    with LiveIndex.open(folder):
        assert "only one who writes" in from_another()
        with pytest.raises(ArtifactError, match="only one who writes"):
            LiveIndex.open(folder)
    assert from_another() == ""


def test_nothing_is_written_over(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(ArtifactError, match="one that is taken"):
        make(folder, 3)
    with LiveIndex.open(folder) as live:
        assert len(live) == 5
    assert list(tmp_path.iterdir()) == [folder]


def test_no_live_index_and_no_snapshot(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(ArtifactError, match=r"expected a live index, received none"):
        LiveIndex.open(tmp_path)
    (folder / "snapshots" / "1" / "items" / "wide_N.npy").unlink()
    with pytest.raises(ArtifactError, match=r"wide_N\.npy"):
        LiveIndex.open(folder)
