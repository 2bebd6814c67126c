from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from dlrs.service import metrics_folder

KILLED = """
import os, sys, time
from pathlib import Path
from dlrs.service import metrics_folder
metrics_folder.MEMORY = Path(sys.argv[1])
with metrics_folder.shared():
    worker = os.fork()
    if worker:
        print(worker, flush=True)
    time.sleep(60)
"""


@pytest.fixture(autouse=True)
def memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(metrics_folder, "MEMORY", tmp_path)
    monkeypatch.setattr(metrics_folder, "YOUNG", -1.0)
    return tmp_path


def test_a_killed_services_folder_is_deleted_once_all_its_processes_ended(memory: Path) -> None:
    command = [sys.executable, "-c", KILLED, str(memory)]
    parent = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    worker = int(parent.stdout.readline())
    parent.kill()
    parent.wait()
    (left,) = memory.iterdir()
    with metrics_folder.shared() as folder:
        assert set(memory.iterdir()) == {left, folder}  # its worker still writes there
        os.kill(worker, signal.SIGKILL)
        until = time.monotonic() + 20
        while left.exists() and time.monotonic() < until:
            metrics_folder._sweep(memory)
        assert set(memory.iterdir()) == {folder}
    assert list(memory.iterdir()) == []
    parent.stdout.close()


def test_one_that_is_just_being_made_stays(memory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(metrics_folder, "YOUNG", 60.0)
    new = memory / f"{metrics_folder.PREFIX}new"
    new.mkdir()
    with metrics_folder.shared():
        assert new.exists()
