"""Past: what a log and a catalogue say at any moment, and nothing of what comes at or after it.

E events    R requests    N items    V versions    H last events of a user    W windows
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Self

import numpy as np
from scipy import sparse

from dlrs.arrays import Bools, Doubles, Ints
from dlrs.data.catalog import Catalog
from dlrs.data.interactions import Interactions
from dlrs.features.similarity import unit_rows
from dlrs.prepared import Prepared
from dlrs.ranking.requests import Requests
from dlrs.ranking.successions import Successions
from dlrs.ranking.timelines import NO_EVENT, Timelines

LEAST_EVENTS = 300
"""The shortest window is one that holds as many events on average, or it would only hold noise."""

SHRINK = 4
"""Each window is so many times as long as the next."""


NEAR = (1, 2, 3, 5, 8, 13)
"""Steps from an event of a user to those that count as after it: the farther the fewer, to bound them."""


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
        marketplace, space = prepared.recipe.marketplace, prepared.encoding.space
        category = marketplace.negatives_by
        category_V = prepared.encoding.items.codes(category, prepared.versions[category])
        raw_VK = prepared.encoded_versions.matrix(space, side="item")
        continuous = marketplace.features.continuous
        timeless_K = np.ones(raw_VK.shape[1], dtype=np.float32)
        timeless_K[: len(space.continuous)] = [continuous[name].kind != "time" for name in space.continuous]
        return cls(prepared.catalog, category_V, unit_rows(sparse.csr_array(raw_VK * timeless_K)))

    @cached_property
    def first_from_N(self) -> Ints:
        """When each item began."""
        begins_N: Ints = self.catalog.valid_from_V[self.catalog.first_N[:-1]]
        return begins_N

    def alive(self, items_P: Ints, moments_P: Ints) -> Bools:
        """Tell whether each item may be recommended at each moment."""
        version_P = self.catalog.version_at(items_P, moments_P)
        begun_P = self.catalog.valid_from_V[version_P] <= moments_P
        return np.asarray(begun_P & (moments_P < self.catalog.valid_to_V[version_P]))


class Past:
    """The log by item, user, category, pair and succession, each asked strictly before a moment."""

    def __init__(self, log: Interactions, items: Items, *, windows: tuple[int, ...], last: int = 20) -> None:
        """Sort the log.

        Args:
            log: the events, in the order of time.
            items: the catalogue.
            windows: lengths in microseconds, see `windows_of`; those of the training serve later logs too.
            last: H, events of a user that say what he is after now.
        """
        self.log, self.items, self.windows, self.last = log, items, windows, last
        self.item_times = Timelines(log.item_E, log.time_E)
        self.users = Timelines(log.user_E, log.time_E)
        self.pairs = Timelines(log.pairs(items.catalog.items), log.time_E)
        self.successions = Successions(log.user_E, log.item_E, log.time_E, steps=NEAR, most=200)
        self.nexts = Successions(log.user_E, log.item_E, log.time_E, steps=(1,), most=200)
        category_E = items.category_V[log.version_E] + 1  # 0 where it is missing
        self.category_nexts = Successions(log.user_E, category_E, log.time_E, steps=(1, 2, 3), most=200)
        self.arrivals = self._arrivals()
        self.category_times = Timelines(category_E, log.time_E)

    def _arrivals(self) -> Timelines:
        """Return the events by item with which users came, after they had been away for a shortest window."""
        log = self.log
        order_E = np.argsort(log.user_E, kind="stable")
        user_E, time_E = log.user_E[order_E], log.time_E[order_E]
        comes_E = np.ones(len(log), dtype=np.bool_)
        comes_E[1:] = (user_E[1:] != user_E[:-1]) | (np.diff(time_E) >= self.windows[-1])
        places_A = np.sort(order_E[comes_E])
        return Timelines(log.item_E[places_A], log.time_E[places_A])

    @cached_property
    def popularity_E(self) -> Doubles:
        """Of each event ln of the share that its item had just before, in the last window but one."""
        window = self.windows[-2:][0]
        return self._of_each_event(lambda item_P, time_P: self._ln_share(item_P, time_P, window))

    @cached_property
    def age_E(self) -> Doubles:
        """Of each event ln(1 + age of its item then / shortest window)."""
        begun_N, shortest = self.items.first_from_N, self.windows[-1]
        return self._of_each_event(
            lambda item_P, time_P: np.log1p(np.maximum(time_P - begun_N[item_P], 0) / shortest)
        )

    def _ln_share(self, item_P: Ints, time_P: Ints, window: int) -> Doubles:
        until_P, since_P = self.item_times.places(time_P), self.item_times.places(time_P - window)
        counts_P = self.item_times.before(item_P, until_P) - self.item_times.before(item_P, since_P)
        return np.asarray(np.log((counts_P + 0.5) / (until_P - since_P + 1)))

    def _of_each_event(self, value: Callable[[Ints, Ints], Doubles]) -> Doubles:
        order_E = np.argsort(self.log.item_E, kind="stable")  # what lies near is looked up together
        value_E = np.empty(len(order_E))
        value_E[order_E] = value(self.log.item_E[order_E], self.log.time_E[order_E])
        return value_E

    def last_events(self, requests: Requests) -> Ints:
        """Return the places in the log of each user's last events, the latest first: (R, H)."""
        return self.users.last(requests.user_R, requests.moment_R, self.last)

    def of_events(self, values_E: Ints, places_RH: Ints) -> Ints:
        """Return a value of each event, NO_EVENT where there is none: (R, H)."""
        if not len(values_E):
            return places_RH
        return np.where(places_RH != NO_EVENT, values_E[places_RH], NO_EVENT)

    def weights(self) -> Doubles:
        """Return what each of the last events counts, the latest most: (H,); the sum is 1."""
        falling_H = 1 / np.sqrt(np.arange(1, self.last + 1))
        return np.asarray(falling_H / falling_H.sum())

    def weights_of(self, places_RH: Ints) -> Doubles:
        """Return the weights of those that are there, scaled to the sum 1, 0 of the others: (R, H)."""
        weight_RH = np.where(places_RH != NO_EVENT, self.weights(), 0)
        scaled_RH: Doubles = weight_RH / np.maximum(weight_RH.sum(axis=1, keepdims=True), 1e-12)
        return scaled_RH

    def liked(self, seen_RH: Ints) -> Doubles:
        """Return the mean features of the versions that each user saw last, of length 1, or 0: (R, K)."""
        there_RH, unit_VK = seen_RH != NO_EVENT, self.items.unit_VK
        row_E = np.repeat(np.arange(len(seen_RH)), there_RH.sum(axis=1))
        entries = (self.weights_of(seen_RH)[there_RH], (row_E, seen_RH[there_RH]))
        weights_RV = sparse.csr_array(entries, shape=(len(seen_RH), unit_VK.shape[0]))
        mean_RK = (weights_RV @ unit_VK).toarray()
        unit_RK: Doubles = mean_RK / np.maximum(np.linalg.norm(mean_RK, axis=1, keepdims=True), 1e-12)
        return unit_RK

    def met(self, requests: Requests, items_RC: Ints) -> Bools:
        """Tell whether each user had met each item before he asked: (R, C)."""
        N = self.items.catalog.items
        keys_RC = requests.user_R[:, None] * N + items_RC
        return np.asarray(self.pairs.counts(keys_RC, requests.moment_R[:, None]) > 0)
