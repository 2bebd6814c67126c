"""Kept: lists of worse times: what a user got last, and what is popular. They need no other service."""

from __future__ import annotations

import time
from collections.abc import Callable, Container, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from dlrs.arrays import Ints
from dlrs.candidates.filtering.attributes import Attributes
from dlrs.candidates.filtering.filters import Filter
from dlrs.candidates.filtering.where import Where
from dlrs.errors import DlrsError
from dlrs.schema import Features
from dlrs.service.bundle import ServingBundle
from dlrs.service.ranking.tables import table_of
from dlrs.service.ranking.tombstones import Tombstones
from dlrs.service.seams import CandidateSource, ProfileSource, Ranked

POPULAR = 2000
"""Items that are kept as popular ones."""

USERS = 3
"""Users that must have met an item of late before it counts as popular: one alone moves nothing."""


@dataclass(frozen=True)
class Kept:
    """A list as it was when the item storage was at `seq`."""

    bundle_id: str
    seq: int
    items: Sequence[Ranked]
    features: Features
    at: float = field(default_factory=time.monotonic)
    decision_id: str | None = None  # of the list; what is popular has none
    _firsts: dict[tuple[str, str], Kept] = field(default_factory=dict, repr=False)

    @cached_property
    def ids(self) -> list[str]:
        """The ids, best first."""
        return [item.id for item in self.items]

    def those(
        self, filters: Sequence[Filter], known: Container[str], is_gone: Callable[[str, int], bool]
    ) -> list[Ranked]:
        """Return those that pass all filters, are not known, and did not go meanwhile.

        Raises:
            RequestError: a filter does not fit.
        """
        return [
            item
            for item in (self.items[place] for place in self._passing(filters))
            if item.id not in known and not is_gone(item.id, self.seq)
        ]

    def first(self, feature: str, value: str) -> Kept:
        """Return the same with those in front that have a value of a feature; it is made once."""
        if not any(item.features.get(feature) == value for item in self.items):
            return self  # and nothing is kept: a request may name any value
        if (found := self._firsts.get((feature, value))) is None:
            order = sorted(self.items, key=lambda item: item.features.get(feature) != value)
            found = Kept(self.bundle_id, self.seq, order, self.features, self.at)
            self._firsts[feature, value] = found
        return found

    def _passing(self, filters: Sequence[Filter]) -> Ints:
        everything = np.arange(len(self.items))
        return everything[Where(self._attributes, tuple(filters)).test(everything)] if filters else everything

    @cached_property
    def _attributes(self) -> Attributes:
        raws = [item.features for item in self.items]
        return Attributes.build(table_of(raws, self.features, self.ids), self.features)


def popular(
    bundle: ServingBundle, candidates: CandidateSource, profiles: ProfileSource, tombstones: Tombstones
) -> Kept:
    """Return what is popular now: what most users met of late, then what most did before the watermark.

    Raises:
        Unavailable: the Candidate Service does not answer. (Without profiles only the second part is there.)
    """
    seq = tombstones.follow()
    ids = [*_recent(profiles), *candidates.popular(bundle.id, POPULAR)]
    distinct = list(dict.fromkeys(ids))[:POPULAR]
    items = candidates.items(distinct)
    there = [items[id] for id in distinct if id in items and not items[id].gone]
    ranked = [Ranked(item.id, 0.0, item.features) for item in there]
    return Kept(bundle.id, seq, ranked, bundle.recipe.marketplace.features)


def _recent(profiles: ProfileSource) -> list[str]:
    try:
        return [id for id, users in profiles.popular(POPULAR) if users >= USERS]
    except DlrsError:
        return []
