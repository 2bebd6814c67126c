"""Whoever follows a live index finds what its writer was told is done, at once."""

from __future__ import annotations

import shutil
import sqlite3
from multiprocessing.connection import Connection
from pathlib import Path

import pytest

from candidates.live.busy import PROCESSES
from candidates.live.market import contents, make, names, snapshots, upsert, versions
from dlrs.candidates.live.follower import Follower
from dlrs.candidates.live.live_index import LiveIndex
from dlrs.errors import ArtifactError

STEPS = 60


def write(folder: Path, pipe: Connection) -> None:
    """Change items, one at a time, and tell what is done; now and then fold."""
    with LiveIndex.open(folder, fold_at=10**9) as live:
        for step in range(1, STEPS + 1):
            if step % 3:
                live.upsert(names([step % 7]), versions([step % 7], step), mark=step)
            else:
                live.delete(names([step % 7]), mark=step)
            if step % 10 == 0:
                live.fold()
            pipe.send((step, contents(live)))
            pipe.recv()


def test_a_follower_finds_at_once_what_another_process_was_told_is_done(folder: Path) -> None:
    with Follower.open(folder) as follower:
        here, there = PROCESSES.Pipe()
        process = PROCESSES.Process(target=write, args=(folder, there), daemon=True)
        process.start()
        for step in range(1, STEPS + 1):
            assert here.poll(60)
            assert here.recv() == (step, contents(follower))
            assert follower.mark == step
            here.send(None)
        process.join()
    assert snapshots(folder) == ["7"]


def test_marks_are_kept_with_the_changes_and_through_folds(folder: Path) -> None:
    with LiveIndex.open(folder) as live, Follower.open(folder) as follower:
        assert live.mark == 0
        live.upsert(names([9]), versions([9], 1), mark=5)
        live.delete(names([77]), mark=6)  # nothing to delete is far enough, too
        before = live.view()
        upsert(live, [1], 2)
        assert live.mark == follower.mark == 6
        live.fold()
        assert live.mark == follower.mark == 6
        live.delete(names([9]), mark=8)
        assert before.mark == 6
    with LiveIndex.open(folder) as live:
        assert live.mark == 8
        assert contents(live) == {"ad-0": 0, "ad-1": 2, "ad-2": 0, "ad-3": 0, "ad-4": 0}


def test_a_log_from_before_there_were_marks_is_brought_up_to_date(folder: Path) -> None:
    with sqlite3.connect(folder / "log.sqlite") as base:
        base.execute("ALTER TABLE state DROP COLUMN mark")
        base.execute("PRAGMA user_version = 1")
    base.close()
    with LiveIndex.open(folder) as live:
        assert live.mark == 0
        live.upsert(names([9]), versions([9], 1), mark=5)
    with LiveIndex.open(folder) as live:
        assert live.mark == 5


def test_a_live_index_begins_with_the_snapshot_of_another(folder: Path, tmp_path: Path) -> None:
    first, second = folder / "snapshots" / "1", tmp_path / "second"
    LiveIndex.create_from(second, first)
    linked = second / "snapshots" / "1" / "items" / "ids_N.npy"
    assert linked.samefile(first / "items" / "ids_N.npy")
    with pytest.raises(ArtifactError, match="taken"):
        LiveIndex.create_from(second, first)
    shutil.rmtree(folder)
    with LiveIndex.open(second) as live:
        upsert(live, [1], 3)
        live.fold()
        assert contents(live) == {"ad-0": 0, "ad-1": 3, "ad-2": 0, "ad-3": 0, "ad-4": 0}


def test_a_snapshot_with_a_past_is_refused(folder: Path, tmp_path: Path) -> None:
    with LiveIndex.open(folder) as live:
        upsert(live, [1], 3)
        live.fold()
    with pytest.raises(ArtifactError, match="without a past"):
        LiveIndex.create_from(tmp_path / "second", folder / "snapshots" / "2")


def test_where_links_fail_the_snapshot_is_copied(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = make(tmp_path / "first", 5)

    def fail(*_: object) -> None:
        raise OSError("no links here")

    monkeypatch.setattr("os.link", fail)
    LiveIndex.create_from(tmp_path / "second", folder / "snapshots" / "1")
    with LiveIndex.open(tmp_path / "second") as live:
        assert len(live) == 5
