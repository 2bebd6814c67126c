"""A log of a few events and the catalogue under it, for tests of what is known at a moment."""

from __future__ import annotations

import numpy as np
from scipy import sparse

from dlrs.data.catalog import FOREVER, Catalog
from dlrs.data.interactions import Interactions
from dlrs.ranking.past import Items, Past

WINDOWS = (100, 10)


def log_of(events: list[tuple[int, int, int]]) -> Interactions:
    """Return a log of (time, user, item); each item has one version, of the same row."""
    rows = np.array(sorted(events, key=lambda event: event[0]), dtype=np.int64).reshape(-1, 3)
    time_E, user_E, item_E = rows.T
    return Interactions(user_E, item_E, item_E, np.zeros(len(rows), dtype=np.int64), time_E)


def items_of(begins_N: list[int], category_N: list[int], ends_N: list[int] | None = None) -> Items:
    """Return items that begin (and end) at these times, one column of features for each category."""
    N = len(begins_N)
    ends = np.full(N, FOREVER) if ends_N is None else np.array(ends_N)
    catalog = Catalog(N, np.arange(N), np.array(begins_N), ends)
    known = np.array(category_N) >= 0
    shape = (N, max(category_N, default=0) + 1)
    entries = (
        np.ones(int(known.sum()), dtype=np.float32),
        (np.flatnonzero(known), np.array(category_N)[known]),
    )
    return Items(catalog, np.array(category_N), sparse.csr_array(entries, shape=shape))


def past_of(events: list[tuple[int, int, int]], items: Items) -> Past:
    """Return what these events say, with the windows of these tests."""
    return Past(log_of(events), items, windows=WINDOWS)
