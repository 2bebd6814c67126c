from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from dlrs.arrays import NO_ITEM, Floats
from dlrs.ranking.top import top_k

FEW_VALUES = st.sampled_from([-np.inf, -3.5, -1.0, -0.0, 0.0, 1e-30, 2.0, np.inf])
ANY_VALUE = st.floats(width=32, allow_nan=False)
SHAPES = hnp.array_shapes(min_dims=2, max_dims=2, min_side=0, max_side=12)


def scores(values: st.SearchStrategy[float]) -> st.SearchStrategy[Floats]:
    return hnp.arrays(np.float32, SHAPES, elements=values)


@settings(deadline=None)
@given(st.one_of(scores(FEW_VALUES), scores(ANY_VALUE)), st.integers(0, 15))
def test_is_the_head_of_a_full_stable_sort(scores_UN: Floats, k: int) -> None:
    columns_UK, best_UK = top_k(scores_UN, k)
    assert columns_UK.shape == best_UK.shape == (len(scores_UN), k)
    assert (columns_UK.dtype, best_UK.dtype) == (np.int64, np.float32)
    for row, columns, best in zip(scores_UN, columns_UK.tolist(), best_UK.tolist(), strict=True):
        order = [int(column) for column in np.argsort(-row, kind="stable") if row[column] != -np.inf][:k]
        padding = k - len(order)
        assert columns == order + [NO_ITEM] * padding
        assert best == row[order].tolist() + [-np.inf] * padding


def test_ties_at_the_boundary_go_to_the_lower_column() -> None:
    columns_UK, scores_UK = top_k(np.array([[1, 2, 1, 3, 1], [0, 0, 0, 0, 0]], dtype=np.float32), 3)
    assert columns_UK.tolist() == [[3, 1, 0], [0, 1, 2]]
    assert scores_UK.tolist() == [[3, 2, 1], [0, 0, 0]]


def test_the_two_zeros_tie() -> None:
    assert top_k(np.array([[-0.0, 0.0, -0.0]], dtype=np.float32), 2)[0].tolist() == [[0, 1]]


def test_excluded_columns_become_padding() -> None:
    columns_UK, scores_UK = top_k(np.array([[-np.inf, 5, -np.inf]], dtype=np.float32), 2)
    assert columns_UK.tolist() == [[1, NO_ITEM]]
    assert scores_UK.tolist() == [[5, -np.inf]]


def test_leaves_its_input_alone() -> None:
    scores_UN = np.array([[3, -0.0, 2]], dtype=np.float32)
    before = scores_UN.tobytes()
    top_k(scores_UN, 1)
    assert scores_UN.tobytes() == before


def test_refuses_what_is_not_a_number() -> None:
    with pytest.raises(ValueError, match="not a number"):
        top_k(np.array([[1, np.nan, 2]], dtype=np.float32), 1)
