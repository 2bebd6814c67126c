"""An open-loop load generator: requests leave when they are due, however long the answers take.

Latency counts from the moment at which a request was due, so that a server that stalls pays for all whom
it kept waiting. Connections are kept alive; a request that finds none free opens another one, up to a most;
beyond that it waits in line, and its clock runs. One thread, one epoll: the machine's few cores are the
server's. Where the system allows it, the generator goes before other programs: its waiting would count as
the server's.

    N requests    Times are seconds since the start of the run.
"""

from __future__ import annotations

import gc
import os
import select
import socket
import time
from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field

import numpy as np
from benchmarks.load.wire import Call, Reply, take_reply

from dlrs.arrays import Doubles, Ints

DEGRADED = b'"degraded":"'
READ = 1 << 18
SELECTABLE = 1024  # FD_SETSIZE


def arrivals(rate: float, seconds: float, rng: np.random.Generator | None = None) -> Doubles:
    """Return when requests are due: evenly, or, with a generator of chance, as a Poisson process."""
    count = round(rate * seconds)
    if rng is None:
        return np.arange(count) / rate
    return np.sort(rng.uniform(0, seconds, rng.poisson(rate * seconds)))


@dataclass
class Outcome:
    """What became of N requests. `done_N` is NaN and `status_N` 0 where no answer came."""

    due_N: Doubles
    sent_N: Doubles
    done_N: Doubles
    status_N: Ints
    degraded_N: Ints  # 1: the answer says that it is less than the whole path
    retry_N: Ints  # 1: the answer says when to come again
    kept: list[tuple[int, bytes]] = field(default_factory=list)  # bodies of some answers
    cpu: float = 0.0  # processor seconds of the generator itself

    @classmethod
    def of(cls, due_N: Doubles) -> Outcome:
        """Nothing has happened yet."""
        nothing, zeros = np.full(len(due_N), np.nan), np.zeros(len(due_N), dtype=np.int64)
        return cls(due_N, nothing, nothing.copy(), zeros, zeros.copy(), zeros.copy())

    @property
    def latency_N(self) -> Doubles:
        """Seconds from when each request was due to the end of its answer; infinite where none came."""
        return np.where(np.isnan(self.done_N), np.inf, self.done_N - self.due_N)

    @property
    def late_N(self) -> Doubles:
        """Seconds by which each request left too late: the generator's own share of the latency."""
        return self.sent_N - self.due_N


class _Connection:
    """A connection with at most one request under way."""

    __slots__ = ("number", "out", "received", "socket", "waits_to_write")

    def __init__(self, address: tuple[str, int]) -> None:
        self.socket = socket.socket()
        self.socket.setblocking(False)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.socket.connect_ex(address)
        self.number = -1  # of the request under way
        self.out: bytes | memoryview = b""
        self.received = bytearray()
        self.waits_to_write = False


