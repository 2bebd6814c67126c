"""Past: what a log and a catalogue say at any moment, and nothing of what comes at or after it.

E events    R requests    N items    V versions    H last events of a user    W windows
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Self

import numpy as np
from scipy import sparse

from dlrs.arrays import Bools, Doubles, Floats, Ints, gather_ranges
from dlrs.data.catalog import Catalog
from dlrs.data.interactions import Interactions
from dlrs.features.rows import EncodedRows, FeatureSpace
from dlrs.features.similarity import unit_rows
from dlrs.popularity import item_counts
from dlrs.profiles.reach import Reach
from dlrs.ranking.known import LastMet, liked, weights_of
from dlrs.ranking.requests import Requests
from dlrs.ranking.successions import Successions
from dlrs.ranking.timelines import NO_EVENT, Timelines
from dlrs.schema import Features

if TYPE_CHECKING:  # the service serves without what prepares
    from dlrs.prepared import Prepared

LEAST_EVENTS = 300
"""The shortest window is one that holds as many events on average, or it would only hold noise."""

SHRINK = 4
"""Each window is so many times as long as the next."""


NEAR, AT_ONCE, NEAR_CATEGORIES = (1, 2, 3, 5, 8, 13), (1,), (1, 2, 3)
"""Steps from an event of a user to those that count as after it: the farther the fewer, to bound them."""

LAST = 20
"""Events of a user that say what he is after now."""


def windows_of(log: Interactions) -> tuple[int, ...]:
    """Return the lengths of the windows that popularity is counted over, the longest first: microseconds.

    They go from a quarter of the log's span downwards by quarters while they hold LEAST_EVENTS on average,
    so they fit a log of days as well as one of years. There is one at least.
    """
    if not len(log):
        return (1,)
    span = int(log.time_E[-1] - log.time_E[0]) + 1
    lengths = [max(1, span // SHRINK)]
    while (lengths[-1] // SHRINK) * len(log) >= LEAST_EVENTS * span:
        lengths.append(lengths[-1] // SHRINK)
    return tuple(lengths)


@dataclass(frozen=True)
class Items:
    """The catalogue, and what its versions are."""

    catalog: Catalog
    category_V: Ints  # a value of one feature, −1 where it is missing
    unit_VK: sparse.csr_array  # encoded features as rows of length 1, without times: these tell the age

    @classmethod
    def of(cls, prepared: Prepared) -> Self:
        """Take a prepared data set's; the category is the one that negatives are drawn by."""
        marketplace = prepared.recipe.marketplace
        category = marketplace.negatives_by
        category_V = prepared.encoding.items.codes(category, prepared.versions[category])
        unit_VK = timeless(prepared.encoded_versions, prepared.encoding.space, marketplace.features)
        return cls(prepared.catalog, category_V, unit_VK)

    @cached_property
    def first_from_N(self) -> Ints:
        """When each item began."""
        begins_N: Ints = self.catalog.valid_from_V[self.catalog.first_N[:-1]]
        return begins_N

    def alive_at(self, moment: int) -> Ints:
        """Return the rows of the items that may be recommended at a moment, ascending."""
        return self.catalog.item_V[self.catalog.alive_at(moment)]

    def version_at(self, items_P: Ints, moments_P: Ints) -> Ints:
        """Return the version of each item at each moment, or else the nearest one."""
        return self.catalog.version_at(items_P, moments_P)

    def alive(self, items_P: Ints, moments_P: Ints) -> Bools:
        """Tell whether each item may be recommended at each moment."""
        version_P = self.catalog.version_at(items_P, moments_P)
        begun_P = self.catalog.valid_from_V[version_P] <= moments_P
        return np.asarray(begun_P & (moments_P < self.catalog.valid_to_V[version_P]))

    def first_from(self, items_P: Ints) -> Ints:
        """Return when each item began: of any shape."""
        return self.first_from_N[items_P]

    def categories(self, versions_P: Ints) -> Ints:
        """Return the category of each version, −1 where it is missing: of any shape."""
        return self.category_V[versions_P]

    def units(self, versions_P: Ints) -> sparse.csr_array:
        """Return the features of versions: (P, K)."""
        return self.unit_VK[versions_P]


def mean_of(rows: EncodedRows, space: FeatureSpace, features: Features) -> Doubles:
    """Return what `known.liked` makes of one user's last items, the latest first: (1, K)."""
    there_1H, C = np.ones((1, len(rows)), dtype=np.bool_), len(space.continuous)
    numbers_HC = rows.continuous_NC * _is_timeless(space, features)
    row_E = np.repeat(np.arange(len(rows)), np.diff(rows.offsets[:: rows.features or 1]))
    squares_H = np.bincount(row_E, np.square(rows.weights_E, dtype=np.float64), minlength=len(rows))
    norm_H = np.sqrt(squares_H + np.square(numbers_HC, dtype=np.float64).sum(axis=1))
    weight_H = weights_of(there_1H)[0] / np.maximum(norm_H, 1e-12)
    mean_K = np.empty(C + space.columns)
    mean_K[:C] = weight_H @ numbers_HC
    mean_K[C:] = np.bincount(rows.columns_E, rows.weights_E * weight_H[row_E], minlength=space.columns)
    return mean_K[None] / max(float(np.linalg.norm(mean_K)), 1e-12)


