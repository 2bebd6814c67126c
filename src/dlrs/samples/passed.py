"""Passed: what each user was shown and passed by, or refused, to be told from what he turned to.

X pairs of a user and an item    P positions with a target    H negatives of each
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from dlrs.arrays import Ints, StoredArrays, positions_in
from dlrs.data.interactions import Interactions


@dataclass(frozen=True)
class Passed(StoredArrays):
    """Distinct pairs, user by user; an item as the version that the user saw first."""

    offsets_U1: Ints
    version_X: Ints

    @classmethod
    def collect(cls, negatives: Interactions, chosen: Interactions, users: int) -> Passed:
        """Take the events of negative types on items that their user did not choose, at any moment."""
        items = 1 + max(int(log.item_E.max(initial=0)) for log in (negatives, chosen))
        pairs_X, first_X = np.unique(negatives.pairs(items), return_index=True)
        only = positions_in(np.unique(chosen.pairs(items)), pairs_X) < 0
        user_X, version_X = pairs_X[only] // items, negatives.version_E[first_X[only]]
        offsets_U1 = np.concatenate(([0], np.cumsum(np.bincount(user_X, minlength=users))))
        return cls(offsets_U1, version_X)

    def draw(self, users_P: Ints, count: int, rng: np.random.Generator) -> Ints:
        """Return versions that each user passed by, with replacement: (P, H), −1 where he passed by none."""
        first_P = self.offsets_U1[users_P]
        there_P = self.offsets_U1[users_P + 1] - first_P
        drawn_PH = rng.integers(0, np.maximum(there_P, 1)[:, None], (len(users_P), count))
        places_PH = np.where(there_P[:, None] > 0, first_P[:, None] + drawn_PH, -1)
        versions = np.append(self.version_X, -1)
        drawn: Ints = versions[places_PH]
        return drawn