class OpenLoop:
    """One run against one server: see `run`."""

    def __init__(
        self, address: tuple[str, int], calls: Sequence[Call], due_N: Doubles, most: int, keep: int
    ) -> None:
        if len(calls) != len(due_N):
            raise ValueError(f"calls: expected {len(due_N)}, one for each time, received {len(calls)}")
        self._address, self._calls, self._most, self._keep = address, calls, most, keep
        self._epoll = select.epoll()
        self._all: dict[int, _Connection] = {}
        self._free: deque[_Connection] = deque()
        self._line: deque[int] = deque()
        self._open = 0  # requests that are due and not over
        self._began = 0.0
        self.outcome = Outcome.of(due_N)

    def run(self, patience: float) -> Outcome:
        """Send everything; wait at most `patience` seconds for the last answers."""
        due = self.outcome.due_N.tolist()
        cpu, next_one = time.process_time(), 0
        self._began = time.perf_counter()
        while next_one < len(due) or self._open:
            now = self._now()
            while next_one < len(due) and due[next_one] <= now:
                self._line.append(next_one)
                self._open += 1
                next_one += 1
            self._send_line()
            until = due[next_one] if next_one < len(due) else due[-1] + patience
            if until <= now and next_one == len(due):
                break
            self._wait(until - self._now())
        self.outcome.cpu = time.process_time() - cpu
        self._close()
        return self.outcome

    def _now(self) -> float:
        return time.perf_counter() - self._began

    def _wait(self, seconds: float) -> None:
        seconds = max(0.0, seconds)
        # epoll counts in milliseconds, select in microseconds, and an epoll can itself be selected: if it is
        # not a file of so high a number that select does not know it
        if self._epoll.fileno() < SELECTABLE:
            select.select([self._epoll], (), (), seconds)
            seconds = 0.0
        for number, event in self._epoll.poll(seconds):
            connection = self._all[number]
            if event & select.EPOLLOUT:
                self._write(connection)
            if event & (select.EPOLLIN | select.EPOLLHUP | select.EPOLLERR):
                self._read(connection)

    def _send_line(self) -> None:
        while self._line:
            if self._free:
                connection = self._free.popleft()  # in turns: as of many clients, no worker has most of them
            elif len(self._all) < self._most:
                connection = self._connect()
            else:
                return
            connection.number = self._line.popleft()
            connection.out = self._calls[connection.number].data
            self.outcome.sent_N[connection.number] = self._now()
            self._write(connection)

    def _connect(self) -> _Connection:
        connection = _Connection(self._address)
        self._all[connection.socket.fileno()] = connection
        self._epoll.register(connection.socket, select.EPOLLIN)
        return connection

    def _write(self, connection: _Connection) -> None:
        try:
            sent = connection.socket.send(connection.out)
        except BlockingIOError:
            sent = 0
        except OSError:
            self._drop(connection)
            return
        connection.out = memoryview(connection.out)[sent:]
        self._listen(connection, out=len(connection.out) > 0)

    def _listen(self, connection: _Connection, *, out: bool) -> None:
        if connection.waits_to_write != out:
            connection.waits_to_write = out
            self._epoll.modify(connection.socket, select.EPOLLIN | (select.EPOLLOUT if out else 0))

    def _read(self, connection: _Connection) -> None:
        if connection.socket.fileno() < 0:  # dropped a moment ago, by the same event
            return
        try:
            data = connection.socket.recv(READ)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data or connection.number < 0:  # nobody asked: it says good-bye
            self._drop(connection)
            return
        connection.received += data
        reply = take_reply(connection.received)
        if reply is not None:
            self._over(connection, reply)

    def _over(self, connection: _Connection, reply: Reply) -> None:
        n, seen = connection.number, self.outcome
        connection.number = -1
        seen.done_N[n] = self._now()
        seen.status_N[n] = reply.status
        seen.degraded_N[n] = DEGRADED in reply.body
        seen.retry_N[n] = reply.retry_after
        if n % self._keep == 0:
            seen.kept.append((n, reply.body))
        self._open -= 1
        if reply.closes:
            self._drop(connection)
        else:
            self._free.append(connection)

    def _drop(self, connection: _Connection) -> None:
        if connection.number >= 0:
            self._open -= 1
            connection.number = -1
        if connection in self._free:
            self._free.remove(connection)
        del self._all[connection.socket.fileno()]
        connection.socket.close()

    def _close(self) -> None:
        for connection in self._all.values():
            connection.socket.close()
        self._epoll.close()


def run(
    address: tuple[str, int],
    calls: Sequence[Call],
    due_N: Doubles,
    *,
    most: int = 512,
    keep: int = 10,
    patience: float = 10.0,
) -> Outcome:
    """Send each call when it is due.

    `most` connections at most; the body of every `keep`-th answer is kept; `patience` is in seconds.
    """
    gc.collect()
    gc.disable()  # a collection in the middle would count as the server's
    _schedule(os.SCHED_FIFO, 1)
    try:
        return OpenLoop(address, calls, due_N, most, keep).run(patience)
    finally:
        gc.enable()
        _schedule(os.SCHED_OTHER, 0)


def _schedule(policy: int, priority: int) -> None:
    with suppress(PermissionError):
        os.sched_setscheduler(0, policy, os.sched_param(priority))
