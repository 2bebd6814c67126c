from __future__ import annotations

import numpy as np
from scipy import sparse

from dlrs.arrays import NO_ITEM
from dlrs.metrics.kept import kept, recall

CANDIDATES_UT = np.array([[4, 0, 2], [1, 3, NO_ITEM], [NO_ITEM, NO_ITEM, NO_ITEM]])


def test_kept_by_hand() -> None:
    best_UK = np.array([[0, 1, 2, 3], [3, NO_ITEM, NO_ITEM, NO_ITEM], [0, 1, 2, 3]])
    assert kept(CANDIDATES_UT, best_UK, 1, 5).tolist() == [1, 1, 0]
    assert kept(CANDIDATES_UT, best_UK, 2, 5).tolist() == [0.5, 1, 0]
    assert kept(CANDIDATES_UT, best_UK, 4, 5).tolist() == [0.5, 1, 0]


def test_nobody_and_nothing() -> None:
    nothing_UT = np.empty((2, 0), dtype=np.int64)
    assert kept(nothing_UT, np.full((2, 3), NO_ITEM), 3, 5).tolist() == [0, 0]
    assert kept(np.empty((0, 3), dtype=np.int64), np.empty((0, 3), dtype=np.int64), 3, 5).tolist() == []


def test_recall_by_hand() -> None:
    relevant_UA = sparse.csr_array(
        np.array([[1, 1, 1, 0, 0], [0, 0, 0, 0, 0], [0, 0, 0, 0, 1]], dtype=np.bool_)
    )
    np.testing.assert_allclose(recall(CANDIDATES_UT, relevant_UA), [2 / 3, 0, 0])
