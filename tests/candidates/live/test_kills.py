"""A process that is killed at any moment leaves all that it was told is done, and nothing half-done."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path
from typing import Literal, assert_never, get_args
from unittest import mock

import numpy as np

from candidates.live.busy import NUMBERS, PROCESSES, fold_once, replay, work
from candidates.live.market import contents, make, snapshots
from dlrs.candidates.live.live_index import LiveIndex

KILLS = int(os.environ.get("DLRS_LIVE_KILLS", "10"))  # lives of a process, each of which ends with one
MOST = 60
"""Changes that a process has acknowledged at most before it is killed."""

LATE = 0.02
"""Seconds after which it is killed at most, once it came to where it was to be killed."""

PATIENCE = 120.0
"""Seconds, on a busy machine, until it does."""

Moment = Literal["after some changes", "in a fold", "after a fold"]
MOMENTS: tuple[Moment, ...] = get_args(Moment)


def test_killed_at_any_moment_it_holds_what_was_acknowledged(tmp_path: Path) -> None:
    """Again and again on one folder, so that what one kill left is what the next one finds."""
    folder = make(tmp_path / "live", NUMBERS)
    held = {f"ad-{number}": 0 for number in range(NUMBERS)}
    rng = np.random.default_rng(0)
    for seed in range(1, KILLS + 1):
        journal = tmp_path / f"{seed}.journal"
        before = snapshots(folder)
        live_and_be_killed(folder, journal, seed, MOMENTS[seed % len(MOMENTS)], rng)
        allowed = replay(journal, held)
        with LiveIndex.open(folder) as live:
            held = contents(live)
            assert held in allowed
        assert len(snapshots(folder)) == 1
        assert MOMENTS[seed % len(MOMENTS)] != "after a fold" or snapshots(folder) != before
        assert sorted(path.name for path in folder.iterdir()) == ["log.sqlite", "snapshots"]


def live_and_be_killed(
    folder: Path, journal: Path, seed: int, moment: Moment, rng: np.random.Generator
) -> None:
    """Change the index in a process, and kill that a little after a moment."""
    before, wanted = snapshots(folder), int(rng.integers(1, MOST))
    ready, tells = PROCESSES.Pipe(duplex=False)
    process = PROCESSES.Process(target=work, args=(folder, journal, seed, tells), daemon=True)
    process.start()
    assert ready.poll(PATIENCE)
    until = time.monotonic() + PATIENCE
    while not has_come(moment, folder, journal, before, wanted):
        assert time.monotonic() < until
        assert process.is_alive()
        time.sleep(0.001)
    time.sleep(rng.uniform(0, LATE))
    process.kill()
    process.join()
    assert process.exitcode == -signal.SIGKILL


def has_come(moment: Moment, folder: Path, journal: Path, before: list[str], wanted: int) -> bool:
    match moment:
        case "after some changes":
            return journal.is_file() and journal.read_text().count("done") >= wanted
        case "in a fold":  # what is made is there beside what was
            return snapshots(folder) != before
        case "after a fold":
            return before[0] not in snapshots(folder)
        case _:
            assert_never(moment)


def test_killed_before_any_change_of_a_fold_it_is_old_or_new(tmp_path: Path) -> None:
    """Old or new snapshot, the items are the same; the one after the fold is there if it was acknowledged."""
    folded = {f"ad-{number}": 0 for number in range(5)} | {"ad-1": 9, "ad-70": 9}
    del folded["ad-2"]
    left, stop = set(), 0
    while True:
        stop += 1
        with mock.patch("os.fsync"):  # it is not this process that is killed
            folder = make(tmp_path / str(stop), 5)
        changes = PROCESSES.Value("i", 0)
        process = PROCESSES.Process(target=fold_once, args=(folder, stop, changes), daemon=True)
        process.start()
        process.join()
        ended = process.exitcode == 0
        assert ended or process.exitcode == -signal.SIGKILL
        with mock.patch("os.fsync"), LiveIndex.open(folder) as live:
            assert contents(live) == (folded | {"ad-3": 9} if ended else folded)
            left.update(snapshots(folder))
            assert len(snapshots(folder)) == 1
            live.fold()  # what was left is in nobody's way
            assert contents(live) == (folded | {"ad-3": 9} if ended else folded)
        if ended:
            break
    assert left == {"1", "2"}
    assert stop > 10
