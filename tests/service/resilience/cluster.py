"""A PostgreSQL server of a test's own, which it may stop and start."""

from __future__ import annotations

import os
import pwd
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

OWNER = "postgres"
"""The user that the server runs as where the tests run as root, which it refuses."""

SETTINGS = (
    "listen_addresses=127.0.0.1",
    "unix_socket_directories=",
    "max_connections=60",
    "shared_buffers=32MB",
)
INSTALLED = Path("/usr/lib/postgresql")  # where Debian keeps what is not in the PATH
MEMORY = Path("/dev/shm")
"""A disk in memory, where there is one: it is the server that crashes here, not the machine."""


class Cluster:
    """A server with one empty database, on a free port of this machine."""

    def __init__(self, binaries: Path, folder: Path, port: int) -> None:
        self._binaries, self._folder, self._port = binaries, folder, port
        self.url = f"postgresql://{OWNER}@127.0.0.1:{port}/postgres"

    def make(self) -> None:
        self._run("initdb", "--auth=trust", f"--username={OWNER}", "--encoding=UTF8", "--no-locale")

    def start(self) -> None:
        """Start it, and wait until it answers: it recovers from its log first."""
        options = " ".join(f"-c {setting}" for setting in (*SETTINGS, f"port={self._port}"))
        log = str(self._folder / "server.log")
        self._run("pg_ctl", "start", "--wait", "--timeout=60", f"--log={log}", f"--options={options}")

    def stop(self) -> None:
        """End it at once, as a crash does: nothing is flushed, all connections end."""
        self._run("pg_ctl", "stop", "--mode=immediate", "--wait")

    def is_running(self) -> bool:
        return self._run("pg_ctl", "status", check=False) == 0

    def _run(self, program: str, *arguments: str, check: bool = True) -> int:
        as_owner = ["runuser", "-u", OWNER, "--"] if os.geteuid() == 0 else []
        place = f"--pgdata={self._folder / 'data'}"
        command = [*as_owner, str(self._binaries / program), place, *arguments]
        # no pipes: the server would keep them open
        with (self._folder / "said").open("w+") as said:
            status = subprocess.run(command, stdout=said, stderr=said, cwd="/", check=False).returncode
            said.seek(0)
            assert status == 0 or not check, said.read()
        return status


@contextmanager
def cluster() -> Iterator[Cluster]:
    """A server that runs; skips where none is installed."""
    binaries = _binaries()
    if binaries is None:
        pytest.skip("no initdb: PostgreSQL's server is not installed")
    if os.geteuid() == 0 and not _has_owner():
        pytest.skip(f"PostgreSQL does not run as root, and there is no user {OWNER}")
    # not below pytest's folder, which nobody else may enter
    somewhere = MEMORY if os.access(MEMORY, os.W_OK) else None
    with tempfile.TemporaryDirectory(prefix="dlrs-postgresql-", dir=somewhere) as place:
        if os.geteuid() == 0:
            shutil.chown(place, OWNER)
        made = Cluster(binaries, Path(place), _free_port())
        made.make()
        made.start()
        try:
            yield made
        finally:
            if made.is_running():
                made.stop()


def _binaries() -> Path | None:
    known = shutil.which("initdb")
    if known is not None:
        return Path(known).resolve().parent
    installed = sorted(INSTALLED.glob("*/bin/initdb"), key=lambda file: int(file.parts[-3].split(".")[0]))
    return installed[-1].parent if installed else None


def _has_owner() -> bool:
    try:
        pwd.getpwnam(OWNER)
    except KeyError:
        return False
    return True


def _free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port: int = taken.getsockname()[1]
    return port
