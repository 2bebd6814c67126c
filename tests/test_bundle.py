from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from dlrs import bundle
from dlrs.errors import ArtifactError


def _write(path: Path, text: str = "hello", kind: str = "thing") -> bundle.Folder:
    with bundle.writing(path, kind, facts={"n": 1}) as folder:
        (folder / "sub").mkdir()
        (folder / "sub" / "file.txt").write_text(text)
    return bundle.open_folder(path, kind)


def test_what_is_written_can_be_opened_and_verified(tmp_path: Path) -> None:
    folder = _write(tmp_path / "out")
    folder.verify()
    assert folder.facts == {"n": 1}
    assert (folder / "sub/file.txt").read_text() == "hello"
    assert [p.name for p in tmp_path.iterdir()] == ["out"]  # no temporary folder is left


def test_a_failure_leaves_nothing_new_and_nothing_lost(tmp_path: Path) -> None:
    _write(tmp_path / "out", "first")
    with pytest.raises(ZeroDivisionError), bundle.writing(tmp_path / "out", "thing", facts={}) as folder:
        (folder / "file.txt").write_text(f"half {1 / 0}")
    assert (tmp_path / "out/sub/file.txt").read_text() == "first"
    assert [p.name for p in tmp_path.iterdir()] == ["out"]


def test_an_older_folder_is_replaced_whole(tmp_path: Path) -> None:
    _write(tmp_path / "out", "first")
    with bundle.writing(tmp_path / "out", "thing", facts={}) as folder:
        (folder / "other.txt").write_text("second")
    assert sorted(p.name for p in (tmp_path / "out").iterdir()) == ["manifest.json", "other.txt"]
    assert [p.name for p in tmp_path.iterdir()] == ["out"]


def test_a_folder_of_somebody_else_is_not_touched(tmp_path: Path) -> None:
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos/cat.jpg").write_text("miaow")
    with pytest.raises(ArtifactError, match="left as it is"):
        _write(tmp_path / "photos")
    assert (tmp_path / "photos/cat.jpg").read_text() == "miaow"


def test_a_folder_of_another_kind_is_not_touched(tmp_path: Path) -> None:
    _write(tmp_path / "out", kind="thing")
    with pytest.raises(
        ArtifactError, match="older folder of kind 'other', received a folder of kind 'thing'"
    ):
        _write(tmp_path / "out", kind="other")
    bundle.open_folder(tmp_path / "out", "thing").verify()


def test_a_manifest_of_somebody_else_protects_its_folder(tmp_path: Path) -> None:
    (tmp_path / "app").mkdir()
    (tmp_path / "app/manifest.json").write_text('{"name": "an app"}')
    with pytest.raises(ArtifactError, match="left as it is"):
        _write(tmp_path / "app")
    assert (tmp_path / "app/manifest.json").read_text() == '{"name": "an app"}'


def test_damage_is_found(tmp_path: Path) -> None:
    file = _write(tmp_path / "out") / "sub/file.txt"
    file.write_text("jello")  # same size
    with pytest.raises(ArtifactError, match="SHA-256"):
        bundle.open_folder(tmp_path / "out", "thing").verify()
    file.write_text("hel")  # cut short: found without reading
    with pytest.raises(ArtifactError, match="another size"):
        bundle.open_folder(tmp_path / "out", "thing")


def test_kind_and_absence_are_named(tmp_path: Path) -> None:
    _write(tmp_path / "out")
    with pytest.raises(ArtifactError, match="'prepared', received 'thing'"):
        bundle.open_folder(tmp_path / "out", "prepared")
    with pytest.raises(ArtifactError, match="received none"):
        bundle.open_folder(tmp_path / "nowhere", "thing")


def test_a_bundle_is_named_by_its_content(tmp_path: Path) -> None:
    registry = tmp_path / "registry"
    one = bundle.publish(registry, _write(tmp_path / "a", "one").path, facts={})
    two = bundle.publish(registry, _write(tmp_path / "b", "two").path, facts={})
    again = bundle.publish(registry, _write(tmp_path / "c", "one").path, facts={})
    assert one.path == again.path != two.path
    assert bundle.current_bundle(registry).path == one.path
    bundle.make_current(registry, two.path.name)  # roll back
    assert bundle.current_bundle(registry).path == two.path


def test_a_registry_without_a_bundle_says_so(tmp_path: Path) -> None:
    with pytest.raises(ArtifactError, match="dlrs publish"):
        bundle.current_bundle(tmp_path)


def test_a_killed_writer_leaves_the_old_folder_whole(tmp_path: Path) -> None:
    _write(tmp_path / "out", "first")
    program = (
        "import sys, time; from pathlib import Path; from dlrs import bundle\n"
        "with bundle.writing(Path(sys.argv[1]), 'thing', facts={}) as folder:\n"
        "    (folder / 'half').write_text('half'); print('ready', flush=True); time.sleep(60)\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program, str(tmp_path / "out")], stdout=subprocess.PIPE
    ) as writer:
        assert writer.stdout is not None
        assert writer.stdout.readline() == b"ready\n"
        os.kill(writer.pid, signal.SIGKILL)
    bundle.open_folder(tmp_path / "out", "thing").verify()
    assert (tmp_path / "out/sub/file.txt").read_text() == "first"
    assert len(list(tmp_path.glob(".out.*.partial"))) == 1
    _write(tmp_path / "out", "second")  # the next writer clears up
    assert [p.name for p in tmp_path.iterdir()] == ["out"]
