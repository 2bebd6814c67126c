"""Two workers under torchrun: one is killed, and the same command goes on to the same end."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from dlrs import pipeline
from safety.verbs import NEWER, VERBS, contents, litter, simulate_quick

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="looks for the workers in /proc")
EPOCHS = 30
SECONDS = 300


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    run = tmp_path_factory.mktemp("market")
    recipe = simulate_quick(run, NEWER, epochs=EPOCHS, patience=EPOCHS)
    return pipeline.prepare(recipe, run / "prepared").path


def torchrun(prepared: Path, out: Path) -> subprocess.Popen[str]:
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        port = listening.getsockname()[1]
    command = ["--nproc-per-node", "2", "--master-port", port, "-m", "dlrs", "train", prepared, "--out", out]
    return subprocess.Popen(
        [sys.executable, "-m", "torch.distributed.run", *map(str, command)],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )


def worker(of: subprocess.Popen[str], rank: int) -> int:
    """Return the process of a rank."""
    children = Path(f"/proc/{of.pid}/task/{of.pid}/children").read_text().split()
    named = f"RANK={rank}".encode()
    found = [child for child in children if named in Path(f"/proc/{child}/environ").read_bytes().split(b"\0")]
    return int(found[0])


def kill(of: subprocess.Popen[str], rank: int, *, after: Path, steps: int) -> None:
    """Kill a rank once the checkpoint below a folder was replaced so many times."""
    seen: set[int] = set()
    until = time.monotonic() + SECONDS
    while len(seen) <= steps:
        assert of.poll() is None, "ended before it could be killed"
        assert time.monotonic() < until
        for file in after.glob("*/validated/checkpoint.safetensors"):
            seen.add(file.stat().st_mtime_ns)
        time.sleep(0.002)
    os.kill(worker(of, rank), signal.SIGKILL)


def test_a_killed_worker_is_named_and_the_same_command_goes_on(prepared: Path, tmp_path: Path) -> None:
    peace = torchrun(prepared, tmp_path / "peace" / "trained")
    said, _ = peace.communicate(timeout=SECONDS)
    assert peace.returncode == 0, said
    assert said.count("Trained ") == 1, "only the first one speaks"

    out = tmp_path / "killed" / "trained"
    for victim in (1, 0):
        started = torchrun(prepared, out)
        kill(started, victim, after=out.with_name(".trained.checkpoints"), steps=3)
        said, _ = started.communicate(timeout=SECONDS)
        assert started.returncode != 0
        assert f"rank {1 - victim} of 2 workers ends" in said
        assert "start the same command again" in said
        assert f"rank      : {victim} (local_rank: {victim})" in said.split("Root Cause")[1]
        assert not out.exists()

    again = torchrun(prepared, out)
    said, _ = again.communicate(timeout=SECONDS)
    assert again.returncode == 0, said
    verb = VERBS["train"]
    assert contents(out.parent, verb) == contents(tmp_path / "peace", verb)
    assert litter(out.parent) == []
