"""Figures: percentiles of a run, the spread over several, the highest rate that passes, Markdown."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median

import numpy as np
from benchmarks.load.open_loop import Outcome
from benchmarks.load.wire import Call

from dlrs.arrays import Bools, Doubles

REFUSALS = (429, 503)


@dataclass(frozen=True)
class Summary:
    """One kind of request in one run. Milliseconds; percentiles are values that occurred."""

    count: int
    p50: float
    p90: float
    p99: float
    most: float
    statuses: Mapping[int, int]  # 0: no answer
    degraded: int

    @property
    def failed(self) -> int:
        """Requests without an answer of 2xx."""
        return sum(n for status, n in self.statuses.items() if not 200 <= status < 300)


def summarise(outcome: Outcome, chosen_N: Bools) -> Summary:
    """Summarise some requests; one that failed counts as infinitely slow."""
    good_N = _good(outcome)
    latencies = np.where(good_N, outcome.latency_N, np.inf)[chosen_N] * 1e3
    p50, p90, p99, most = (percentile(latencies, share) for share in (50, 90, 99, 100))
    statuses = Counter(outcome.status_N[chosen_N].tolist())
    return Summary(
        int(chosen_N.sum()), p50, p90, p99, most, statuses, int(outcome.degraded_N[chosen_N].sum())
    )


def percentile(values: Doubles, share: float) -> float:
    """Return the smallest value that at least `share` per cent do not exceed; NaN of none."""
    if len(values) == 0:
        return float("nan")
    rank = max(0, int(np.ceil(share / 100 * len(values) - 1e-9)) - 1)
    return float(np.sort(values)[rank])


def measured(outcome: Outcome, calls: Sequence[Call], kind: str, warm_up: float) -> Bools:
    """Tell which requests count for a kind: those due after the warm-up."""
    kinds_N = np.array([call.kind == kind for call in calls])
    return kinds_N & (outcome.due_N >= warm_up)


@dataclass(frozen=True)
class Goodput:
    """What a server did at some rate: requests a second."""

    offered: float
    good: float  # answered with 2xx in time
    refused: float  # with 429 or 503
    without_retry_after: int  # refusals that do not say when to come again
    other: int  # neither good nor refused, late answers and none included
    refusal_p50: float  # milliseconds
    refusal_p99: float


def goodput(outcome: Outcome, seconds: float, warm_up: float, in_time: float) -> Goodput:
    """Count good answers and refusals after the warm-up; `in_time` and the rest are in seconds."""
    due_N = outcome.due_N >= warm_up
    good_N = due_N & _good(outcome) & (outcome.latency_N <= in_time)
    refused_N = due_N & np.isin(outcome.status_N, REFUSALS)
    waits = outcome.latency_N[refused_N] * 1e3
    return Goodput(
        due_N.sum() / seconds,
        good_N.sum() / seconds,
        refused_N.sum() / seconds,
        int((refused_N & (outcome.retry_N == 0)).sum()),
        int((due_N & ~good_N & ~refused_N).sum()),
        percentile(waits, 50),
        percentile(waits, 99),
    )


def _good(outcome: Outcome) -> Bools:
    good_N: Bools = (outcome.status_N >= 200) & (outcome.status_N < 300)
    return good_N


def stages(outcome: Outcome, warm_up: float) -> dict[str, float]:
    """Return the median milliseconds of each stage that the kept answers tell of."""
    spent: dict[str, list[float]] = {}
    for number, body in outcome.kept:
        if outcome.due_N[number] >= warm_up and b'"stages"' in body:
            for name, milliseconds in json.loads(body)["stages"].items():
                spent.setdefault(name, []).append(milliseconds)
    return {name: median(values) for name, values in spent.items()}


def highest(passes: Callable[[float], bool], low: float, high: float, tolerance: float = 0.03) -> float:
    """Return about the highest rate that passes, by bisection of its logarithm; 0 where even `low` fails.

    `tolerance` is the last step's share of the rate. A `high` that passes is doubled first.
    """
    if not passes(low):
        return 0.0
    while passes(high):
        low, high = high, 2 * high
    while high / low > 1 + tolerance:
        middle = float(np.sqrt(low * high))
        low, high = (middle, high) if passes(middle) else (low, middle)
    return low


def spread(values: Sequence[float], digits: int = 1) -> str:
    """Return the median of some runs and, in brackets, the least and the most of them."""
    text = f"{median(values):.{digits}f}"
    if len(values) == 1:
        return text
    return f"{text} ({min(values):.{digits}f}–{max(values):.{digits}f})"


def table(head: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """Return a Markdown table."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(map(str, line)) + " |" for line in lines)
