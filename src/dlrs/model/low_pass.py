"""Low pass: a second opinion beside the history network, linear in what a user met.

GF-CF (Shen et al., *How powerful is graph convolution for recommendation?*, 2021), as far as so many singular
vectors reach, as two more vectors of each item:

    score of a user with item v = weight · mean over the items i that he met of (inward_i · outward_v)

Both are sums of embeddings of the item's features, as what the network makes of it: `training.low_pass` fits
them. So the logit of both together stays an inner product: e_u gets the mean of the inward vectors beside it,
e_v its outward one. A last coordinate makes all e_v equally long, for which of two is nearer must not depend
on the metric; e_u has 0 there.

    C numbers    K columns of the vocabulary    W singular vectors    V = 2 W: inward, then outward
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

import numpy as np

from dlrs.arrays import Floats

NUMBERS, TABLE, WEIGHT = "low_pass.numbers", "low_pass.table", "low_pass.weight"


@dataclass(frozen=True)
class LowPass:
    """Embeddings of the features, and what the second opinion weighs. No outward vector is longer than 1."""

    numbers_CV: Floats
    table_KV: Floats
    weight: float  # in units of a logit

    @property
    def width(self) -> int:
        """W."""
        return int(self.table_KV.shape[1]) // 2

    def outward(self, vectors_NV: Floats) -> Floats:
        """Return what stands beside e_v of items, (N, W + 1), from the sums of their embeddings."""
        outward_NW = vectors_NV[:, self.width :]
        rest_N = np.maximum(1 - np.square(outward_NW).sum(axis=1), 0)
        return np.column_stack([outward_NW, np.sqrt(rest_N)]).astype(np.float32)

    def as_weights(self) -> dict[str, Floats]:
        """Return it as arrays, to lie among the network's own."""
        weight = np.array([self.weight], dtype=np.float32)
        return {NUMBERS: self.numbers_CV, TABLE: self.table_KV, WEIGHT: weight}

    @classmethod
    def among(cls, weights: Mapping[str, Floats]) -> Self | None:
        """Return the one that lies among a network's arrays, if there is one."""
        if TABLE not in weights:
            return None
        return cls(weights[NUMBERS], weights[TABLE], float(weights[WEIGHT][0]))
