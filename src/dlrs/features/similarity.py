"""Similarity of raw inputs: the geometry that the objective `multi-cos` asks the embeddings to keep."""

from __future__ import annotations

import numpy as np
from scipy import sparse

from dlrs.arrays import Floats, Ints
from dlrs.features.rows import EncodedRows, FeatureSpace

BLOCK = 65_536


def raw_cosine(
    profiles: EncodedRows, versions: EncodedRows, space: FeatureSpace, profile_P: Ints, version_P: Ints
) -> Floats:
    """Return cos(u, v) of P pairs of raw inputs, float32 in [−1, 1].

    u is a user's means ⊕ one-many columns (without his standard deviations), v an item's numbers ⊕
    one-hot columns; the cosine of a zero vector is 0 (method §9).
    """
    users = unit_rows(profiles.matrix(space, side="user"))
    items = unit_rows(versions.matrix(space, side="item"))
    cosine_P = np.empty(len(profile_P), dtype=np.float32)
    for start in range(0, len(profile_P), BLOCK):
        block = slice(start, start + BLOCK)
        cosine_P[block] = users[profile_P[block]].multiply(items[version_P[block]]).sum(axis=1)
    return cosine_P


def unit_rows(matrix: sparse.csr_array) -> sparse.csr_array:
    """Return the rows scaled to length 1; a zero row stays zero."""
    norms = np.sqrt(matrix.multiply(matrix).sum(axis=1))
    inverse = np.divide(1.0, norms, out=np.zeros_like(norms), where=norms > 0)
    return sparse.csr_array(sparse.diags_array(inverse) @ matrix)
