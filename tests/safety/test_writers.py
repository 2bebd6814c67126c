"""Several processes at one place, living and dead."""

from __future__ import annotations

import errno
import fcntl
import os
import threading
from pathlib import Path

import pytest

from dlrs import atomic, bundle
from dlrs.errors import ArtifactError
from safety.verbs import VERBS, Finished, begin, contents, dlrs


def write(path: Path, text: str) -> None:
    with bundle.writing(path, "thing", facts={}) as folder:
        (folder / "file.txt").write_text(text)


def read(path: Path) -> str:
    return (bundle.open_folder(path, "thing") / "file.txt").read_text()


def test_a_second_writer_is_told_and_the_first_one_ends_in_peace(tmp_path: Path) -> None:
    with bundle.writing(tmp_path / "out", "thing", facts={}) as folder:
        (folder / "file.txt").write_text("first")
        with pytest.raises(ArtifactError, match=r"received another process at it .* Wait for its end"):
            write(tmp_path / "out", "second")
    assert read(tmp_path / "out") == "first"


@pytest.mark.parametrize(
    ("verb", "place"),
    [
        ("simulate", "data"),
        ("prepare", "prepared"),
        ("train", "trained"),
        ("evaluate", "evaluation"),
        ("publish", "bundles/content"),
        ("run", "prepared"),
    ],
)
def test_a_verb_does_not_write_where_another_process_does(
    verb: str, place: str, finished: Finished, tmp_path: Path
) -> None:
    folder = begin(tmp_path / "out", finished.older, VERBS[verb])
    with atomic.hidden_folder(folder / place) as others:
        (others / "half").write_text("half")
        ended = dlrs(*VERBS[verb].arguments(finished.newer, folder), home=tmp_path)
        assert (others / "half").read_text() == "half"
    assert ended.code == 2
    assert "Wait for its end, or choose another place" in ended.said
    assert contents(folder, VERBS[verb]) == contents(finished.older, VERBS[verb])


def test_places_whose_names_begin_alike_do_not_hinder_each_other(tmp_path: Path) -> None:
    with bundle.writing(tmp_path / "out.new", "thing", facts={}) as folder:
        (folder / "file.txt").write_text("new")
        write(tmp_path / "out", "plain")
        assert folder.exists()
    assert (read(tmp_path / "out"), read(tmp_path / "out.new")) == ("plain", "new")


def test_a_reader_waits_while_a_folder_steps_aside(tmp_path: Path) -> None:
    write(tmp_path / "out", "first")
    found: list[str] = []
    reader = threading.Thread(target=lambda: found.append(read(tmp_path / "out")))
    with atomic.locked(tmp_path):
        (tmp_path / "out").rename(tmp_path / "aside")
        reader.start()
        (tmp_path / "aside").rename(tmp_path / "out")
    reader.join()
    assert found == ["first"]


def test_what_a_dead_writer_had_moved_aside_is_put_back(tmp_path: Path) -> None:
    write(tmp_path / "out", "first")
    (tmp_path / "out").rename(tmp_path / ".out.abc.partial")
    assert read(tmp_path / "out") == "first"
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_a_failing_writer_puts_it_back_too(tmp_path: Path) -> None:
    write(tmp_path / "out", "first")
    (tmp_path / "out").rename(tmp_path / ".out.abc.partial")
    with pytest.raises(ZeroDivisionError), bundle.writing(tmp_path / "out", "thing", facts={}):
        raise ZeroDivisionError
    assert (tmp_path / "out/file.txt").read_text() == "first"


@pytest.mark.parametrize("damage", ["manifest.json", "file.txt"])
def test_half_a_folder_is_never_put_back(damage: str, tmp_path: Path) -> None:
    write(tmp_path / "out", "first")
    (tmp_path / "out").rename(tmp_path / ".out.abc.partial")
    os.truncate(tmp_path / ".out.abc.partial" / damage, 3)
    with pytest.raises(ArtifactError, match="received none"):
        read(tmp_path / "out")
    write(tmp_path / "out", "second")
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_a_folder_that_cannot_take_its_place_leaves_the_older_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path / "out", "first")
    rename = Path.rename

    def fails(self: Path, target: Path) -> Path:
        if (self / "file.txt").exists() and (self / "file.txt").read_text() == "second":
            raise OSError(errno.EIO, "Input/output error", str(self))
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", fails)
    with pytest.raises(ArtifactError, match="Input/output error"):
        write(tmp_path / "out", "second")
    assert read(tmp_path / "out") == "first"
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_what_came_to_the_place_in_the_meantime_is_not_touched(tmp_path: Path) -> None:
    writing = bundle.writing(tmp_path / "out", "thing", facts={})
    writing.__enter__()
    (tmp_path / "out").mkdir()
    (tmp_path / "out/cat.jpg").write_text("miaow")
    with pytest.raises(ArtifactError, match="left as it is"):
        writing.__exit__(None, None, None)
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["cat.jpg"]


def test_a_link_to_a_folder_stays_a_link(tmp_path: Path) -> None:
    write(tmp_path / "real", "first")
    (tmp_path / "out").symlink_to("real")
    write(tmp_path / "out", "second")
    assert (tmp_path / "out").is_symlink()
    assert read(tmp_path / "real") == "second"


def test_a_file_system_without_locks_serves_one_writer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuses(*_: object) -> None:
        raise OSError(errno.EBADF, "Bad file descriptor")

    monkeypatch.setattr(fcntl, "flock", refuses)
    (tmp_path / ".out.abc.partial").mkdir()
    write(tmp_path / "out", "first")
    write(tmp_path / "out", "second")
    assert read(tmp_path / "out") == "second"
    assert sorted(path.name for path in tmp_path.iterdir()) == [".out.abc.partial", "out"]


def test_a_damaged_bundle_is_published_anew(finished: Finished, tmp_path: Path) -> None:
    publish = VERBS["publish"]
    folder = begin(tmp_path / "out", finished.newer, publish)
    bundles = folder / "bundles"
    file = bundle.current_bundle(bundles) / "items.arrow"
    file.write_bytes(file.read_bytes()[::-1])  # as many bytes
    assert dlrs(*publish.arguments(finished.newer, folder), home=tmp_path).code == 0
    assert contents(folder, publish) == contents(finished.newer, publish)
