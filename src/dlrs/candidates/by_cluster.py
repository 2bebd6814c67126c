"""ByCluster: RankNet judges the centroid items only, and candidates are drawn from the clusters it prefers.

C clusters, those of one user in the order of his preference    L (user, cluster) that something is drawn from
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from dlrs.arrays import Bools, Doubles, Floats, Ints, gather_ranges
from dlrs.candidates.askers import Askers
from dlrs.candidates.clusters import Clusters
from dlrs.candidates.filtering.where import Where
from dlrs.model.forward import Representations

Score = Callable[[Representations, Ints], Floats]
"""The logit of each user with each of his rows of the catalogue: (U, K)."""

HALVINGS = 50
"""Of the interval in which lies how much one preference draws: it is then as exact as doubles are."""


@dataclass(frozen=True)
class ByCluster:
    """Draws from clusters in proportion to p̂ of their centroid items [T §4.4] (method §5 `cluster`).

    The draw is the apportionment of Webster and Sainte-Laguë: the i-th member of a cluster, the nearest to
    the centroid first, waits until (i − ½) / p̂, and who waits shortest comes first. So every head of the list
    is in proportion, and where a cluster runs out its share goes to the others. When the chosen clusters have
    all run out, the others follow whole, the best first.
    """

    clusters: Clusters
    score: Score
    floor: float  # p̂ that a cluster's centroid item must reach
    most: int  # clusters that are chosen for one user

    def __len__(self) -> int:
        return len(self.clusters.members_N)

    def within(self, where: Where) -> ByCluster:
        """See `Source`: the clusters' other members are not there, and so take no share."""
        return replace(self, clusters=self.clusters.among(where.mask_N))

    def propose(self, askers: Askers, count: int) -> tuple[Ints, Floats]:
        """See `Source`; everybody has a full answer. Good is p̂ of the centroid item."""
        count = min(count, len(self))
        cluster_UC, preference_UC = self._preferred(askers.users)
        size_UC = np.diff(self.clusters.offsets_C1)[cluster_UC]
        filled_UC = size_UC > 0  # filters may empty a cluster: it is none of those that are chosen
        chosen_UC = filled_UC & (preference_UC >= self.floor) & (np.cumsum(filled_UC, axis=1) <= self.most)
        drawn_UC = _in_proportion(np.where(chosen_UC, preference_UC, 0), size_UC, count)
        drawn_UC += _in_turn(np.where(chosen_UC, 0, size_UC), count - drawn_UC.sum(axis=1))
        return self._members(cluster_UC, preference_UC, chosen_UC, drawn_UC, count)

    def _preferred(self, users: Representations) -> tuple[Ints, Doubles]:
        """Return the clusters in the order of falling preference, and p̂ of their centroid items: (U, C)."""
        rows_UC = np.broadcast_to(self.clusters.item_C, (len(users), len(self.clusters)))
        logits_UC = self.score(users, rows_UC).astype(np.float64)
        cluster_UC = np.argsort(-logits_UC, axis=1, kind="stable")
        return cluster_UC, 1 / (1 + np.exp(-np.take_along_axis(logits_UC, cluster_UC, axis=1)))

    def _members(
        self, cluster_UC: Ints, preference_UC: Doubles, chosen_UC: Bools, drawn_UC: Ints, count: int
    ) -> tuple[Ints, Floats]:
        user_L, place_L = np.nonzero(drawn_UC)
        at_L, drawn_L = (user_L, place_L), drawn_UC[user_L, place_L]
        members = gather_ranges(self.clusters.offsets_C1[cluster_UC[at_L]], drawn_L)
        rank = gather_ranges(np.zeros_like(drawn_L), drawn_L)
        preference = np.repeat(preference_UC[at_L], drawn_L)
        waits = np.where(np.repeat(chosen_UC[at_L], drawn_L), (rank + 0.5) / preference, np.inf)
        user = np.repeat(user_L, drawn_L)
        order = np.lexsort((waits, user))
        starts_U = np.searchsorted(user, np.arange(len(drawn_UC)))
        first_UK = order[starts_U[:, None] + np.arange(count)]
        rows_UK = self.clusters.members_N[members[first_UK]].astype(np.int64)
        return rows_UK, preference[first_UK].astype(np.float32)


def _in_proportion(weight_UC: Doubles, size_UC: Ints, count: int) -> Ints:
    """Return how many are drawn from each cluster so that they are `count`, a few more, or all there are."""

    def drawn(until_U: Doubles) -> Ints:
        return np.minimum(
            size_UC * (weight_UC > 0), np.floor(until_U[:, None] * weight_UC + 0.5).astype(np.int64)
        )

    longest_UC = np.divide(size_UC, weight_UC, out=np.zeros_like(weight_UC), where=weight_UC > 0)
    low_U, high_U = np.zeros(len(size_UC)), longest_UC.max(axis=1, initial=0)
    for _ in range(HALVINGS):
        middle_U = (low_U + high_U) / 2
        enough_U = drawn(middle_U).sum(axis=1) >= count
        low_U, high_U = np.where(enough_U, low_U, middle_U), np.where(enough_U, middle_U, high_U)
    return drawn(high_U)


def _in_turn(size_UC: Ints, missing_U: Ints) -> Ints:
    """Return how many of each cluster are taken so that nothing is missing, one cluster after the other."""
    before_UC = np.cumsum(size_UC, axis=1) - size_UC
    return np.clip(missing_U[:, None] - before_UC, 0, size_UC)