def timeless(rows: EncodedRows, space: FeatureSpace, features: Features) -> sparse.csr_array:
    """Return encoded items as rows of length 1, without times: these tell the age. (N, K)."""
    raw_NK = rows.matrix(space, side="item")
    timeless_K = np.ones(raw_NK.shape[1], dtype=np.float32)
    timeless_K[: len(space.continuous)] = _is_timeless(space, features)
    return unit_rows(sparse.csr_array(raw_NK * timeless_K))


def _is_timeless(space: FeatureSpace, features: Features) -> Floats:
    kinds = [features.continuous[name].kind for name in space.continuous]
    return np.array([kind != "time" for kind in kinds], dtype=np.float32)


class Past:
    """The log by item, user, category, pair and succession, each asked strictly before a moment."""

    def __init__(
        self,
        log: Interactions,
        items: Items,
        *,
        windows: tuple[int, ...],
        last: int = LAST,
        reach: Reach | None = None,
    ) -> None:
        """Sort the log.

        Args:
            log: the events, in the order of time.
            items: the catalogue.
            windows: lengths in microseconds, see `windows_of`; those of the training serve later logs too.
            last: H, events of a user that say what he is after now.
            reach: how far back events say something of their own user; None: for ever.
        """
        self.log, self.items, self.windows, self.last, self.reach = log, items, windows, last, reach
        self.item_times = Timelines(log.item_E, log.time_E)
        self.users = Timelines(log.user_E, log.time_E)
        self.pairs = Timelines(log.pairs(items.catalog.items), log.time_E)
        self.successions = Successions(log.user_E, log.item_E, log.time_E, steps=NEAR)
        self.nexts = Successions(log.user_E, log.item_E, log.time_E, steps=AT_ONCE)
        category_E = items.category_V[log.version_E] + 1  # 0 where it is missing
        self.category_nexts = Successions(log.user_E, category_E, log.time_E, steps=NEAR_CATEGORIES)
        places_A = arrivals(log.user_E, log.time_E, self.windows[-1])
        self.arrivals = Timelines(log.item_E[places_A], log.time_E[places_A])
        self.category_times = Timelines(category_E, log.time_E)

    @property
    def facts(self) -> Items:
        """What the items are."""
        return self.items

    @property
    def began(self) -> int | None:
        """When the first event happened; None without any."""
        return int(self.log.time_E[0]) if len(self.log) else None

    def drew(self, since: int, until: int) -> Ints:
        """Return how many events each item drew in [since, until): (N,)."""
        return item_counts(self.log, self.items.catalog.items, since=since, until=until)

    def last_met(self, requests: Requests) -> LastMet:
        """Return what each user had met last when he asked."""
        places_RH = self.last_events(requests, self.last)
        there_RH = places_RH != NO_EVENT
        version_E = self.log.version_E[places_RH[there_RH]]
        category_RH = np.full(there_RH.shape, NO_EVENT)
        category_RH[there_RH] = self.items.category_V[version_E] + 1
        return LastMet(
            requests.moment_R,
            self._counts(requests),
            self.of_events(self.log.item_E, places_RH),
            category_RH,
            self.of_events(self.log.time_E, places_RH),
            liked(there_RH, self.items.units(version_E)),
        )

    def last_events(self, requests: Requests, most: int) -> Ints:
        """Return the places in the log of each user's last events, the latest first: (R, most)."""
        places_RH = self.users.last(requests.user_R, requests.moment_R, most)
        if self.reach is None:
            return places_RH
        first_R1 = self.users.places(self.reach.since(requests.moment_R))[:, None]
        return np.where(places_RH >= first_R1, places_RH, NO_EVENT)

    def _counts(self, requests: Requests) -> Ints:
        counts_R = self.users.counts(requests.user_R, requests.moment_R)
        if self.reach is None:
            return counts_R
        return counts_R - self.users.counts(requests.user_R, self.reach.since(requests.moment_R))

    def of_events(self, values_E: Ints, places_RH: Ints) -> Ints:
        """Return a value of each event, NO_EVENT where there is none: (R, H)."""
        if not len(values_E):
            return places_RH
        return np.where(places_RH != NO_EVENT, values_E[places_RH], NO_EVENT)

    def met(self, requests: Requests, items_RC: Ints) -> Bools:
        """Tell whether each user had met each item before he asked: (R, C)."""
        N = self.items.catalog.items
        keys_RC = requests.user_R[:, None] * N + items_RC
        return np.asarray(self.pairs.counts(keys_RC, requests.moment_R[:, None]) > 0)

    def all_met(self, requests: Requests) -> tuple[Ints, Ints]:
        """Return request and item of all that users had met before they asked: (E,) each."""
        first_R = self.users.before(requests.user_R, np.array(0))
        count_R = self.users.counts(requests.user_R, requests.moment_R)
        place_E = self.users.sorted_E[gather_ranges(first_R, count_R)] % (len(self.log) + 1)
        return np.repeat(np.arange(len(requests)), count_R), self.log.item_E[place_E]


def arrivals(user_E: Ints, time_E: Ints, away: int) -> Ints:
    """Return the places of the events with which users came after they had been away so long, ascending."""
    order_E = np.argsort(user_E, kind="stable")
    user_E, time_E = user_E[order_E], time_E[order_E]
    comes_E = np.ones(len(time_E), dtype=np.bool_)
    comes_E[1:] = (user_E[1:] != user_E[:-1]) | (np.diff(time_E) >= away)
    return np.sort(order_E[comes_E])
