"""Freshness: how soon lists know of an event, of a new item, and that an item is gone, under load.

One trial after the other, of users drawn at random. The event is with the first item of the user's list: it
counts as seen when the item is not in his list any more. The new item has the features of the first of his
list, so that it belongs there: it is found when it is. Then it is deleted: it is gone when it is not.
"""

from __future__ import annotations

import multiprocessing
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
from benchmarks.load.asking import Asker
from benchmarks.load.bench import Bench
from benchmarks.load.figures import percentile, table
from benchmarks.load.market import Market, item_path, known
from benchmarks.load.open_loop import arrivals, run
from benchmarks.load.processes import Server

PATIENCE = 5.0
"""Seconds after which a trial is given up: it counts as infinitely late."""


@dataclass(frozen=True)
class Delay:
    """Milliseconds since a write was sent, and how many lists were asked for until one showed it."""

    acknowledged: float
    shown: float
    lists: int


def freshness(bench: Bench, trials: int = 200, rate: float = 50.0) -> str:
    """Delays of events, new items and deletions while others ask for lists."""
    with bench.service(bench.plan.counts[0]) as server, background(bench, server, rate):
        asker = Asker(server.address)
        found = [_trial(asker, bench.market) for _ in range(trials)]
        asker.close()
    kinds = ("event → ranked list", "new item → found", "deleted item → gone")
    rows = [_row(kind, [trial[place] for trial in found]) for place, kind in enumerate(kinds)]
    head = ("what", "n", "acknowledged p50", "p99", "shown p50", "p99", "max", "in the next list")
    return (
        f"Milliseconds since the write was sent; {rate:.0f} lists a second beside it.\n\n{table(head, rows)}"
    )


@contextmanager
def background(bench: Bench, server: Server, rate: float) -> Iterator[None]:
    """Ask for lists at a rate, in a process of its own, until the end of the block."""
    due_N = arrivals(rate, 600)
    arguments = (server.address, bench.market.calls(len(due_N)), due_N)
    process = multiprocessing.get_context("spawn").Process(target=run, args=arguments, daemon=True)
    process.start()
    time.sleep(bench.plan.warm_up)
    try:
        yield
    finally:
        process.kill()
        process.join()


def _trial(asker: Asker, market: Market) -> tuple[Delay, Delay, Delay]:
    user = market.users(1)[0]
    first = _list(asker, market, user)[0]["id"]
    event = market.event(user, first)
    told = _delay(asker, market, user, ("POST", "/events", event), lambda ids: first not in ids)
    model = _list(asker, market, user)[0]
    id = market.new_id()
    put = ("PUT", item_path(id), {"features": known(model["features"])})
    found = _delay(asker, market, user, put, lambda ids: id in ids)
    gone = _delay(asker, market, user, ("DELETE", item_path(id), None), lambda ids: id not in ids)
    return told, found, gone


def _list(asker: Asker, market: Market, user: str) -> list[dict[str, Any]]:
    items: list[dict[str, Any]] = asker.get(market.list_path(user))["items"]
    return items


def _delay(
    asker: Asker,
    market: Market,
    user: str,
    write: tuple[str, str, Any],
    shown: Callable[[list[str]], bool],
) -> Delay:
    sent = time.perf_counter()
    asker.tell(*write)
    acknowledged = time.perf_counter() - sent
    for lists in range(1, 1_000_000):
        seen = shown([item["id"] for item in _list(asker, market, user)])
        spent = time.perf_counter() - sent
        if seen:
            return Delay(acknowledged * 1e3, spent * 1e3, lists)
        if spent > PATIENCE:
            break
    return Delay(acknowledged * 1e3, float("inf"), lists)


def _row(kind: str, delays: list[Delay]) -> list[object]:
    acknowledged = np.array([delay.acknowledged for delay in delays])
    shown = np.array([delay.shown for delay in delays])
    return [
        *(kind, len(delays)),
        *(f"{percentile(acknowledged, share):.1f}" for share in (50, 99)),
        *(f"{percentile(shown, share):.1f}" for share in (50, 99, 100)),
        sum(delay.lists == 1 for delay in delays),
    ]
