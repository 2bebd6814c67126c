"""Fitting of the second opinion (`model.low_pass`) on a log, in closed form.

With V, σ the map of the log (`training.log_map`) and d how often an item was met:

    inward_i = √(σ² + α) V_i / √d_i        outward_v = √(σ² + α) V_v √d_v

α = 0 would be the linear filter of GF-CF between neighbours of neighbours, but for the two roots of d, which
stand there as in its ideal filter; σ² = 0 the ideal one alone. The items' vectors become sums of embeddings
of their features (`training.regression`).
"""

from __future__ import annotations

import numpy as np
from threadpoolctl import threadpool_limits

from dlrs.arrays import Floats
from dlrs.features.rows import EncodedRows, FeatureSpace
from dlrs.model.low_pass import LowPass
from dlrs.progress import stage
from dlrs.samples.sequences import Sequences
from dlrs.training.log_map import LogMap
from dlrs.training.regression import inputs_of, least_squares

IDEAL = 0.3
"""α: how much the ideal filter counts beside the linear one, as published for GF-CF."""


def fit_low_pass(
    sequences: Sequences, items: EncodedRows, space: FeatureSpace, used_K: Floats, width: int, seed: int
) -> LowPass:
    """Return the second opinion of a log, of weight 1; the arguments are those of `spectral_start`."""
    with threadpool_limits(1, "blas"), stage("Low pass"):
        found = LogMap.of(sequences, len(items), width, seed)
        inputs_RI = inputs_of(items.take(found.rows), space, used_K)
        vectors_RW = found.vectors_RW * np.sqrt(np.square(found.strengths_W) + IDEAL)
        root_R1 = np.sqrt(found.met_R)[:, None]
        inward_IW = least_squares(inputs_RI, vectors_RW / root_R1, found.met_R)
        outward_IW = least_squares(inputs_RI, vectors_RW * root_R1, found.met_R)
        outward_NW = np.asarray(inputs_of(items, space, used_K) @ outward_IW)
    longest = np.linalg.norm(outward_NW, axis=1).max(initial=0) or 1
    both_IV = np.hstack([inward_IW * longest, outward_IW / longest]).astype(np.float32)
    C = len(space.continuous)
    return LowPass(both_IV[:C], both_IV[C:], weight=1.0)
