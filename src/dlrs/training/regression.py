"""Regression: embeddings of features whose sums are nearest to a vector of each item or user.

Least squares, each item as heavy as it was met often, with a ridge. An id keeps what the other features of an
item that many met do not explain, and an item that nobody met lies where its features put it.

    N items or users    I their inputs: numbers, then columns of the vocabulary    W coordinates
"""

from __future__ import annotations

import numpy as np
from scipy import sparse

from dlrs.arrays import Doubles, Floats
from dlrs.features.rows import EncodedRows, FeatureSpace

RIDGE = 1.0
"""As if each feature had been met once more, at zero."""

ITERATIONS = 30
"""Of conjugate gradients: what descends from here need not begin at the very lowest point."""

TARGETS = 16
"""Coordinates whose regressions descend together: a few arrays of that width are there at a time."""


def inputs_of(items: EncodedRows, space: FeatureSpace, used_K: Floats) -> sparse.csr_array:
    """Return what the network multiplies with its embeddings: numbers, then columns, (N, C + K)."""
    inputs_NI = items.matrix(space, side="item")
    C = len(space.continuous)
    # n values of a feature weigh 1/√n in the network, and 1/n here
    values_E = np.where(inputs_NI.indices < C, inputs_NI.data, np.sqrt(np.abs(inputs_NI.data)))
    used_I = np.concatenate([np.ones(C, dtype=np.float32), used_K])
    values_E = (values_E * used_I[inputs_NI.indices]).astype(np.float32)
    return sparse.csr_array((values_E, inputs_NI.indices, inputs_NI.indptr), inputs_NI.shape)


def least_squares(inputs_NI: sparse.csr_array, target_NW: Doubles, weight_N: Doubles) -> Floats:
    """Return the ridge regression's coefficients, (I, W), by conjugate gradients, each coordinate by itself.

    Columns that no row has get 0.
    """
    present = np.unique(inputs_NI.indices)
    solution_IW = np.zeros((inputs_NI.shape[1], target_NW.shape[1]), dtype=np.float32)
    solution_IW[present] = _of_present(inputs_NI[:, present], target_NW, weight_N)
    return solution_IW


def _of_present(inputs_NI: sparse.csr_array, target_NW: Doubles, weight_N: Doubles) -> Floats:
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
