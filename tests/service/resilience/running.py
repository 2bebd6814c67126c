"""Services as real processes: one, or the three apart; each with a client."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from dlrs.client import Client

CLOCK = ("--as-of", "watermark")
PATIENCE = 20.0  # seconds until something that comes by itself has come


@dataclass(frozen=True)
class Served:
    """A process that serves, and where."""

    process: subprocess.Popen[str]
    url: str


@dataclass(frozen=True)
class Services:
    """Clients of the three services; they may be one. `registry` is their own to publish into."""

    registry: Path
    ranking: Client
    candidates: Client
    profiles: Client
    processes: Sequence[subprocess.Popen[str]]


@contextmanager
def serving(registry: Path, state: Path, *options: str) -> Iterator[Served]:
    """Give a service that is ready. What it logs stands in `state`.log."""
    place = ("--state", str(state), "--port", "0", *CLOCK)
    command = [sys.executable, "-m", "dlrs", "serve", str(registry), *place, *options]
    with state.with_suffix(".log").open("a") as log:
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log, text=True)
    assert process.stdout is not None
    try:
        ready = next((line for line in process.stdout if line.startswith("ready: ")), None)
        if ready is None:
            pytest.fail(f"not ready: {state.with_suffix('.log').read_text()[-2000:]}")
        yield Served(process, ready.split()[1])
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


@contextmanager
def together(registry: Path, state: Path, *options: str) -> Iterator[Services]:
    """All in one service."""
    with serving(registry, state, *options) as served, Client(served.url) as client:
        yield Services(registry, client, client, client, [served.process])


@contextmanager
def apart(registry: Path, state: Path, *options: str) -> Iterator[Services]:
    """The three services apart; `options` are the Ranking Service's."""
    state.mkdir()
    with serving(registry, state / "c", "--only", "candidates") as candidates:
        there = ("--candidates-url", candidates.url)
        with serving(registry, state / "p", "--only", "profiles", *there) as profiles:
            both = (*there, "--profiles-url", profiles.url, *options)
            with serving(registry, state / "r", "--only", "ranking", *both) as ranking:
                parts = (ranking, candidates, profiles)
                with Client(ranking.url) as one, Client(candidates.url) as two, Client(profiles.url) as three:
                    yield Services(registry, one, two, three, [part.process for part in parts])


def eventually(test: Callable[[], bool]) -> bool:
    """Tell whether something comes true by itself."""
    until = time.monotonic() + PATIENCE
    while not test() and time.monotonic() < until:
        time.sleep(0.05)
    return test()


def ids(answer: dict[str, object]) -> list[str]:
    """Return the ids of a list."""
    items = answer["items"]
    assert isinstance(items, list)
    return [item["id"] for item in items]
