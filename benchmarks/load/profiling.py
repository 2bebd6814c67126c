"""Profiling: where a server's processor time goes under load, by py-spy (`pip install py-spy`)."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks.load.figures import table


@contextmanager
def profiled(pid: int, out: Path, rate: int = 250) -> Iterator[None]:
    """Sample the stacks of a process during the block; they go to `out`, collapsed, one a line.

    `out` can be drawn by any flame-graph tool. Set PYSPY where py-spy is not in the path.
    """
    command = os.environ.get("PYSPY") or shutil.which("py-spy")
    if command is None:
        raise SystemExit("profile: expected py-spy in the path, received none. Install it, or set PYSPY.")
    out.unlink(missing_ok=True)
    with tempfile.TemporaryFile() as said:
        arguments = ["--pid", str(pid), "--format", "raw", "--output", str(out), "--rate", str(rate)]
        sampler = subprocess.Popen(
            [command, "record", *arguments, "--duration", "unlimited", "--nolineno"],
            stdout=said,
            stderr=said,
        )
        try:
            yield
        finally:
            sampler.send_signal(signal.SIGINT)
            sampler.wait(60)
        if not out.exists():
            said.seek(0)
            raise SystemExit(f"profile: py-spy wrote nothing: {said.read().decode()[-2000:]}")


def hot_spots(stacks: Path, most: int = 40) -> str:
    """Return two tables: where time is spent itself, and within what; per cent of the samples."""
    own, within = count(stacks.read_text(encoding="utf-8").splitlines())
    total = max(1, sum(own.values()))
    parts = []
    for title, counts in (("itself", own), ("with what it calls", within)):
        rows = [(f"{100 * n / total:.1f}", f"`{name}`") for name, n in counts.most_common(most)]
        parts.append(table(["%", title], rows))
    return "\n\n".join(parts)


def count(lines: list[str]) -> tuple[Counter[str], Counter[str]]:
    """Count the samples of each function itself, and with what it calls; recursion counts once.

    A line is `outer;inner;innermost 12`: frames and in how many samples they were seen.
    """
    own: Counter[str] = Counter()
    within: Counter[str] = Counter()
    for line in lines:
        stack, number = line.rsplit(" ", 1)
        frames = stack.split(";")
        own[frames[-1]] += int(number)
        for frame in set(frames):
            within[frame] += int(number)
    return own, within
