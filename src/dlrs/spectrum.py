"""Spectrum of a log: the strongest singular vectors of what was met together.

With X what users met, d how often each user and each item was met: R = D_U^(−1/2) X D_I^(−1/2).

    W singular vectors; N items; S a side of R
"""

from __future__ import annotations

import numpy as np
from scipy import sparse
from scipy.sparse.linalg import svds

from dlrs.arrays import Doubles, Floats

DENSE = 512
"""Up to this smaller side the dense decomposition is as quick, and it gives all vectors."""

NEGLIGIBLE = 1e-9
"""Singular values below belong to vectors that are as good as any other: R knows nothing of them."""


SPARE, STEPS = 16, 6
"""Vectors beside those that are wanted, and steps, of subspace iteration."""

NEGLIGIBLE_SINGLE = 1e-4
"""`NEGLIGIBLE` where numbers are float32."""


def normalised(history_UN: sparse.csr_array) -> sparse.csr_array:
    """Return R of X: each pair over the roots of how often its user and its item were met."""
    degrees_U, degrees_N = (np.asarray(history_UN.sum(axis=axis)).ravel() for axis in (1, 0))
    return sparse.csr_array(
        sparse.diags_array(inverse_root(degrees_U)) @ history_UN @ sparse.diags_array(inverse_root(degrees_N))
    )


def right_vectors(matrix_UN: sparse.csr_array, width: int) -> Doubles:
    """Return the right singular vectors of the largest singular values, (N, W), the strongest first.

    There are fewer than `width` where the matrix has a smaller rank.
    """
    side = min(matrix_UN.shape)
    if side <= max(DENSE, width):
        _, values_S, vectors_SN = np.linalg.svd(matrix_UN.toarray(), full_matrices=False)
    else:
        # from the same start the same bits; all ones would be close to the first vector itself
        start_S = np.random.default_rng(0).standard_normal(side)
        _, values_S, vectors_SN = svds(matrix_UN, k=width, v0=start_S, return_singular_vectors="vh")
    strongest = np.argsort(-values_S, kind="stable")[:width]
    strongest = strongest[values_S[strongest] > NEGLIGIBLE]
    return np.ascontiguousarray(vectors_SN[strongest].T)


def nearly_right_vectors(matrix_UN: sparse.csr_array, width: int, seed: int) -> Floats:
    """Return about what `right_vectors` does, (N, W), in a time that the matrix's numbers do not change.

    A few steps of subspace iteration from random vectors (Halko, Martinsson & Tropp, 2011). Where singular
    values lie close together, as in a large log without much to tell, the exact ones may take a hundred times
    as many products.
    """
    some_UN = sparse.csr_array(matrix_UN, dtype=np.float32)
    some_NU = sparse.csr_array(some_UN.T)
    drawn = min(width + SPARE, *matrix_UN.shape)
    start_NL = np.random.default_rng(seed).standard_normal((matrix_UN.shape[1], drawn), dtype=np.float32)
    basis_NL = np.linalg.qr(some_NU @ (some_UN @ start_NL)).Q
    for _ in range(STEPS):
        basis_NL = np.linalg.qr(some_NU @ (some_UN @ basis_NL)).Q
    image_UL = some_UN @ basis_NL
    squares_L, turned_LL = np.linalg.eigh((image_UL.T @ image_UL).astype(np.float64))
    strongest = np.argsort(-squares_L, kind="stable")[:width]
    strongest = strongest[squares_L[strongest] > NEGLIGIBLE_SINGLE**2]
    return np.ascontiguousarray(basis_NL @ turned_LL[:, strongest].astype(np.float32))


def inverse_root(degrees_S: Doubles) -> Doubles:
    """Return d^(−1/2), 0 where d is 0."""
    return np.where(degrees_S > 0, 1 / np.sqrt(np.maximum(degrees_S, 1)), 0.0)
