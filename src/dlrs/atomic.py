"""Atomic: folders and files take their place whole, one writer at a time, whenever a process is killed.

What is being written lies under a hidden name beside its place, and its writer holds a lock on it.
The kernel takes a lock back when its process ends, however it ends: a hidden folder that is locked
has a living writer, one that is not was abandoned. Names change only under the lock of the folder
that they stand in, so nobody sees the moment in which one folder steps aside for the next.

    .out.k3v9x2ab.partial    a folder on its way to `out`, or an older `out` on its way out

A file system that cannot lock folders (NFS) leaves two things undone: nobody is told of a second
writer, and what was abandoned stays.
"""

from __future__ import annotations

import fcntl
import os
import re
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from dlrs.errors import ArtifactError

PARTIAL = ".partial"


@contextmanager
def hidden_folder(path: Path) -> Iterator[Path]:
    """Give an empty hidden folder beside `path` to fill; it is gone afterwards, unless it took its place.

    What a killed process left there on its way to `path` is removed first.

    Raises:
        ArtifactError: another process is writing to `path`.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with ExitStack() as undo:
        with locked(path.parent):
            _clear(path)
            folder = _new(path)
            undo.callback(shutil.rmtree, folder, ignore_errors=True)
            undo.enter_context(locked(folder))
        yield folder


def take_place(new: Path, path: Path) -> None:
    """Rename the folder `new` to `path`, and remove the one that stands there."""
    aside = None
    try:
        with locked(path.parent):
            if path.exists():
                aside = _new(path)
                path.rename(aside)
            try:
                new.rename(path)
            finally:
                if aside is not None and not path.exists():
                    aside.rename(path)
            sync(path.parent)
    finally:
        if aside is not None:
            shutil.rmtree(aside, ignore_errors=True)


def put_back(path: Path, is_whole: Callable[[Path], bool]) -> None:
    """Where nothing stands at `path`, put there the whole folder that a killed process left on the way."""
    if path.exists() or not path.parent.is_dir():
        return
    with locked(path.parent):
        left = [folder for folder in _hidden(path) if _abandoned(folder) and is_whole(folder)]
        if left and not path.exists():
            left[0].rename(path)
            sync(path.parent)


def write_text(file: Path, text: str) -> None:
    """Write or replace one file: whoever reads it sees the old text or the new one, whole."""
    with locked(file.parent), replacing(file) as partial:
        partial.write_text(text, encoding="utf-8")


@contextmanager
def replacing(file: Path) -> Iterator[Path]:
    """Give a hidden file to fill, which then replaces `file` at once; on any error it vanishes."""
    partial = file.with_name(f".{file.name}{PARTIAL}")
    try:
        yield partial
        sync(partial)
        partial.replace(file)
        sync(file.parent)
    finally:
        partial.unlink(missing_ok=True)


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Wait for the lock of a folder and hold it. It is not for a folder that the caller holds already."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        _lock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


@contextmanager
def alone(folder: Path) -> Iterator[None]:
    """Hold the lock of a folder in which one process at a time works.

    Raises:
        ArtifactError: another process holds it, or this one does already.
    """
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        if _lock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB) is False:
            raise ArtifactError(
                f"{folder}: expected to be the only one who writes there, received another process at it. "
                "Wait for its end."
            )
        yield
    finally:
        os.close(descriptor)


def sync(path: Path) -> None:
    """Wait until a file, or the entries of a folder, are on the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _clear(path: Path) -> None:
    """Remove what dead processes left on the way to `path`; nobody living may be at it."""
    for folder in _hidden(path):
        match _abandoned(folder):
            case True:
                shutil.rmtree(folder, ignore_errors=True)
            case False:
                raise ArtifactError(
                    f"{path}: expected to be the only one who writes there, received another process at it "
                    f"({folder.name}). Wait for its end, or choose another place."
                )


def _new(path: Path) -> Path:
    return Path(tempfile.mkdtemp(prefix=f".{path.name}.", suffix=PARTIAL, dir=path.parent))


def _hidden(path: Path) -> list[Path]:
    """Return the hidden folders on the way to `path` or from it, those of other places left out."""
    named = re.compile(rf"\.{re.escape(path.name)}\.[^.]+{re.escape(PARTIAL)}")
    return sorted(f for f in path.parent.iterdir() if named.fullmatch(f.name) and f.is_dir())


def _abandoned(folder: Path) -> bool | None:
    """Tell whether no living process holds the lock of a folder; None where locks do not work."""
    try:
        descriptor = os.open(folder, os.O_RDONLY)
    except FileNotFoundError:  # its writer was just done with it
        return None
    try:
        return _lock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    finally:
        os.close(descriptor)


def _lock(descriptor: int, how: int) -> bool | None:
    """Lock: True if done, False if another process holds it, None where the file system has no locks."""
    try:
        fcntl.flock(descriptor, how)
    except BlockingIOError:
        return False
    except OSError:
        return None
    return True
