"""Live: what the metrics say, in a few numbers and bars for people."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.samples import Sample

NAMES = {
    "dlrs_stage_seconds": "Stages of a list",
    "dlrs_event_ranked_seconds": "From an event to the next list",
    "dlrs_item_found_seconds": "From a new ad until it is found",
    "dlrs_item_gone_seconds": "From a deletion until nobody finds it",
    "dlrs_request_seconds": "Requests",
}
COUNTS = {
    "dlrs_index_items": "items that can be recommended",
    "dlrs_index_lag_changes": "changes of items not yet in the index",
    "dlrs_degraded_total": "lists less than the whole path",
    "dlrs_refused_total": "requests refused under overload",
}


@dataclass(frozen=True)
class Histogram:
    """How long something takes: how often it fell below each bound, and what half and 99 % stay below."""

    name: str
    count: int
    half: str
    most: str
    shares: tuple[float, ...]  # of each bucket, in percent of the fullest


def histograms(text: bytes) -> list[Histogram]:
    """Return the histograms that have something to tell, those of stages apart by stage."""
    found = []
    for family in text_string_to_metric_families(text.decode()):
        if family.name in NAMES:
            for label in sorted({sample.labels.get("stage", "") for sample in family.samples}):
                mine = [s for s in family.samples if s.labels.get("stage", "") == label]
                if (one := _histogram(f"{NAMES[family.name]} {label}".strip(), mine)) is not None:
                    found.append(one)
    return found


def counts(text: bytes) -> dict[str, float]:
    """Return the numbers that are told as they are, summed over their labels."""
    found = dict.fromkeys(COUNTS.values(), 0.0)
    for family in text_string_to_metric_families(text.decode()):
        for sample in family.samples:
            if sample.name in COUNTS:
                found[COUNTS[sample.name]] += sample.value
    return found


def _histogram(name: str, samples: Sequence[Sample]) -> Histogram | None:
    below: dict[float, float] = {}
    for sample in samples:
        if sample.name.endswith("_bucket"):
            bound = float(sample.labels["le"])
            below[bound] = below.get(bound, 0.0) + sample.value
    bounds = sorted(below)
    if not bounds or not below[bounds[-1]]:
        return None
    each = [below[b] - (below[bounds[place - 1]] if place else 0.0) for place, b in enumerate(bounds)]
    fullest = max(each)
    return Histogram(
        name,
        int(below[bounds[-1]]),
        _below(below, bounds, 0.5),
        _below(below, bounds, 0.99),
        tuple(100 * one / fullest for one in each),
    )


def _below(below: dict[float, float], bounds: Sequence[float], share: float) -> str:
    bound = next(b for b in bounds if below[b] >= share * below[bounds[-1]])
    return "> 5 s" if bound == float("inf") else f"≤ {bound * 1e3:g} ms"
