"""Standing: how soon a service answers after its start, and how much memory it takes."""

from __future__ import annotations

from benchmarks.load.bench import Bench
from benchmarks.load.figures import spread, table
from benchmarks.load.processes import Memory, forget_pages, memory


def start(bench: Bench) -> str:
    """Seconds from the start of the process to its first good list."""
    count = bench.plan.counts[0]
    fresh: list[float] = []
    again: list[float] = []
    cold: list[float] = []
    for _ in range(bench.plan.repetitions):
        state = bench.new_state()
        for seconds in (fresh, again):
            with bench.service(count, state=state) as server:
                seconds.append(server.seconds)
        forget_pages(bench.plan.run.registry)
        forget_pages(state)
        with bench.service(count, state=state) as server:
            cold.append(server.seconds)
    rows: list[list[object]] = [
        ["the first time", spread(fresh, 2)],
        ["again, with the state it left", spread(again, 2)],
        ["again, its files not in the system's cache", spread(cold, 2)],
    ]
    if bench.plan.with_rival:
        with bench.rival() as server:
            rows.append(["plain rival", f"{server.seconds:.2f}"])
    return table(("start", "seconds to the first good list"), rows)


def workers(bench: Bench, most: int = 3) -> str:
    """Memory of every process with 1 to `most` workers, after load; and what each further worker adds."""
    rows: list[list[object]] = []
    totals = []
    for number in range(1, most + 1):
        with bench.service(bench.plan.counts[0], workers=number) as server:
            bench.load(server, bench.plan.rate)
            found = [memory(pid) for pid in server.pids]
        totals.append(sum(one.proportional for one in found))
        rows += [_row(f"{number}, process {place}", one) for place, one in enumerate(found)]
        rows.append([f"{number}, all", f"{totals[-1]:.0f}", "", ""])
    if bench.plan.with_rival:
        with bench.rival() as server:
            bench.load(server, 2.0)
            rows += [_row("plain rival", memory(pid)) for pid in server.pids]
    further = (totals[-1] - totals[0]) / (most - 1)
    head = ("workers", "PSS, MB", "of its own (USS), MB", "anonymous, MB")
    return f"{table(head, rows)}\n\nEach further worker: {further:.0f} MB (growth of the sum of PSS)."


def _row(name: str, one: Memory) -> list[object]:
    return [name, f"{one.proportional:.0f}", f"{one.own:.0f}", f"{one.anonymous:.0f}"]
