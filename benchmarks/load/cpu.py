"""CPU: the processor time of a list, by thread and by stage, whatever else the machine does meanwhile.

Some clients ask one list after the other over connections that they keep. How long they wait depends on what
programs do; how much processor time the service takes depends on it far less. Each list is of another
user, as nearly each is where there are many: nothing is remembered of him.
"""

from __future__ import annotations

import json
import select
import socket
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from benchmarks.load.bench import Bench
from benchmarks.load.figures import spread, table
from benchmarks.load.market import LIST, Market
from benchmarks.load.processes import Server
from benchmarks.load.wire import Call, take_reply

PROC = Path("/proc")
CLIENTS = 2
"""Connections for each worker: it always has a list to do, and never two to wait for."""


def cpu(bench: Bench) -> str:
    """Processor time of a list: of the event loop, of the thread that makes it, of all others; by stage."""
    plan, rows = bench.plan, list[list[object]]()
    stages: dict[str, list[object]] = {}
    first, lists = int(plan.rate * plan.warm_up), int(plan.rate * plan.seconds)
    for count in plan.counts:
        calls = distinct_calls(bench.market, first + lists * plan.repetitions)
        with bench.service(count) as server:
            ask(server, calls[:first], CLIENTS * plan.workers)
            starts = range(first, len(calls), lists)
            runs = [_measured(server, calls[start : start + lists], plan.workers) for start in starts]
        parts = zip(*(parts for parts, _ in runs), strict=True)
        rows.append([f"T = {count:,}", lists, *(spread(list(part), 2) for part in parts)])
        stages[f"T = {count:,}"] = [f"{name} {ms:.2f}" for name, ms in runs[-1][1].items()]
    head = ("", "lists", "all", "event loop", "requests' thread", "the others")
    medians = "; ".join(f"{name}: {', '.join(map(str, parts))}" for name, parts in stages.items())
    return f"Milliseconds of processor time a list.\n\n{table(head, rows)}\n\nMedians of stages: {medians}"


def distinct_calls(market: Market, number: int) -> list[Call]:
    """Draw calls of distinct users, the active ones more likely; all of them again where they run out."""
    users = list(dict.fromkeys(market.users(4 * number)))[:number]
    order = np.random.default_rng(0).permutation(number) % len(users)
    return [Call.of(LIST, "GET", market.list_path(users[place])) for place in order.tolist()]


def _measured(server: Server, calls: Sequence[Call], workers: int) -> tuple[list[float], dict[str, float]]:
    before = [threads(pid) for pid in server.pids]
    bodies = ask(server, calls, CLIENTS * workers)
    after = [threads(pid) for pid in server.pids]
    loop, requests, rest = 0.0, 0.0, 0.0
    for pid, were, are in zip(server.pids, before, after, strict=True):
        spent = {thread: ns - were.get(thread, 0) for thread, ns in are.items()}
        loop += spent.pop(pid)
        busiest = max(spent, key=lambda thread: spent[thread], default=None)
        requests += spent.pop(busiest) if busiest is not None else 0
        rest += sum(spent.values())
    parts = [ns / 1e6 / len(calls) for ns in (loop + requests + rest, loop, requests, rest)]
    return parts, _stages(bodies)


def _stages(bodies: Sequence[bytes]) -> dict[str, float]:
    found: dict[str, list[float]] = defaultdict(list)
    for body in bodies:
        for name, ms in json.loads(body)["stages"].items():
            found[name].append(ms)
    return {name: float(np.median(values)) for name, values in found.items()}


def threads(pid: int) -> dict[int, int]:
    """Return the nanoseconds of processor time of each thread of a process so far."""
    found = {}
    for thread in (PROC / str(pid) / "task").iterdir():
        try:
            found[int(thread.name)] = int((thread / "schedstat").read_text().split()[0])
        except (FileNotFoundError, ProcessLookupError):
            continue
    return found


def ask(server: Server, calls: Sequence[Call], clients: int) -> list[bytes]:
    """Send all calls over so many connections, each the next one when it has its answer; the bodies."""
    waiting = iter(calls)
    received: dict[int, bytearray] = {}
    bodies: list[bytes] = []
    sockets = {}
    with select.epoll() as poll:
        for _ in range(clients):
            if (call := next(waiting, None)) is None:
                break
            client = socket.create_connection(server.address)
            client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            sockets[client.fileno()], received[client.fileno()] = client, bytearray()
            poll.register(client, select.EPOLLIN)
            client.sendall(call.data)
        while len(bodies) < len(calls):
            for number, _ in poll.poll(60):
                data = sockets[number].recv(1 << 18)
                if not data:
                    raise RuntimeError("expected an answer, received the end of the connection")
                received[number] += data
                if (reply := take_reply(received[number])) is None:
                    continue
                if reply.status != 200:
                    raise RuntimeError(f"expected 200, received {reply.status}: {reply.body[:200]!r}")
                bodies.append(reply.body)
                if (call := next(waiting, None)) is not None:
                    sockets[number].sendall(call.data)
    for client in sockets.values():
        client.close()
    return bodies
