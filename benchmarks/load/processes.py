"""Processes: the server's, as Linux tells of them in /proc: processor time and memory."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException
from pathlib import Path

TICKS = os.sysconf("SC_CLK_TCK")
PROC = Path("/proc")


@dataclass(frozen=True)
class Memory:
    """MB of one process. Pages that several map count for each of them in `proportional` by their share."""

    proportional: float  # PSS
    own: float  # USS: pages that no other process maps
    anonymous: float  # of no file: heaps, stacks, and what was copied on writing


def family(pid: int) -> list[int]:
    """Return a process and all that descend from it, the eldest first."""
    parents = {int(p.name): _stat(int(p.name)) for p in PROC.iterdir() if p.name.isdigit()}
    found = [pid]
    for parent in found:
        found += sorted(child for child, fields in parents.items() if fields and int(fields[1]) == parent)
    return found


def cpu_seconds(pids: Sequence[int]) -> float:
    """Return the processor time that processes have taken so far, all their threads together."""
    fields = [_stat(pid) for pid in pids]
    return sum(int(f[11]) + int(f[12]) for f in fields if f) / TICKS


def _stat(pid: int) -> list[str]:
    """Return the fields of /proc/PID/stat from the state on; none where the process is gone."""
    try:
        return (PROC / str(pid) / "stat").read_text().rsplit(")", 1)[1].split()
    except (FileNotFoundError, ProcessLookupError):
        return []


def memory(pid: int) -> Memory:
    """Read the memory of a process."""
    fields: dict[str, int] = {}
    for line in (PROC / str(pid) / "smaps_rollup").read_text().splitlines()[1:]:
        name, value = line.split(":")
        fields[name] = int(value.split()[0])
    own = fields["Private_Clean"] + fields["Private_Dirty"]
    return Memory(fields["Pss"] / 1e3, own / 1e3, fields["Anonymous"] / 1e3)


def forget_pages(folder: Path) -> None:
    """Ask the system to drop a folder's files from its cache, so that they are read from the disk again."""
    for file in folder.rglob("*"):
        if file.is_file():
            with file.open("rb") as opened:
                os.fsync(opened.fileno())
                os.posix_fadvise(opened.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


@dataclass(frozen=True)
class Server:
    """A server that answers; `pid` is the eldest process."""

    address: tuple[str, int]
    pid: int
    seconds: float  # from its start to the first good answer

    @property
    def pids(self) -> list[int]:
        """All its processes."""
        return family(self.pid)


def free_port() -> int:
    """Return a port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def serving(
    command: Sequence[str], port: int, path: str, log: Path, *, patience: float = 300
) -> Iterator[Server]:
    """Start a server, wait until `path` is answered with 200, and stop it at the end.

    Raises:
        RuntimeError: it ended, or did not answer in time; the message holds the end of its log.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("wb") as out:
        began = time.perf_counter()
        process = subprocess.Popen(command, stdout=out, stderr=subprocess.STDOUT)
    try:
        while not answers(("127.0.0.1", port), path):
            spent = time.perf_counter() - began
            if process.poll() is not None or spent > patience:
                raise RuntimeError(
                    f"{' '.join(command)}: no answer after {spent:.0f} s:\n{log.read_text()[-3000:]}"
                )
            time.sleep(0.005)
        yield Server(("127.0.0.1", port), process.pid, time.perf_counter() - began)
    finally:
        _stop(process)


def answers(address: tuple[str, int], path: str) -> bool:
    """Tell whether a GET is answered with 200."""
    connection = HTTPConnection(*address, timeout=30)
    try:
        connection.request("GET", path)
        return connection.getresponse().status == 200
    except (OSError, HTTPException):
        return False
    finally:
        connection.close()


def _stop(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is None:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def machine_seconds() -> float:
    """Return the processor time that all processes of the machine have taken so far."""
    user, nice, system, _idle, _wait, irq, soft, *_ = map(
        int, (PROC / "stat").read_text().split("\n", 1)[0].split()[1:]
    )
    return (user + nice + system + irq + soft) / TICKS
