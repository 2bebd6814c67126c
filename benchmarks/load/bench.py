"""Bench: what all measurements share: the run that is served, the servers, and one run of load."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from benchmarks.load.asking import Asker
from benchmarks.load.market import Market, Mix, item_path, known
from benchmarks.load.open_loop import Outcome, arrivals, run
from benchmarks.load.processes import Server, cpu_seconds, free_port, machine_seconds, serving
from benchmarks.load.rival import make
from benchmarks.load.wire import Call

from dlrs.folders import RunFolder

EVEN, POISSON = "even", "poisson"


@dataclass(frozen=True)
class Plan:
    """How to measure."""

    run: RunFolder
    work: Path  # logs, the service's state, what the rival needs
    seconds: float = 30
    warm_up: float = 5
    repetitions: int = 3
    rate: float = 100
    workers: int = 1
    counts: tuple[int, ...] = (500, 1000)  # T
    k: int = 20
    mix: Mix = field(default_factory=Mix)
    in_time: float = 0.25  # a good answer is there within so many seconds
    highest: float | None = None  # requests a second, where they are known already; else searched for
    with_rival: bool = True
    options: tuple[str, ...] = ()  # more of them for `dlrs serve`


@dataclass(frozen=True)
class Load:
    """One run of load against a server. Processor times are milliseconds a request."""

    outcome: Outcome
    calls: Sequence[Call]
    server_cpu: float
    own_cpu: float
    others: float  # processors that neither the server nor the generator had, but somebody


class Bench:
    """Starts servers and puts load on them."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.market = Market(plan.run, plan.k)
        self._rng = np.random.default_rng(1)
        self._states = 0

    @contextmanager
    def service(
        self, count: int, *, workers: int | None = None, state: Path | None = None
    ) -> Iterator[Server]:
        """Serve the run with T = `count`; with a state of its own unless told which."""
        port, state = free_port(), state or self.new_state()
        command = [sys.executable, "-m", "dlrs", "serve", str(self.plan.run.path), "--port", str(port)]
        command += ["--workers", str(workers or self.plan.workers), "--state", str(state)]
        command += ["--as-of", "watermark", "--candidates", str(count), *self.plan.options]
        with serving(command, port, self.a_list(), self.plan.work / "service.log") as server:
            yield server

    @contextmanager
    def rival(self) -> Iterator[Server]:
        """Serve the same items by brute force."""
        folder, port = make(self.plan.run, self.plan.work / "rival"), free_port()
        command = [sys.executable, "-m", "benchmarks.load.rival", str(folder), "--port", str(port)]
        with serving(command, port, self.a_list(), self.plan.work / "rival.log") as server:
            yield server

    def a_list(self) -> str:
        """Return the path of some user's list."""
        return self.market.list_path(self.market.users(1)[0])

    def features(self, server: Server, number: int = 100) -> list[dict[str, Any]]:
        """Return features of some items as a service tells them: they can be put under other ids."""
        asker = Asker(server.address)
        answers = [asker.get(item_path(id)) for id in self.market.items(number)]
        asker.close()
        return [known(answer["features"]) for answer in answers]

    def new_state(self) -> Path:
        """Return a folder for a service that begins anew."""
        self._states += 1
        return self.plan.work / f"state-{os.getpid()}-{self._states}"

    def load(
        self,
        server: Server,
        rate: float,
        *,
        pattern: str = EVEN,
        seconds: float | None = None,
        mix: Mix | None = None,
        features: Sequence[dict[str, Any]] = (),
        patience: float = 10.0,
    ) -> Load:
        """Put load on a server for the warm-up and `seconds`, those of the plan unless told otherwise."""
        whole = self.plan.warm_up + (seconds or self.plan.seconds)
        due_N = arrivals(rate, whole, self._rng if pattern == POISSON else None)
        calls = self.market.calls(len(due_N), mix or Mix(), features)
        pids = server.pids
        busy, cpu = machine_seconds(), cpu_seconds(pids)
        outcome = run(server.address, calls, due_N, patience=patience)
        cpu, busy = cpu_seconds(pids) - cpu, machine_seconds() - busy
        n = max(1, len(due_N))
        others = max(0.0, busy - cpu - outcome.cpu) / whole
        return Load(outcome, calls, 1e3 * cpu / n, 1e3 * outcome.cpu / n, others)
