"""Partner: a history network of another reading, side by side with a first one.

    cos = (1 − share) · cos of the first + share · cos of the partner

Coordinates of both stand beside each other, times the roots of what they weigh: so the cosine of both
together is an inner product as before, and e_u and e_v keep their length of 1. Each network has embeddings of
its own.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from dlrs.arrays import Floats

if TYPE_CHECKING:
    from dlrs.model.history_forward import HistoryNets

PREFIX = "partner."
"""Of its arrays, among those of the first network."""


@dataclass(frozen=True)
class Partner:
    """A network without prior and second opinion, and what it weighs: a share between 0 and 1."""

    nets: HistoryNets
    share: float

    def beside(self, first_ND: Floats, own_ND: Floats) -> Floats:
        """Return unit vectors of both networks as one, of the length 1."""
        return side_by_side(first_ND, own_ND, self.share)

    def as_weights(self) -> dict[str, Floats]:
        """Return its arrays, to lie among those of the first network."""
        return {PREFIX + name: array for name, array in self.nets.weights.items()}


def side_by_side(first_ND: Floats, other_ND: Floats, share: float) -> Floats:
    """Return both as one, of which the other has this share of each inner product."""
    first, other = np.float32((1 - share) ** 0.5), np.float32(share**0.5)
    return np.hstack([first_ND * first, other_ND * other])
