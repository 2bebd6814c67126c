"""Processes that change a live index until they are killed, and note what they were told is done."""

from __future__ import annotations

import json
import multiprocessing
import os
import signal
import sys
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import numpy as np

from candidates.live.market import names, upsert
from dlrs.candidates.live.live_index import LiveIndex

PROCESSES = multiprocessing.get_context("forkserver")
PROCESSES.set_forkserver_preload(["candidates.live.busy"])

NUMBERS = 60
FOLD_AT = 150
"""So small that folds follow one another."""

CHANGES = ("os.mkdir", "os.rename", "os.remove", "os.rmdir")
MOST_CHANGES = 10_000


def work(folder: Path, journal: Path, seed: int, ready: Connection) -> None:
    """Change versions and delete, some at a time, for ever; the version is the number of the change."""
    rng = np.random.default_rng(seed)
    log = os.open(journal, os.O_WRONLY | os.O_APPEND | os.O_CREAT)

    def note(what: object) -> None:
        os.write(log, (json.dumps(what) + "\n").encode())

    with LiveIndex.open(folder, fold_at=FOLD_AT) as live:
        ready.send(True)
        for step in range(10**9):
            chosen = sorted(rng.choice(NUMBERS, rng.integers(1, 9), replace=False).tolist())
            version = None if rng.random() < 0.3 else seed * 100_000 + step + 1
            note([chosen, version])
            if version is None:
                live.delete(names(chosen))
            else:
                upsert(live, chosen, version)
            note("done")


def replay(journal: Path, start: dict[str, int]) -> list[dict[str, int]]:
    """Return what may be there after a kill: all that is done; and the same with what was begun."""
    held, begun = dict(start), dict(start)
    for line in journal.read_text().splitlines():
        match json.loads(line):
            case "done":
                held = dict(begun)
            case [chosen, None]:
                begun = {id: version for id, version in held.items() if id not in names(chosen)}
            case [chosen, version]:
                begun = {**held, **dict.fromkeys(names(chosen), version)}
    return [held, begun]


def fold_once(folder: Path, stop: int, changes: Any) -> None:
    """Fold, and be killed right before the change on the disk with this number, counted from 1."""
    with LiveIndex.open(folder) as live:
        upsert(live, [1, 70], 9)
        live.delete(names([2]))
        _watch(stop, changes)
        live.fold()
        upsert(live, [3], 9)


def _watch(stop: int, changes: Any) -> None:
    def audit(event: str, details: tuple[Any, ...]) -> None:
        if event in CHANGES or (event in ("open", "sqlite3.connect") and _writes(event, *details)):
            changes.value += 1
            if changes.value == stop:
                os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(audit)


def _writes(event: str, file: object, mode: object = None, flags: int = 0) -> bool:
    return event == "sqlite3.connect" or flags & (os.O_WRONLY | os.O_RDWR) != 0
