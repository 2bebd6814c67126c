"""Processes that work beside each other: all are run, none outlives who started it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from dlrs.progress import stage
from dlrs.training.apart import run_apart


def note(folder: Path, name: str, way: str) -> None:
    """Write down who ran; end as `way` says."""
    with stage(f"Work of {os.getpid()}"):
        (folder / name).write_text(str(os.getpid()))
    if way == "killed":
        os.kill(os.getpid(), signal.SIGKILL)
    if way == "wrong":
        raise ValueError(way)
    if way == "forever":
        time.sleep(600)


def test_each_is_run_in_a_process_of_its_own_however_others_end(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    ways = {"first": "well", "second": "killed", "third": "wrong", "fourth": "well"}
    run_apart(note, {name: (tmp_path, name, way) for name, way in ways.items()}, at_once=2)
    pids = {(tmp_path / name).read_text() for name in ways}
    assert len(pids | {str(os.getpid())}) == len(ways) + 1
    said = capfd.readouterr().err
    assert "Traceback" not in said
    for name in ways:
        assert f"{name}: Work of {(tmp_path / name).read_text()}" in said


ENDLESS = """
import signal
import sys
from pathlib import Path
from dlrs.training.apart import run_apart
from training.test_apart import note
if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.default_int_handler)  # ignored where tests run in the background
    run_apart(note, {name: (Path(sys.argv[1]), name, "forever") for name in ("a", "b")}, 2)
"""


@pytest.mark.parametrize("sign", [signal.SIGKILL, signal.SIGINT])
def test_none_outlives_who_started_it(tmp_path: Path, sign: signal.Signals) -> None:
    script = tmp_path / "endless.py"
    script.write_text(ENDLESS)
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parents[1])}
    started = subprocess.Popen(
        [sys.executable, script, tmp_path], env=environment, stderr=subprocess.DEVNULL, start_new_session=True
    )
    notes = [tmp_path / "a", tmp_path / "b"]
    wait_until(lambda: all(one.exists() and one.read_text() for one in notes))
    started.send_signal(sign)
    started.wait(timeout=60)
    wait_until(lambda: not any(is_running(int(one.read_text())) for one in notes))


def wait_until(holds: object, seconds: float = 60) -> None:
    assert callable(holds)
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end
        time.sleep(0.05)


def is_running(pid: int) -> bool:
    try:
        status = Path(f"/proc/{pid}/stat").read_text()
    except FileNotFoundError:
        return False
    return status.rpartition(")")[2].split()[0] != "Z"
