"""The gold standard killed right before changes that it makes on the disk, and asked for again."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest

from dlrs.arrays import Ints
from dlrs.bundle import open_folder
from dlrs.errors import ArtifactError
from dlrs.evaluation import gold_standard
from dlrs.evaluation.gold_standard import KIND, GoldStandard
from safety.killing import around_renames, evenly
from safety.verbs import Ended, Finished, Stop, dlrs, litter


def one_user_a_file() -> None:
    gold_standard.USERS = 1


def ask(finished: Finished, folder: Path, stop: Stop | None = None) -> Ended:
    folder.mkdir(exist_ok=True)
    home = folder.with_name(f"{folder.name}.home")
    home.mkdir(exist_ok=True)
    arguments = finished.newer / "prepared", finished.newer / "trained", "--out", folder / "gold"
    return dlrs("candidates", "gold", *arguments, home=home, hook=one_user_a_file, stop=stop)


def items(folder: Path) -> Ints:
    open_folder(folder / "gold", KIND).verify()
    return GoldStandard.open(folder / "gold").items_UK.astype("int64")


def test_killed_it_leaves_all_or_nothing_and_goes_on(finished: Finished, tmp_path: Path) -> None:
    ended = ask(finished, tmp_path / "peace")
    assert ended.code == 0, ended.said
    whole = items(tmp_path / "peace")
    for moment in {*around_renames(ended.changes), *evenly(ended.changes, 3)}:
        folder = tmp_path / str(moment)
        assert ask(finished, folder, Stop(moment)).code == -signal.SIGKILL
        if (folder / "gold").exists():
            assert items(folder).tolist() == whole.tolist()
        assert ask(finished, folder).code == 0
        assert items(folder).tolist() == whole.tolist()
        assert litter(folder) == []


def test_a_polite_signal_leaves_the_finished_users_only(finished: Finished, tmp_path: Path) -> None:
    changes = ask(finished, tmp_path / "peace").changes
    moment = around_renames(changes)[2]
    ended = ask(finished, tmp_path / "out", Stop(moment, signal.SIGTERM))
    assert ended.code == 128 + signal.SIGTERM
    with pytest.raises(ArtifactError):
        open_folder(tmp_path / "out" / "gold", KIND)
    assert [Path(path).suffix for path in litter(tmp_path / "out")] == [".parts"]
    assert [file.suffix for file in (tmp_path / "out").rglob("*") if file.is_file()] == [".npz"]
