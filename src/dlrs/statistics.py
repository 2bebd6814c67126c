"""Statistics: the data's own figures, as the thesis's tables 5.1 and 5.2 and figures 5.1 and 5.2 show them.

They need a prepared data set and no model. A *stretch* is a part of the log, as the training periods
or the test window; what is *cold* or *new* in it did not occur in the log before the stretch began.
A *pair* is a unique (user, item).
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

import numpy as np

from dlrs.arrays import Ints, distinct, positions_in
from dlrs.data.interactions import ALL_TIME, Interactions, micros
from dlrs.metrics.beyond import top_shares

if TYPE_CHECKING:  # who only reads them needs nothing of what prepares
    from dlrs.prepared import Prepared

SHARES_OF_ITEMS = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.35, 0.5, 0.7, 1.0)
"""Where the curves of `top_shares` are taken."""

POINTS = 40
"""Most points of a distribution, evenly spaced in the logarithm."""

HOUR = 3_600_000_000
WIDTHS = tuple(HOUR * hours for hours in (1, 6, 24, 7 * 24, 30 * 24, 365 * 24))
"""Widths of the bins of time, in microseconds: the first that needs no more than BINS."""

BINS = 120


@dataclass(frozen=True)
class Spread:
    """How a count varies over users, or over items: of those with at least one."""

    mean: float
    deviation: float  # sample standard deviation, 0 for one
    least: int
    quarter: float
    median: float
    three_quarters: float
    most: int


@dataclass(frozen=True)
class Distribution:
    """How many users, or items, have at least so many: ascending points of the log-log figure."""

    at_least: tuple[int, ...]
    count: tuple[int, ...]


@dataclass(frozen=True)
class Stretch:
    """The log between two moments (ISO 8601), the second itself outside."""

    since: str
    until: str
    interactions: int
    pairs: int
    new_pairs: int
    users: int
    cold_users: int
    items: int
    cold_items: int
    type_shares: dict[str, float]  # of the interactions
    interactions_per_user: Spread
    pairs_per_user: Spread
    interactions_per_item: Spread
    pairs_per_item: Spread
    users_by_interactions: Distribution
    items_by_interactions: Distribution
    top_shares: tuple[float, ...]  # of the interactions, by the top SHARES_OF_ITEMS of the items met


@dataclass(frozen=True)
class Timeline:
    """Interactions by time: bin i starts `i · width_hours` after `start` (ISO 8601)."""

    start: str
    width_hours: int
    interactions: tuple[int, ...]
    train_from: float  # as a bin, with its fraction; so are the next two
    test_from: float
    test_until: float


@dataclass(frozen=True)
class DataStatistics:
    """A data set in figures."""

    marketplace: str
    users: int
    items: int
    versions: int
    versions_per_item: Spread
    weights: dict[str, float]  # ψ of each interaction type (method §2)
    train: Stretch
    test: Stretch
    timeline: Timeline

    def to_json(self) -> str:
        """Return the content of data.json, keyed as the fields are."""
        return json.dumps(asdict(self), indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def data_statistics(prepared: Prepared) -> DataStatistics:
    """Describe the training periods, [train_from, test_from), and the test window of a data set."""
    marketplace, log = prepared.recipe.marketplace, prepared.interactions
    split = marketplace.split
    cuts = [micros(time) for time in (split.train_from, split.test_from, split.test_until)]
    items, types = prepared.catalog.items, marketplace.interaction_types
    return DataStatistics(
        marketplace=marketplace.name,
        users=len(prepared.user_ids),
        items=items,
        versions=len(prepared.catalog.item_V),
        versions_per_item=spread(np.bincount(prepared.catalog.item_V, minlength=items)),
        weights=dict(prepared.facts["interaction_weights"]),
        train=stretch(log, cuts[0], cuts[1], items=items, types=types),
        test=stretch(log, cuts[1], cuts[2], items=items, types=types),
        timeline=timeline(log, *cuts),
    )


def stretch(log: Interactions, since: int, until: int, *, items: int, types: Sequence[str]) -> Stretch:
    """Describe the events with since ≤ time < until (microseconds since the epoch, UTC).

    Args:
        log: all events, in the order of time.
        since: start of the stretch.
        until: its end.
        items: number of item rows.
        types: the names of the interaction types.
    """
    before, inside = log.between(ALL_TIME, since), log.between(since, until)
    pairs = distinct(inside.pairs(items))
    pair_users, pair_items = np.divmod(pairs, items)
    old = positions_in(distinct(before.pairs(items)), pairs) >= 0
    of_user, of_item = np.bincount(inside.user_E), np.bincount(inside.item_E)
    by_user, by_item = of_user[of_user > 0], of_item[of_item > 0]
    shares = np.bincount(inside.type_E, minlength=len(types)) / max(len(inside), 1)
    return Stretch(
        since=_iso(since),
        until=_iso(until),
        interactions=len(inside),
        pairs=len(pairs),
        new_pairs=int((~old).sum()),
        users=len(by_user),
        cold_users=_cold(of_user, before.user_E),
        items=len(by_item),
        cold_items=_cold(of_item, before.item_E),
        type_shares=dict(zip(types, shares.tolist(), strict=True)),
        interactions_per_user=spread(by_user),
        pairs_per_user=spread(_counts(pair_users)),
        interactions_per_item=spread(by_item),
        pairs_per_item=spread(_counts(pair_items)),
        users_by_interactions=distribution(by_user),
        items_by_interactions=distribution(by_item),
        top_shares=tuple(top_shares(by_item, np.array(SHARES_OF_ITEMS)).tolist()),
    )


def spread(counts: Ints) -> Spread:
    """Summarise counts, one for each user or item; zeros throughout where there are none."""
    if len(counts) == 0:
        return Spread(0.0, 0.0, 0, 0.0, 0.0, 0.0, 0)
    quarter, median, three_quarters = np.quantile(counts, [0.25, 0.5, 0.75]).tolist()
    deviation = float(counts.std(ddof=1)) if len(counts) > 1 else 0.0
    return Spread(
        float(counts.mean()), deviation, int(counts.min()), quarter, median, three_quarters, int(counts.max())
    )


def distribution(counts: Ints) -> Distribution:
    """Return how many counts reach 1, 2, … up to the largest, at most POINTS of these.

    >>> distribution(np.array([1, 1, 2, 5]))
    Distribution(at_least=(1, 2, 3, 4, 5), count=(4, 2, 1, 1, 1))
    """
    most = int(counts.max(initial=0))
    at_least = np.unique(np.geomspace(1, most, POINTS).round().astype(np.int64)) if most else counts[:0]
    below = np.searchsorted(np.sort(counts), at_least)
    return Distribution(tuple(at_least.tolist()), tuple((len(counts) - below).tolist()))


def timeline(log: Interactions, train_from: int, test_from: int, test_until: int) -> Timeline:
    """Count the events by time from the first to the last of the log (or of the cuts), in UTC."""
    first = min(int(log.time_E[0]), train_from) if len(log) else train_from
    last = max(int(log.time_E[-1]) + 1, test_until) if len(log) else test_until
    width = next((width for width in WIDTHS if last - first <= BINS * width), WIDTHS[-1])
    start = first - first % min(width, 24 * HOUR)
    bins = -(-(last - start) // width)
    counts = np.bincount((log.time_E - start) // width, minlength=bins)
    cuts = ((time - start) / width for time in (train_from, test_from, test_until))
    return Timeline(_iso(start), width // HOUR, tuple(counts.tolist()), *cuts)


def _counts(rows_E: Ints) -> Ints:
    """Return how often each row occurs that does."""
    counts = np.bincount(rows_E)
    return counts[counts > 0]


def _cold(inside: Ints, before_E: Ints) -> int:
    """Return how many rows have a count inside and do not occur before."""
    earlier = np.bincount(before_E, minlength=len(inside))[: len(inside)]
    return int(((inside > 0) & (earlier == 0)).sum())


def _iso(time: int) -> str:
    return f"{np.datetime64(time, 'us').astype('datetime64[s]')}Z"
