"""Order: scores and ties as integers, so that one fast sort of numbers settles both."""

from __future__ import annotations

import numpy as np

from dlrs.arrays import Columns, Floats, Ints


def falling(scores_UN: Floats, numbers_UN: Ints) -> Ints:
    """Return integers that order like falling scores and, of equal scores, like the numbers.

    The bits of a float order like an integer, once those below the sign of a negative one are
    flipped: they are the upper half, the numbers the lower one. `numbers_of` and `scores_of` undo it.

    Args:
        scores_UN: float32 without NaN.
        numbers_UN: 0 to 2³² − 1; broadcast.
    """
    bits_UN = np.add(scores_UN, 0, dtype=np.float32).view(np.int32)  # adding 0 turns −0 into 0
    keys_UN = (~_flipped(bits_UN)).astype(np.int64)
    keys_UN <<= 32
    keys_UN |= numbers_UN
    return keys_UN


def numbers_of(keys_UN: Ints) -> Ints:
    """Return the numbers that `falling` was given."""
    return keys_UN & 0xFFFFFFFF


def scores_of(keys_UN: Ints) -> Floats:
    """Return the scores that `falling` was given; 0 where one was −0."""
    return _flipped(~(keys_UN >> 32).astype(np.int32)).view(np.float32)


def _flipped(bits_UN: Columns) -> Columns:
    """Flip the bits below the sign of negative numbers; what was flipped is put back by the same."""
    return bits_UN ^ ((bits_UN >> 31) & 0x7FFFFFFF)
