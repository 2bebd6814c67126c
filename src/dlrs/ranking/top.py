"""The best k of each row, exactly: what every list of recommendations is cut with."""

from __future__ import annotations

import numpy as np

from dlrs.arrays import NO_ITEM, Floats, Ints
from dlrs.order import falling, numbers_of


def top_k(scores_UN: Floats, k: int) -> tuple[Ints, Floats]:
    """Return the columns of the k highest scores of each row, best first, and these scores: both (U, k).

    Equal scores come in the order of their columns, at the boundary too: the result is the head of
    a full stable sort. A partition by score alone would keep any of those that are equal there. A
    score of −inf means excluded. Where fewer than k columns are left, the row is padded with
    `arrays.NO_ITEM` and −inf.

    Args:
        scores_UN: float32, fewer than 2³² columns.
        k: how many, 0 or more.

    Raises:
        ValueError: a score is not a number.
    """
    if np.isnan(scores_UN).any():
        raise ValueError("top_k: expected scores that can be ordered, received some that are not a number.")
    width = min(k, scores_UN.shape[1])
    keys_UN = falling(scores_UN, np.arange(scores_UN.shape[1]))
    if 0 < width < scores_UN.shape[1]:
        keys_UN.partition(width - 1, axis=1)
    keys_UW = np.sort(keys_UN[:, :width], axis=1)

    columns_UK = np.full((len(scores_UN), k), NO_ITEM, dtype=np.int64)
    best_UK = np.full((len(scores_UN), k), -np.inf, dtype=np.float32)
    columns_UK[:, :width] = numbers_of(keys_UW)
    best_UK[:, :width] = np.take_along_axis(scores_UN, columns_UK[:, :width], axis=1)
    columns_UK[np.isneginf(best_UK)] = NO_ITEM
    return columns_UK, best_UK
