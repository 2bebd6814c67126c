"""Integers that order like falling scores, and give scores and numbers back."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from dlrs.arrays import Floats
from dlrs.order import falling, numbers_of, scores_of

SCORES = hnp.arrays(np.float32, st.integers(0, 30), elements=st.floats(width=32, allow_nan=False))


@given(SCORES)
def test_the_order_is_that_of_falling_scores_and_rising_numbers(scores: Floats) -> None:
    numbers = np.arange(len(scores))[::-1]
    keys = np.sort(falling(scores, numbers))
    order = np.lexsort((numbers, -scores.astype(np.float64)))
    assert numbers_of(keys).tolist() == numbers[order].tolist()
    assert scores_of(keys).tolist() == scores[order].tolist()


def test_large_numbers_and_the_two_zeros() -> None:
    keys = np.sort(falling(np.array([-0.0, 0.0, -np.inf], dtype=np.float32), np.array([2**32 - 1, 7, 0])))
    assert numbers_of(keys).tolist() == [7, 2**32 - 1, 0]
    assert scores_of(keys).tolist() == [0, 0, -np.inf]
