"""The folder in which processes that serve one port share their metrics.

`prometheus_client` looks for it once, when it is imported first: this module must not import it.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

VARIABLE = "PROMETHEUS_MULTIPROC_DIR"
MEMORY = Path("/dev/shm")
PREFIX = "dlrs-metrics-"
YOUNG = 60.0  # seconds in which a folder without a lock may be one that is just being made


@contextmanager
def shared() -> Iterator[Path]:
    """Give the folder to all processes that are forked in the block; then delete it.

    It is in memory where there is such a place: a full disk must not take the service along.
    """
    place = MEMORY if MEMORY.is_dir() else Path(tempfile.gettempdir())
    _sweep(place)
    folder = Path(tempfile.mkdtemp(prefix=PREFIX, dir=place))
    lock = _locked(folder)  # by all that are forked, too, until the last of them ends
    os.environ[VARIABLE] = str(folder)
    try:
        yield folder
    finally:
        del os.environ[VARIABLE]
        shutil.rmtree(folder, ignore_errors=True)
        if lock is not None:
            os.close(lock)


def _sweep(place: Path) -> None:
    """Delete the folders of services that were killed: they are in memory."""
    for folder in place.glob(f"{PREFIX}*"):
        with suppress(OSError):  # another user's, or gone meanwhile
            if time.time() - folder.stat().st_mtime > YOUNG and (lock := _locked(folder)) is not None:
                shutil.rmtree(folder, ignore_errors=True)
                os.close(lock)


def _locked(folder: Path) -> int | None:
    """Lock a folder; return what holds the lock, None if somebody else does."""
    held = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(held)
        return None
    return held
