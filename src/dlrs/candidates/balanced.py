"""Balanced: a rotation after which the parts of a vector are independent and equally rich."""

from __future__ import annotations

import numpy as np

from dlrs.arrays import Doubles, Floats, Ints

FLAT = 1e-9
"""A variance below this share of the largest counts as this share: its logarithm stays finite."""


def balancing_rotation(vectors_BH: Floats, parts: int) -> Floats:
    """Return the rotation, (H, H), to multiply vectors with from the right; H is a multiple of `parts`.

    Its columns are the principal axes, the strongest dealt out first, each to the part whose variances
    have the smallest product so far (Ge et al., Optimized Product Quantization, CVPR 2013: eigenvalue
    allocation). Without vectors nothing is turned.
    """
    B, H = vectors_BH.shape
    if B == 0:
        return np.eye(H, dtype=np.float32)
    centred_BH = vectors_BH - vectors_BH.mean(axis=0)
    variances_H, axes_HH = np.linalg.eigh((centred_BH.T @ centred_BH).astype(np.float64) / B)
    rotation_HH = np.empty((H, H), dtype=np.float32)
    rotation_HH[:, allocated(variances_H[::-1], parts)] = axes_HH[:, ::-1]
    return rotation_HH


def allocated(falling_H: Doubles, parts: int) -> Ints:
    """Return the place of each of H falling variances, so that all parts have H / parts and like products.

    >>> allocated(np.array([8.0, 4.0, 2.0, 1.0]), 2)
    array([0, 2, 3, 1])
    """
    width = len(falling_H) // parts
    richness_H = np.log(np.maximum(falling_H, max(FLAT * falling_H[0], np.finfo(float).tiny)))
    richness_H -= richness_H.min()  # of factors below 1 more would make a part poorer
    filled_S, richness_S = np.zeros(parts, dtype=np.int64), np.zeros(parts)
    places_H = np.empty(len(falling_H), dtype=np.int64)
    for place, richness in enumerate(richness_H):
        part = int(np.argmin(np.where(filled_S < width, richness_S, np.inf)))
        places_H[place] = part * width + filled_S[part]
        filled_S[part] += 1
        richness_S[part] += richness
    return places_H
