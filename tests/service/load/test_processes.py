"""What is read of processes, on real ones."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
from benchmarks.load.processes import cpu_seconds, family, free_port, machine_seconds, memory, serving
from benchmarks.load.profiling import count, hot_spots

FAMILY = "import subprocess, sys; subprocess.run(['sleep', '60'], stdin=subprocess.PIPE)"


def test_a_family_is_a_process_and_its_descendants() -> None:
    with subprocess.Popen([sys.executable, "-c", FAMILY]) as process:
        while len(found := family(process.pid)) < 2:
            time.sleep(0.01)
        for pid in reversed(found):
            os.kill(pid, 15)
    assert found[0] == process.pid
    assert cpu_seconds([process.pid]) == 0  # gone


def test_processor_time_is_that_of_the_process() -> None:
    before, machine, own = cpu_seconds([os.getpid()]), machine_seconds(), time.process_time()
    while time.process_time() - own < 0.1:
        pass
    spent = cpu_seconds([os.getpid()]) - before
    assert 0.08 <= spent <= time.process_time() - own + 0.03  # ticks of 10 ms
    assert machine_seconds() - machine >= 0.08


def test_memory_that_is_touched_counts() -> None:
    before = memory(os.getpid())
    content = bytearray(os.urandom(64_000_000))
    after = memory(os.getpid())
    assert after.anonymous - before.anonymous > 50
    assert after.own - before.own > 50
    assert len(content) == 64_000_000


def test_a_server_that_ends_at_once_is_told_of_with_its_log(tmp_path: Path) -> None:
    command = [sys.executable, "-c", "print('no such bundle')"]
    with (
        pytest.raises(RuntimeError, match="no such bundle"),
        serving(command, free_port(), "/", tmp_path / "log"),
    ):
        pass


def test_a_server_is_waited_for_and_stopped(tmp_path: Path) -> None:
    port = free_port()
    command = [sys.executable, "-m", "http.server", str(port), "--bind", "127.0.0.1"]
    with serving([*command, "--directory", str(tmp_path)], port, "/", tmp_path / "log") as server:
        assert server.pids[0] == server.pid
        assert server.seconds > 0
    assert family(server.pid) == [server.pid]
    assert cpu_seconds([server.pid]) == 0  # gone


def test_samples_count_for_the_innermost_function_and_once_for_each_around_it(tmp_path: Path) -> None:
    lines = ["a;b;c 3", "a;b 1", "a;b;a 2"]
    own, within = count(lines)
    assert own == {"c": 3, "b": 1, "a": 2}
    assert within == {"a": 6, "b": 6, "c": 3}
    (tmp_path / "stacks").write_text("\n".join(lines))
    assert "| 50.0 | `c` |" in hot_spots(tmp_path / "stacks")
