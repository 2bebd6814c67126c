"""Metrics: what the service tells Prometheus.

One registry a process. Where several processes serve one port (`metrics_folder`), they keep their numbers in
files of one folder, and whichever of them is asked tells of all.
"""

from __future__ import annotations

import os
from typing import Literal

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest, multiprocess

from dlrs.service.metrics_folder import VARIABLE

MILLISECONDS = (0.5, 1, 2, 3, 5, 8, 12, 18, 30, 50, 100, 250, 1000, 5000)
LATENCY = tuple(ms / 1e3 for ms in MILLISECONDS)


class Metrics:
    """All of them by the names that the code uses."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()

        def histogram(name: str, text: str, *labels: str) -> Histogram:
            return Histogram(name, text, labels, buckets=LATENCY, registry=self.registry)

        def counter(name: str, text: str, *labels: str) -> Counter:
            return Counter(name, text, labels, registry=self.registry)

        def gauge(name: str, text: str, of_all: Literal["livemax", "livemin"], *labels: str) -> Gauge:
            return Gauge(name, text, labels, registry=self.registry, multiprocess_mode=of_all)

        self.request = histogram("dlrs_request_seconds", "A request, by route", "route", "method", "status")
        self.stage = histogram("dlrs_stage_seconds", "A stage of a list", "stage")
        self.candidates = Histogram(
            "dlrs_candidates",
            "Candidates ranked for a list",
            buckets=(0, 10, 50, 100, 200, 500, 1000, 2000),
            registry=self.registry,
        )
        self.degraded = counter("dlrs_degraded_total", "Lists that are less than the whole path", "level")
        self.calls = counter(
            "dlrs_calls_total", "What lists asked another service, by what became of it", "service", "outcome"
        )
        self.refused = counter("dlrs_refused_total", "Requests refused at once under overload")
        self.events = counter("dlrs_events_total", "Events, by what became of them", "outcome")
        self.item_found = histogram(
            "dlrs_item_found_seconds", "From a new version's arrival until it is found"
        )
        self.item_gone = histogram(
            "dlrs_item_gone_seconds", "From a deletion's arrival until nobody finds it"
        )
        self.event_ranked = histogram("dlrs_event_ranked_seconds", "From an event's arrival to the next list")
        self.index_lag = gauge(
            "dlrs_index_lag_changes", "Changes of the item storage not yet in the index", "livemax"
        )
        self.index_items = gauge("dlrs_index_items", "Items that can be recommended", "livemin")
        self.items_skipped = counter("dlrs_items_skipped_total", "Changes of items that could not be indexed")
        self.folds_failed = counter(
            "dlrs_index_folds_failed_total", "Folds of the live index into a new snapshot that failed"
        )
        self.decisions_dropped = counter(
            "dlrs_decisions_dropped_total", "Decisions that could not be kept for replay"
        )
        self.bundle = gauge("dlrs_bundle_info", "1 for the bundle that is served", "livemax", "bundle_id")

    def text(self) -> bytes:
        """Return all numbers as Prometheus reads them, of all processes that share theirs."""
        if VARIABLE not in os.environ:
            return generate_latest(self.registry)
        everybody = CollectorRegistry()
        multiprocess.MultiProcessCollector(everybody)  # type: ignore[no-untyped-call]
        return generate_latest(everybody)


def forget(process: int) -> None:
    """Leave out from now on what a process that has ended said of its present state; counts stay."""
    multiprocess.mark_process_dead(process)  # type: ignore[no-untyped-call]
