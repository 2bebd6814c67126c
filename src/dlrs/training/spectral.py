"""Spectral start: before the first step, items lie where the log's strongest singular vectors put them.

Descent from random embeddings needs many epochs to come to the map of the log (`training.log_map`). The
network has embeddings of features, not of items: they are those whose sums are nearest to the map's rows
(`training.regression`). Likewise the features of the users' own begin as those whose sums are nearest to the
means of what such users met. Validation asks who met something, and may stop before descent has come to the
others.

    U users    N items    R items that drawn users met    W ≤ D singular vectors
    C numbers, K columns of the vocabulary, I both
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy import sparse
from threadpoolctl import threadpool_limits

from dlrs.arrays import Doubles, Floats
from dlrs.features.rows import EncodedRows, FeatureSpace
from dlrs.progress import stage
from dlrs.samples.sequences import Sequences
from dlrs.training.log_map import LogMap
from dlrs.training.regression import inputs_of, least_squares

LONGEST, LENGTH = 99, 2.0
"""This percentile of the lengths of the items' vectors, and what it becomes; 1 is that of what all share."""

POPULAR = 0.25
"""Of how often an item was met, in the length of its vector: R took off half of it."""


class Start(NamedTuple):
    """Embeddings at the start: of items' numbers and columns, and of the columns of the users' own."""

    numbers_CW: Floats
    table_KW: Floats
    own_OW: Floats | None


def spectral_start(
    sequences: Sequences,
    items: EncodedRows,
    space: FeatureSpace,
    used_K: Floats,
    width: int,
    seed: int,
    own_UO: sparse.csr_array | None = None,
) -> Start:
    """Return where the network begins.

    Args:
        sequences: what users met.
        items: what each of the N items is like.
        space: the shape of the inputs.
        used_K: 1 for each column that may count, else 0.
        width: W at most; fewer where the log has no more singular vectors.
        seed: draws users, where there are too many.
        own_UO: the features of the users' own, if they have any.
    """
    with threadpool_limits(1, "blas"), stage("Spectral start"):
        found = LogMap.of(sequences, len(items), width, seed)
        vectors_RW = found.vectors_RW * (found.met_R**POPULAR)[:, None]
        vectors_RW *= _scale(np.linalg.norm(vectors_RW, axis=1))
        inputs_RI = inputs_of(items.take(found.rows), space, used_K)
        weights_IW = least_squares(inputs_RI, vectors_RW, found.met_R)
        own_OW = None if own_UO is None else _own(own_UO, found.met_UR, inputs_RI @ weights_IW)
    C = len(space.continuous)
    return Start(weights_IW[:C], weights_IW[C:], own_OW)


def _scale(lengths_N: Doubles) -> float:
    """Return what brings the lengths to `LENGTH`. Those next to 0 do not count: a log may fall apart."""
    there = lengths_N > 1e-6 * lengths_N.max(initial=0)
    return LENGTH / float(np.percentile(lengths_N[there], LONGEST)) if there.any() else 1.0


def _own(own_UO: sparse.csr_array, met_UN: sparse.csr_array, items_NW: Floats) -> Floats:
    """Return embeddings of the users' own features, as near to the means of what users met as can be."""
    count_U = np.diff(met_UN.indptr)
    who = np.flatnonzero(count_U)
    mean_UW = (met_UN[who] @ items_NW) / count_U[who, None]
    return least_squares(own_UO[who], mean_UW, np.ones(len(who)))
