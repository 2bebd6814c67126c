"""The best k of each row, exactly: what every list of recommendations is cut with."""

from __future__ import annotations

import numpy as np

from dlrs.arrays import NO_ITEM, Floats, Ints


def top_k(scores_UN: Floats, k: int) -> tuple[Ints, Floats]:
    """Return the columns of the k highest scores of each row, best first, and these scores: both (U, k).

    Equal scores come in the order of their columns, at the boundary too: the result is the head of
    a full stable sort. A score of −inf means excluded. Where fewer than k columns are left, the row
    is padded with `arrays.NO_ITEM` and −inf.

    Args:
        scores_UN: float32, fewer than 2³² columns.
        k: how many, 0 or more.

    Raises:
        ValueError: a score is not a number.
    """
    if np.isnan(scores_UN).any():
        raise ValueError("top_k: expected scores that can be ordered, received some that are not a number.")
    width = min(k, scores_UN.shape[1])
    keys_UN = _keys(scores_UN)
    if 0 < width < scores_UN.shape[1]:
        keys_UN.partition(width - 1, axis=1)
    keys_UW = np.sort(keys_UN[:, :width], axis=1)

    columns_UK = np.full((len(scores_UN), k), NO_ITEM, dtype=np.int64)
    best_UK = np.full((len(scores_UN), k), -np.inf, dtype=np.float32)
    columns_UK[:, :width] = keys_UW & 0xFFFFFFFF
    best_UK[:, :width] = np.take_along_axis(scores_UN, columns_UK[:, :width], axis=1)
    columns_UK[np.isneginf(best_UK)] = NO_ITEM
    return columns_UK, best_UK


def _keys(scores_UN: Floats) -> Ints:
    """Return distinct integers, lower for a higher score and, of equal scores, for the lower column.

    A partition by score alone would keep any of the scores that are equal at the boundary. The bits
    of a float order like an integer, once those below the sign of a negative one are flipped.
    """
    bits_UN = np.add(scores_UN, 0, dtype=np.float32).view(np.int32)  # adding 0 turns −0 into 0
    descending_UN = ~(bits_UN ^ ((bits_UN >> 31) & 0x7FFFFFFF))
    keys_UN = descending_UN.astype(np.int64)
    keys_UN <<= 32
    keys_UN |= np.arange(scores_UN.shape[1])
    return keys_UN
