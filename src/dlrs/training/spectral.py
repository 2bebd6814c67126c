"""Spectral start: before the first step, items lie where the log's strongest singular vectors put them.

With X what users met, d how often each user and each item was met, and R = D_U^(−1/2) X D_I^(−1/2), the
rows of R's strongest right singular vectors V are a map of the items: the mean of a user's rows, times the
row of another item, is an ideal low-pass filter over what was met together (Shen et al., *How powerful is
graph convolution for recommendation?*, 2021). Descent from random embeddings needs many epochs to get there.

The network has embeddings of features, not of items. They are those whose sums are nearest to the rows of
V: least squares, each item as heavy as it was met often, with a ridge. So an id keeps what the other features
of an item that many met do not explain, and an item that nobody met lies where its features put it. Likewise
the features of the users' own begin as those whose sums are nearest to the means of what such users met.
Validation asks who met something, and may stop before descent has come to the others.

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
from dlrs.spectrum import nearly_right_vectors, normalised, right_vectors

MOST_USERS, MOST_EVENTS = 200_000, 4_000_000
"""Users whose events make the map, and about how many events they have; of more, so many users are drawn."""

EXACT = 500_000
"""Pairs of users and items, of which the singular vectors are exact ones; of more they need not be."""

RIDGE = 1.0
"""As if each feature had been met once more, at zero."""

ITERATIONS = 30
"""Of conjugate gradients: the start need not be exact."""

TARGETS = 16
"""Singular vectors whose regressions descend together: a few arrays of that width are there at a time."""

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
        met_UN = _met(_some(sequences, np.random.default_rng(seed)), len(items))
        # of a large catalogue the drawn users met but a part, and that has but some of the columns
        rows = np.flatnonzero(np.bincount(met_UN.indices, minlength=len(items)))
        met_UR = met_UN[:, rows]
        met_R = np.asarray(met_UR.sum(axis=0)).ravel()
        vectors_RW = _vectors(normalised(met_UR), width, seed)
        vectors_RW *= (met_R**POPULAR)[:, None]
        vectors_RW *= _scale(np.linalg.norm(vectors_RW, axis=1))
        inputs_RI = _inputs(items.take(rows), space, used_K)
        present = np.unique(inputs_RI.indices)
        weights_IW = np.zeros((inputs_RI.shape[1], vectors_RW.shape[1]), dtype=np.float32)
        weights_IW[present] = _least_squares(inputs_RI[:, present], vectors_RW, met_R)
        own_OW = None if own_UO is None else _own(own_UO, met_UR, inputs_RI @ weights_IW)
    C = len(space.continuous)
    return Start(weights_IW[:C], weights_IW[C:], own_OW)


def _vectors(matrix_UN: sparse.csr_array, width: int, seed: int) -> Doubles:
    """Return the right singular vectors, nearly those where there is much to look at."""
    if matrix_UN.nnz <= EXACT:
        return right_vectors(matrix_UN, width)
    return nearly_right_vectors(matrix_UN, width, seed).astype(np.float64)


def _some(sequences: Sequences, rng: np.random.Generator) -> Sequences:
    """Return those of all users, or of as many as the map is made of."""
    users = len(sequences.offsets_U1) - 1
    return sequences.some(min(MOST_USERS, MOST_EVENTS * users // max(1, len(sequences))), rng)


def _scale(lengths_N: Doubles) -> float:
    """Return what brings the lengths to `LENGTH`. Those next to 0 do not count: a log may fall apart."""
    there = lengths_N > 1e-6 * lengths_N.max(initial=0)
    return LENGTH / float(np.percentile(lengths_N[there], LONGEST)) if there.any() else 1.0


def _own(own_UO: sparse.csr_array, met_UN: sparse.csr_array, items_NW: Floats) -> Floats:
    """Return embeddings of the users' own features, as near to the means of what users met as can be."""
    count_U = np.diff(met_UN.indptr)
    who = np.flatnonzero(count_U)
    mean_UW = (met_UN[who] @ items_NW) / count_U[who, None]
    return _least_squares(own_UO[who], mean_UW, np.ones(len(who)))


def _met(sequences: Sequences, items: int) -> sparse.csr_array:
    """Return who met what, once a pair: (U, N)."""
    users = len(sequences.offsets_U1) - 1
    parts = (np.ones(len(sequences)), sequences.item_E, sequences.offsets_U1)
    met_UN = sparse.csr_array(parts, shape=(users, items), copy=True)  # the next line sorts in place
    met_UN.sum_duplicates()
    met_UN.data[:] = 1
    return met_UN


def _inputs(items: EncodedRows, space: FeatureSpace, used_K: Floats) -> sparse.csr_array:
    """Return what the network multiplies with its embeddings: numbers, then columns, (N, C + K)."""
    inputs_NI = items.matrix(space, side="item")
    C = len(space.continuous)
    # n values of a feature weigh 1/√n in the network, and 1/n here
    values_E = np.where(inputs_NI.indices < C, inputs_NI.data, np.sqrt(np.abs(inputs_NI.data)))
    used_I = np.concatenate([np.ones(C, dtype=np.float32), used_K])
    values_E = (values_E * used_I[inputs_NI.indices]).astype(np.float32)
    return sparse.csr_array((values_E, inputs_NI.indices, inputs_NI.indptr), inputs_NI.shape)


def _least_squares(inputs_NI: sparse.csr_array, target_NW: Doubles, weight_N: Doubles) -> Floats:
    """Return the ridge regression's coefficients, (I, W), by conjugate gradients, each target by itself."""
    weighted_IN = sparse.csr_array(inputs_NI.T @ sparse.diags_array(weight_N.astype(np.float32)))
    # columns are met from once to always: scaled by that, few iterations do
    squares_I = weighted_IN.multiply(inputs_NI.T).sum(axis=1)
    scale_I1 = (1 / (np.asarray(squares_I).reshape(-1, 1) + RIDGE)).astype(np.float32)
    solution_IW = np.empty((inputs_NI.shape[1], target_NW.shape[1]), dtype=np.float32)
    for first in range(0, target_NW.shape[1], TARGETS):
        some = slice(first, first + TARGETS)
        solution_IW[:, some] = _descended(inputs_NI, weighted_IN, scale_I1, target_NW[:, some])
    return solution_IW


def _descended(
    inputs_NI: sparse.csr_array, weighted_IN: sparse.csr_array, scale_I1: Floats, target_NW: Doubles
) -> Floats:
    residual_IW: Floats = weighted_IN @ target_NW.astype(np.float32)
    solution_IW = np.zeros_like(residual_IW)
    scaled_IW = scale_I1 * residual_IW
    direction_IW, worth_W = scaled_IW, np.einsum("iw,iw->w", residual_IW, scaled_IW)
    for _ in range(ITERATIONS):
        image_IW = weighted_IN @ (inputs_NI @ direction_IW) + np.float32(RIDGE) * direction_IW
        step_W = worth_W / np.maximum(np.einsum("iw,iw->w", direction_IW, image_IW), 1e-30)
        solution_IW += step_W * direction_IW
        residual_IW = residual_IW - step_W * image_IW
        scaled_IW = scale_I1 * residual_IW
        before_W, worth_W = worth_W, np.einsum("iw,iw->w", residual_IW, scaled_IW)
        direction_IW = scaled_IW + worth_W / np.maximum(before_W, 1e-30) * direction_IW
    return solution_IW
