"""Metric: what near means, and vectors as faiss wants them for it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal, assert_never

import numpy as np

from dlrs.arrays import Floats, Ints
from dlrs.order import falling, numbers_of, scores_of

Metric = Literal["cosine", "inner-product", "euclidean"]
"""Similarity is the cosine, the inner product, or minus the squared Euclidean distance."""

BLOCK = 65_536
"""Vectors made ready at once, so that no second copy of a catalogue is ever whole."""


def ready(vectors_ND: Floats, metric: Metric) -> Floats:
    """Return what an index holds or is asked for: float32, of length 1 for the cosine; 0 stays 0."""
    match metric:
        case "cosine":
            return np.ascontiguousarray(vectors_ND / lengths(vectors_ND)[:, None], dtype=np.float32)
        case "inner-product" | "euclidean":
            return np.ascontiguousarray(vectors_ND, dtype=np.float32)
        case _:
            assert_never(metric)


def ready_blocks(vectors_ND: Floats, metric: Metric) -> Iterator[Floats]:
    """Yield all vectors made ready, a block at a time.

    Raises:
        ValueError: one of them is not finite.
    """
    for start in range(0, len(vectors_ND), BLOCK):
        block_BD = vectors_ND[start : start + BLOCK]
        if not np.isfinite(block_BD).all():
            raise ValueError("expected finite vectors, received NaN or infinity")
        yield ready(block_BD, metric)


def lengths(vectors_ND: Floats) -> Floats:
    """Return the Euclidean lengths, (N,), of which none is 0: fit to divide by."""
    lengths_N: Floats = np.sqrt(np.einsum("nd,nd->n", vectors_ND, vectors_ND))
    return np.maximum(lengths_N, 1e-12)


def nearest_first(rows_UK: Ints, similarity_UK: Floats) -> tuple[Ints, Floats]:
    """Return both in the order of falling similarity, of equal ones the lower row first."""
    keys_UK = np.sort(falling(similarity_UK, rows_UK), axis=1)
    return numbers_of(keys_UK), scores_of(keys_UK)
