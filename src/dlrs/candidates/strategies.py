"""Strategies: which sources find a user's candidates, and what share of them each finds (method §5).

`direct`, `pseudo-user` and `cluster` are one source each, `mixed` several, by quotas.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import assert_never

import numpy as np
from scipy import sparse

from dlrs.arrays import NO_ITEM
from dlrs.candidates.askers import Askers
from dlrs.candidates.by_cluster import ByCluster, Score
from dlrs.candidates.filtering.where import Where
from dlrs.candidates.generator import Candidates, admitted, generate_by, merge
from dlrs.candidates.retrieval import Retrieval
from dlrs.candidates.sources import Popular, Source, direct, last_met, pseudo_user
from dlrs.settings.candidates import Candidates as Settings
from dlrs.settings.candidates import SourceName


@dataclass(frozen=True)
class Strategy:
    """Sources, each with its share, and the one that fills up what these leave empty."""

    sources: tuple[tuple[Source, float], ...]
    otherwise: Source | None  # None where one of them has a full answer for everybody

    def candidates(
        self, askers: Askers, count: int, known_UN: sparse.csr_array, where: Where | None = None
    ) -> Candidates:
        """Return `count` distinct unknown items for each user, or all of them, in the strategy's order.

        `where` narrows all sources to the items that it admits. Where a source has no answer for a user, the
        others take its share.
        """
        count = min(count, max(map(len, self._all)))  # as wide with filters as without
        if where is None:
            return self._find(askers, count, known_UN)
        return self._within(where)._find(askers, count, admitted(known_UN, where))

    def _find(self, askers: Askers, count: int, known_UN: sparse.csr_array) -> Candidates:
        found = merge(
            [_generate(source, askers, count, known_UN) for source, _ in self.sources],
            [share for _, share in self.sources],
        )
        if self.otherwise is not None:
            short = np.flatnonzero((found.positions_UT == NO_ITEM).any(axis=1))
            more = _generate(self.otherwise, askers.take(short), count, known_UN[short])
            filled = merge([found.take(short), more], [1, 0])
            found.positions_UT[short], found.similarity_UT[short] = filled.positions_UT, filled.similarity_UT
        return found

    @property
    def _all(self) -> list[Source]:
        sources = [source for source, _ in self.sources]
        return sources if self.otherwise is None else [*sources, self.otherwise]

    def _within(self, where: Where) -> Strategy:
        sources = tuple((source.within(where), share) for source, share in self.sources)
        return Strategy(sources, None if self.otherwise is None else self.otherwise.within(where))


def build_strategy(retrieval: Retrieval, settings: Settings, score: Score) -> Strategy:
    """Return the strategy of the settings; `score` is RankNet's logit of users with rows of the catalogue."""
    shares = settings.shares
    sources = tuple((_source(name, retrieval, settings, score), share) for name, share in shares.items())
    full = "direct" in shares or "cluster" in shares
    return Strategy(sources, None if full else direct(retrieval.index))


def _source(name: SourceName, retrieval: Retrieval, settings: Settings, score: Score) -> Source:
    match name:
        case "direct":
            return direct(retrieval.index)
        case "pseudo-user":
            return pseudo_user(retrieval.index)
        case "last-met":
            return last_met(retrieval.index)
        case "cluster":
            if retrieval.clusters is None:
                raise ValueError(
                    "expected a retrieval with clusters, received one without: build it with these settings"
                )
            return ByCluster(retrieval.clusters, score, settings.cluster_floor, settings.cluster_most)
        case "popular":
            nothing = np.zeros(len(retrieval.index), dtype=np.int64)
            return Popular(nothing if retrieval.recent_A is None else retrieval.recent_A)
        case _:
            assert_never(name)


def _generate(source: Source, askers: Askers, count: int, known_UN: sparse.csr_array) -> Candidates:
    return generate_by(lambda users, most: source.propose(askers.take(users), most), count, known_UN)
