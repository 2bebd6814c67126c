"""Folding: a new snapshot of what a view sees, made behind the back of whoever searches."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import faiss
import numpy as np

from dlrs.candidates.live.items import LiveItems
from dlrs.candidates.live.snapshot import Part, Snapshot
from dlrs.candidates.live.view import View

BLOCK = 16_384
"""Items copied at once: 4 MB, so that the copy stays in the processor's cache and waits for nobody long."""

LOWEST = 19


def step_back() -> None:
    """Let this thread, and the threads that it begins, work only when nobody else wants to.

    Elsewhere than on Linux a thread has no priority of its own; there it stays as it is.
    """
    faiss.omp_set_num_threads(1)  # this thread's own setting
    if sys.platform == "linux":
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), LOWEST)


def fold(view: View, path: Path) -> Snapshot:
    """Write what the view sees as a snapshot, with an index of its own, found anew."""
    snapshot = Snapshot.write(path, _parts(view), view.snapshot.kept, view.seq)
    snapshot.warm()
    return snapshot


def _parts(view: View) -> Iterator[Part]:
    places = view.in_order()
    longest = np.promote_types(view.snapshot.items.ids_N.dtype, view.delta.items.ids_N.dtype)
    for start in range(0, max(1, len(places)), BLOCK):
        some = places[start : start + BLOCK]
        items = view.take(some)
        items = LiveItems(items.ids_N.astype(longest), items.embedding_ND, items.wide_N)
        yield items, view.facts(some)
