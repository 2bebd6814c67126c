"""A disk that is full, or read-only: one message that names the place and the mend, and nothing lost."""

from __future__ import annotations

import os
import resource
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from dlrs.data import engine
from dlrs.errors import DataError
from safety.verbs import VERBS, Ended, Finished, begin, contents, dlrs, litter

MEGABYTE = 1_000_000
CHECKPOINTS = ".trained.checkpoints"  # beside `trained`, to go on from


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 64 MB of its own."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={64 * MEGABYTE}", "dlrs", str(folder)],
        capture_output=True, check=False,
    ) if os.geteuid() == 0 else None  # fmt: skip
    if mounted is None or mounted.returncode:
        pytest.skip("needs the right to mount a file system")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def fill(disk: Path, leave: int) -> Path:
    """Leave so many bytes free on a file system."""
    filler = disk / "filler"
    with filler.open("wb") as stream:
        stat = os.statvfs(disk)
        os.posix_fallocate(stream.fileno(), 0, stat.f_bavail * stat.f_frsize - leave)
    return filler


def check_refused(ended: Ended, where: Path) -> None:
    assert ended.code == 2, ended.said
    assert "Traceback" not in ended.said
    assert "Exception ignored" not in ended.said
    error = ended.said[ended.said.index("error:") :]
    assert f"{where}/" in error
    assert "MB are free there: make room, or choose another place; then run the same again." in error


def check_nothing_lost(folder: Path, verb: str, finished: Finished) -> None:
    assert contents(folder, VERBS[verb]) == contents(finished.older, VERBS[verb])
    assert [path for path in litter(folder) if CHECKPOINTS not in path] == []


@pytest.mark.parametrize(
    ("verb", "free"),
    [
        *(("simulate", 0), ("simulate", 20_000)),
        *(("prepare", 0), ("prepare", 60_000)),
        *(("train", 0), ("train", 20_000), ("train", 100_000), ("train", 300_000)),
        *(("evaluate", 0), ("evaluate", 20_000)),
        *(("publish", 0), ("publish", 60_000)),
    ],
)
def test_on_a_full_disk_a_verb_says_so_and_loses_nothing(
    verb: str, free: int, disk: Path, finished: Finished, tmp_path: Path
) -> None:
    home = tmp_path / "home"
    home.mkdir()
    folder = begin(disk / "out", finished.older, VERBS[verb])
    arguments = VERBS[verb].arguments(finished.newer, folder)
    filler = fill(disk, leave=free)
    ended = dlrs(*arguments, home=home)
    check_refused(ended, disk)
    check_nothing_lost(folder, verb, finished)
    filler.unlink()
    assert dlrs(*arguments, home=home).code == 0
    assert contents(folder, VERBS[verb]) == contents(finished.newer, VERBS[verb])
    assert litter(folder) == []


def limit_files() -> None:
    resource.setrlimit(resource.RLIMIT_FSIZE, (2_000, 2_000))


@pytest.mark.parametrize("verb", ["simulate", "prepare", "train", "evaluate", "publish"])
def test_where_files_may_not_grow_a_verb_says_so_and_loses_nothing(
    verb: str, finished: Finished, tmp_path: Path
) -> None:
    folder = begin(tmp_path / "out", finished.older, VERBS[verb])
    arguments = VERBS[verb].arguments(finished.newer, folder)
    check_refused(dlrs(*arguments, home=tmp_path, hook=limit_files), folder)
    check_nothing_lost(folder, verb, finished)


@pytest.mark.parametrize("verb", ["simulate", "prepare", "train", "evaluate", "publish"])
def test_a_read_only_place_is_named(verb: str, disk: Path, finished: Finished, tmp_path: Path) -> None:
    folder = begin(disk / "out", finished.older, VERBS[verb])
    subprocess.run(["mount", "-o", "remount,ro", str(disk)], check=True)
    ended = dlrs(*VERBS[verb].arguments(finished.newer, folder), home=tmp_path)
    assert ended.code == 2
    assert "Read-only file system" in ended.said
    assert "Choose another place, or change what is in the way; then run the same again." in ended.said
    assert contents(folder, VERBS[verb]) == contents(finished.older, VERBS[verb])


def test_recommending_writes_nothing(disk: Path, finished: Finished, tmp_path: Path) -> None:
    folder = begin(disk / "out", finished.newer, VERBS["run"])
    subprocess.run(["mount", "-o", "remount,ro", str(disk)], check=True)
    ended = dlrs("recommend", folder, home=tmp_path)
    assert ended.code == 0
    assert "best of bundle" in ended.said


def speak_into_a_full_disk() -> None:
    full = os.open("/dev/full", os.O_WRONLY)
    os.dup2(full, 1)


def test_a_full_disk_behind_standard_output_is_an_error(finished: Finished, tmp_path: Path) -> None:
    if not Path("/dev/full").exists():
        pytest.skip("needs /dev/full")
    ended = dlrs("recommend", finished.newer, home=tmp_path, hook=speak_into_a_full_disk)
    assert ended.code == 2
    assert "No space left on device" in ended.said
    assert "Traceback" not in ended.said


def sort_much(spill: Path | None) -> None:
    with engine.connect(spill=spill) as connection:
        connection.backend.raw_sql("SET memory_limit = '30MB'")
        connection.backend.raw_sql(
            "CREATE TABLE much AS SELECT range AS a, hash(range)::VARCHAR AS b FROM range(1000000)"
        )
        connection.backend.raw_sql("SELECT count(*) FROM (SELECT * FROM much ORDER BY b, a)").fetchall()


def test_joins_spill_beside_the_output_and_nowhere_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    sort_much(tmp_path / "spill")
    with pytest.raises(
        DataError, match=r"expected room for the joins .* Make room there, or take fewer rows"
    ):
        sort_much(None)
    assert list(tmp_path.iterdir()) == []
