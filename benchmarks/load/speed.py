"""Speed: latency at a rate, the highest rate, and what is left of it under overload."""

from __future__ import annotations

from benchmarks.load.bench import EVEN, POISSON, Bench, Load
from benchmarks.load.figures import (
    Goodput,
    goodput,
    highest,
    measured,
    percentile,
    spread,
    stages,
    summarise,
    table,
)
from benchmarks.load.market import EVENT, ITEM, LIST
from benchmarks.load.processes import Server

LIMIT = 30.0
"""Milliseconds that p99 must not reach at the highest rate."""

TRIAL = 10.0
"""Seconds of load at each rate that the search tries, warm-up not counted."""

HEAD = (
    *("server", "requests", "arrivals", "a second", "n", "p50", "p90", "p99", "max", "failed", "degraded"),
    *("CPU a request", "generator's CPU", "sent late p99", "others' CPUs"),
)


def latency(bench: Bench) -> str:
    """Latency at the plan's rate, beside the rival; then the medians of the stages."""
    rows: list[list[object]] = []
    parts: list[list[object]] = []
    for count in bench.plan.counts:
        with bench.service(count) as server:
            for pattern in (EVEN, POISSON):
                loads = _repeat(bench, server, bench.plan.rate, pattern, mixed=True)
                rows += _rows(bench, f"dlrs, T = {count:,}", pattern, bench.plan.rate, loads)
                parts.append(_parts(bench, f"T = {count:,}, {pattern}", loads))
    if bench.plan.with_rival:
        with bench.rival() as server:
            for rate in (1.0, bench.plan.rate):
                loads = _repeat(bench, server, rate, EVEN)
                rows += _rows(bench, "plain rival", EVEN, rate, loads)
    return f"Milliseconds.\n\n{table(HEAD, rows)}\n\n{_stage_table(parts)}"


def capacity(bench: Bench) -> str:
    """The most requests a second with p99 < 30 ms and no failure, found by bisection, then measured."""
    rows: list[list[object]] = []
    with bench.service(bench.plan.counts[0]) as server:
        rate = bench.plan.highest or sustainable(bench, server)
        loads = _repeat(bench, server, rate, EVEN)
        rows += _rows(bench, f"dlrs, T = {bench.plan.counts[0]:,}", EVEN, rate, loads)
    if bench.plan.with_rival:
        with bench.rival() as server:
            rate = sustainable(bench, server, low=0.5)
            loads = _repeat(bench, server, rate or 0.5, EVEN)
            rows += _rows(bench, "plain rival" if rate else "plain rival (never)", EVEN, rate or 0.5, loads)
    return f"Most requests a second with p99 < {LIMIT:.0f} ms. Milliseconds.\n\n{table(HEAD, rows)}"


def overload(bench: Bench, times: float = 5.0) -> str:
    """Goodput at the highest rate, at five times it, between them, and after it."""
    with bench.service(bench.plan.counts[0]) as server:
        rate = bench.plan.highest or sustainable(bench, server)
        factors = (1.0, 1.5, 2.0, 3.0, times, 1.0)
        found = [(f, _goodput(bench, bench.load(server, rate * f, patience=30))) for f in factors]
    peak = max(one.good for _, one in found)
    head = (
        *("× highest rate", "offered a second", "good a second", "of peak", "refused a second"),
        *("without Retry-After", "late or failed", "refusal p50 ms", "p99 ms"),
    )
    return table(head, [_goodput_row(factor, one, peak) for factor, one in found])


def sustainable(bench: Bench, server: Server, low: float = 20.0) -> float:
    """Search for the highest rate that keeps p99 below the limit: a rate passes if one of two runs does."""

    def passes(rate: float) -> bool:
        return any(_keeps(bench, server, rate) for _ in range(2))

    return highest(passes, low, 8 * low)


def _keeps(bench: Bench, server: Server, rate: float) -> bool:
    # enough requests for a percentile, however low the rate
    load = bench.load(server, rate, seconds=max(TRIAL, 200 / rate), patience=2.0)
    summary = summarise(load.outcome, measured(load.outcome, load.calls, LIST, bench.plan.warm_up))
    return summary.p99 < LIMIT and summary.failed == 0


def _repeat(bench: Bench, server: Server, rate: float, pattern: str, *, mixed: bool = False) -> list[Load]:
    mix = bench.plan.mix if mixed else None
    features = bench.features(server) if mix and mix.items else ()
    return [
        bench.load(server, rate, pattern=pattern, mix=mix, features=features)
        for _ in range(bench.plan.repetitions)
    ]


def _rows(bench: Bench, name: str, pattern: str, rate: float, loads: list[Load]) -> list[list[object]]:
    return [
        _row(bench, name, pattern, rate, loads, kind)
        for kind in (LIST, EVENT, ITEM)
        if any(call.kind == kind for call in loads[0].calls)
    ]


def _row(bench: Bench, name: str, pattern: str, rate: float, loads: list[Load], kind: str) -> list[object]:
    chosen = [measured(load.outcome, load.calls, kind, bench.plan.warm_up) for load in loads]
    found = [summarise(load.outcome, mask) for load, mask in zip(loads, chosen, strict=True)]
    late = [percentile(load.outcome.late_N[m], 99) * 1e3 for load, m in zip(loads, chosen, strict=True)]
    return [
        *(name, kind, pattern, f"{rate:.0f}" if rate >= 10 else f"{rate:.1f}"),
        sum(one.count for one in found),
        *(spread([getattr(one, part) for one in found]) for part in ("p50", "p90", "p99", "most")),
        sum(one.failed for one in found),
        sum(one.degraded for one in found),
        spread([load.server_cpu for load in loads], 2),
        spread([load.own_cpu for load in loads], 2),
        spread(late, 2),
        spread([load.others for load in loads], 2),
    ]


def _parts(bench: Bench, name: str, loads: list[Load]) -> list[object]:
    """Return the stages of the last run, and what of the processor time they leave for the rest."""
    spent = stages(loads[-1].outcome, bench.plan.warm_up)
    rest = loads[-1].server_cpu - sum(spent.values())
    return [name, *(f"{stage} {ms:.2f}" for stage, ms in spent.items()), f"HTTP and the rest {rest:.2f}"]


def _stage_table(rows: list[list[object]]) -> str:
    widest = max(len(row) for row in rows)
    head = ("median ms of each stage", *[""] * (widest - 1))
    return table(head, [[*row, *[""] * (widest - len(row))] for row in rows])


def _goodput(bench: Bench, load: Load) -> Goodput:
    return goodput(load.outcome, bench.plan.seconds, bench.plan.warm_up, bench.plan.in_time)


def _goodput_row(factor: float, one: Goodput, peak: float) -> list[object]:
    return [
        *(f"{factor:.1f}", f"{one.offered:.0f}", f"{one.good:.0f}", f"{100 * one.good / peak:.0f} %"),
        *(f"{one.refused:.0f}", one.without_retry_after, one.other),
        *(f"{one.refusal_p50:.1f}", f"{one.refusal_p99:.1f}"),
    ]
