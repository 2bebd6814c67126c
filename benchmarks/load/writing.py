"""Writing: how many events and items a second a service takes, each acknowledged when it is safe."""

from __future__ import annotations

import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from benchmarks.load.asking import Asker
from benchmarks.load.bench import Bench
from benchmarks.load.figures import table
from benchmarks.load.processes import Server, cpu_seconds

EVENTS, ITEMS = 50_000, 5_000
BATCH = 1000
WRITERS = 8


def ingest(bench: Bench) -> str:
    """Events in bulk, events one by one from eight writers, items in bulk."""
    with bench.service(bench.plan.counts[0]) as server:
        drawn = bench.market.events(EVENTS + BATCH)
        features = bench.features(server, 500)
        _post(server, [{"events": drawn[EVENTS:]}], "/events", 1)  # the first ones warm up
        bulk = [{"events": drawn[i : i + BATCH]} for i in range(0, EVENTS, BATCH)]
        ones = bench.market.events(200 * WRITERS)
        items = {bench.market.new_id(): features[i % len(features)] for i in range(ITEMS)}
        names = list(items)
        puts = [{"upsert": {id: items[id] for id in names[i : i + BATCH]}} for i in range(0, ITEMS, BATCH)]
        rows = [
            _row("events, 1,000 a request, one writer", EVENTS, server, bulk, "/events", 1),
            _row("events, one a request, eight writers", len(ones), server, ones, "/events", WRITERS),
            _row("items, 1,000 a request, one writer", ITEMS, server, puts, "/items", 1),
        ]
    return table(("what", "number", "a second", "CPU µs for each"), rows)


def _row(
    name: str, number: int, server: Server, bodies: Sequence[Any], path: str, writers: int
) -> list[object]:
    pids = server.pids
    cpu, began = cpu_seconds(pids), time.perf_counter()
    _post(server, bodies, path, writers)
    spent, cpu = time.perf_counter() - began, cpu_seconds(pids) - cpu
    return [name, f"{number:,}", f"{number / spent:,.0f}", f"{1e6 * cpu / number:.0f}"]


def _post(server: Server, bodies: Sequence[Any], path: str, writers: int) -> None:
    """Send all, each writer one after the other; all must be taken whole."""

    def work(part: Sequence[Any]) -> None:
        asker = Asker(server.address)
        for body in part:
            answer = asker.tell("POST", path, body)
            if answer.get("refused"):
                raise RuntimeError(f"POST {path}: expected all to be taken, received {answer['refused'][:3]}")
        asker.close()

    with ThreadPoolExecutor(writers) as pool:
        list(pool.map(work, [bodies[n::writers] for n in range(writers)]))
