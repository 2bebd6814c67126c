"""LocalCodes: product quantisation with a rotation and a codebook for each cluster.

    C clusters    H coordinates of a vector    S parts of it, a byte of code each    W coordinates of a part
    A = 256 entries of a codebook    X = W + 1

A vector's difference from its cluster's centre is turned by the cluster's rotation and cut into S parts, each
replaced by the number of the nearest of A typical ones. As both are the cluster's own, they fit the shape of
what lies in it (Kalantidis and Avrithis, Locally Optimized Product Quantization, CVPR 2014).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Self

import faiss
import numpy as np
from numpy.typing import NDArray

from dlrs.arrays import Floats, Ints, StoredArrays
from dlrs.candidates.balanced import balancing_rotation

ENTRIES = 256
"""A: what a byte can tell apart."""

ROUNDS = 8
"""Rounds of k-means."""

Codes = NDArray[np.uint8]


@dataclass(frozen=True)
class LocalCodes(StoredArrays):
    """The rotations and codebooks of C clusters, float32.

    An entry is a column of X numbers: its coordinates, and last what it adds to the score whatever the
    query. So the product with a query's W coordinates and a 1 is all that it adds.
    """

    rotations_CHH: Floats
    codebooks_CSXA: Floats

    @classmethod
    def train(
        cls, vectors_BH: Floats, nearest_B: Ints, centres_CH: Floats, parts: int, penalty: float
    ) -> Self:
        """Fit each cluster's to the vectors that are nearest to its centre.

        H is a multiple of `parts`. A vector's score is its product with a query less `penalty` of its
        squared length.
        """
        C, H = centres_CH.shape
        rotations_CHH = np.empty((C, H, H), dtype=np.float32)
        codebooks_CSXA = np.empty((C, parts, H // parts + 1, ENTRIES), dtype=np.float32)
        for c in range(C):
            offsets_BH = vectors_BH[nearest_B == c] - centres_CH[c]
            rotations_CHH[c] = balancing_rotation(offsets_BH, parts)
            entries_SAW = _entries(offsets_BH @ rotations_CHH[c], parts)
            codebooks_CSXA[c] = _scoring(entries_SAW, centres_CH[c] @ rotations_CHH[c], penalty)
        return cls(rotations_CHH, codebooks_CSXA)

    @property
    def parts(self) -> int:
        """S."""
        return int(self.codebooks_CSXA.shape[1])

    @property
    def size(self) -> int:
        """Bytes."""
        return self.rotations_CHH.nbytes + self.codebooks_CSXA.nbytes

    def encode(self, vectors_BH: Floats, nearest_B: Ints, centres_CH: Floats) -> Codes:
        """Return the codes of vectors in the clusters of the nearest centres, (B, S)."""
        codes_BS = np.empty((len(vectors_BH), self.parts), dtype=np.uint8)
        for c, centre_H in enumerate(centres_CH):
            mine_L = np.flatnonzero(nearest_B == c)
            turned_LH = (vectors_BH[mine_L] - centre_H) @ self.rotations_CHH[c]
            codes_BS[mine_L] = _quantiser(self.codebooks_CSXA[c, :, :-1].swapaxes(1, 2)).compute_codes(
                turned_LH
            )
        return codes_BS

    def tables(self, queries_UH: Floats) -> Floats:
        """Return what each entry adds to the scores of each query, beside the centre: (C, S, U, A)."""
        C, S, X, _ = self.codebooks_CSXA.shape
        turned_CUH = queries_UH @ self.rotations_CHH
        longer_CSUX = np.ones((C, S, len(queries_UH), X), dtype=np.float32)
        longer_CSUX[..., :-1] = turned_CUH.reshape(C, len(queries_UH), S, X - 1).swapaxes(1, 2)
        tables_CSUA: Floats = longer_CSUX @ self.codebooks_CSXA
        return tables_CSUA


def _entries(turned_BH: Floats, parts: int) -> Floats:
    """Return typical parts, (S, A, W); where there are at most A vectors, theirs."""
    B, H = turned_BH.shape
    if B <= ENTRIES:
        all_AH = np.resize(turned_BH, (ENTRIES, H)) if B else np.zeros((ENTRIES, H), dtype=np.float32)
        return np.ascontiguousarray(all_AH.reshape(ENTRIES, parts, H // parts).swapaxes(0, 1))
    quantiser = faiss.ProductQuantizer(H, parts, 8)
    quantiser.cp.niter = ROUNDS
    quantiser.cp.min_points_per_centroid = 1  # or it warns of small clusters
    quantiser.train(turned_BH)
    entries_SAW: Floats = faiss.vector_to_array(quantiser.centroids).reshape(parts, ENTRIES, H // parts)
    return entries_SAW


def _scoring(entries_SAW: Floats, turned_centre_H: Floats, penalty: float) -> Floats:
    """Return the entries of a cluster as its columns.

    |centre + entry|² is |centre|² + 2 centre·entry + |entry|²; the first is the centre's part of the score.
    """
    centre_SW = turned_centre_H.reshape(len(entries_SAW), -1)
    squares_SA = np.einsum("saw,saw->sa", entries_SAW, entries_SAW)
    squares_SA += 2 * np.einsum("saw,sw->sa", entries_SAW, centre_SW)
    return np.concatenate([entries_SAW.swapaxes(1, 2), -penalty * squares_SA[:, None]], axis=1)


def _quantiser(entries_SAW: Floats) -> Any:
    S, _, W = entries_SAW.shape
    quantiser = faiss.ProductQuantizer(S * W, S, 8)
    faiss.copy_array_to_vector(np.ascontiguousarray(entries_SAW).ravel(), quantiser.centroids)
    return quantiser
