"""A process that is killed at any moment leaves all that it was told is done, and nothing half-done."""

from __future__ import annotations

import signal
import time
from pathlib import Path
from unittest import mock

import numpy as np

from candidates.live.busy import NUMBERS, PROCESSES, fold_once, replay, work
from candidates.live.market import contents, make, snapshots
from dlrs.candidates.live.live_index import LiveIndex

KILLS = 10
LONGEST = 0.25
"""Seconds that a process has before it is killed: some folds."""


def test_killed_at_any_moment_it_holds_what_was_acknowledged(tmp_path: Path) -> None:
    """Again and again on one folder, so that what one kill left is what the next one finds."""
    folder = make(tmp_path / "live", NUMBERS)
    held = {f"ad-{number}": 0 for number in range(NUMBERS)}
    moments = np.random.default_rng(0).uniform(0, LONGEST, KILLS)
    done = 0
    for seed, moment in enumerate(moments, start=1):
        journal = tmp_path / f"{seed}.journal"
        ready, tells = PROCESSES.Pipe(duplex=False)
        process = PROCESSES.Process(target=work, args=(folder, journal, seed, tells), daemon=True)
        process.start()
        assert ready.poll(60)
        time.sleep(moment)
        process.kill()
        process.join()
        assert process.exitcode == -signal.SIGKILL
        allowed = replay(journal, held)
        done += journal.read_text().count("done")
        with LiveIndex.open(folder) as live:
            held = contents(live)
            assert held in allowed
        assert len(snapshots(folder)) == 1
        assert sorted(path.name for path in folder.iterdir()) == ["log.sqlite", "snapshots"]
    assert done > KILLS
    assert int(snapshots(folder)[0]) > 1  # there were folds among it


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
