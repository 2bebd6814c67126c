"""The spectral start: items that the same users met lie together; ids keep what features do not explain."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import sparse

from dlrs.features.rows import EncodedRows, FeatureSpace
from dlrs.samples.sequences import Sequences
from dlrs.training.regression import RIDGE
from dlrs.training.spectral import LENGTH, POPULAR, spectral_start

IDS = FeatureSpace((), ("id",), (4,), (), (), ())
ALL = np.ones(4, dtype=np.float32)


def ids(count: int) -> EncodedRows:
    """Return items of which only the ids are known."""
    return EncodedRows(
        continuous_NC=np.empty((count, 0), dtype=np.float32),
        offsets=np.arange(count + 1),
        columns_E=np.arange(count, dtype=np.int32),
        weights_E=np.ones(count, dtype=np.float32),
    )


def sequences(*users: list[int]) -> Sequences:
    """Return what each user met, in this order."""
    item_E = np.concatenate([np.array(items, dtype=np.int64) for items in users])
    offsets_U1 = np.cumsum([0, *(len(items) for items in users)])
    return Sequences(offsets_U1, item_E, item_E.copy(), np.arange(len(item_E)), np.zeros_like(item_E))


def of_two_makes() -> tuple[Sequences, EncodedRows, FeatureSpace]:
    """Return a log of items 0 and 1 of one make and 2 of another; nobody met item 3, of the other."""
    space = FeatureSpace((), ("id", "make"), (4, 2), (), (), ())
    items = EncodedRows(
        continuous_NC=np.empty((4, 0), dtype=np.float32),
        offsets=np.arange(9),
        columns_E=np.array([0, 4, 1, 4, 2, 5, 3, 5], dtype=np.int32),
        weights_E=np.ones(8, dtype=np.float32),
    )
    return sequences(*[[0, 1]] * 50, *[[2]] * 50), items, space


def test_two_groups_lie_across_each_other() -> None:
    """R of two groups of two has the singular vectors (1, 1, 0, 0)/√2 and (0, 0, 1, 1)/√2."""
    log = sequences([0, 1], [1, 0], [3, 2], [2, 3], [2, 3])
    _, table_KW, _ = spectral_start(log, ids(4), IDS, ALL, 3, seed=0)
    assert table_KW.shape == (4, 2)  # there are no more vectors
    assert table_KW.dtype == np.float32
    # each vector has the length 1/√2, times ⁴√n; the longest becomes LENGTH; the ridge shrinks by n / (n + 1)
    met_N = np.array([2, 2, 3, 3])
    shrunk_N = LENGTH * (met_N / 3) ** POPULAR * met_N / (met_N + RIDGE)
    expected_NN = np.outer(shrunk_N, shrunk_N) * np.kron(np.eye(2), np.ones((2, 2)))
    np.testing.assert_allclose(table_KW @ table_KW.T, expected_NN, atol=1e-5)


def test_an_item_that_nobody_met_lies_where_its_features_put_it() -> None:
    _, table_KW, _ = spectral_start(*of_two_makes(), np.ones(6, dtype=np.float32), 2, seed=0)
    item_NW = table_KW[[0, 1, 2, 3]] + table_KW[[4, 4, 5, 5]]
    cosine_N = item_NW @ item_NW[2] / np.linalg.norm(item_NW, axis=1) / np.linalg.norm(item_NW[2])
    np.testing.assert_allclose(cosine_N, [0, 0, 1, 1], atol=1e-4)
    np.testing.assert_allclose(table_KW[3], 0, atol=1e-6)


def test_numbers_take_part() -> None:
    """Two groups that one number tells apart: its embedding joins them, and no column is needed."""
    space = FeatureSpace(("price",), ("id",), (4,), (), (), ())
    price_NC = np.array([[1], [1], [-1], [-1]], dtype=np.float32)
    items = ids(4)
    items = EncodedRows(price_NC, items.offsets, items.columns_E, items.weights_E)
    log = sequences([0, 1], [2, 3])
    numbers_CW, table_KW, _ = spectral_start(log, items, space, np.zeros(4, dtype=np.float32), 2, seed=0)
    # least squares over vectors of length LENGTH: the sum of price × vector, by the sum of price² + 1
    np.testing.assert_allclose(np.linalg.norm(numbers_CW), LENGTH * 2 * 2**0.5 / (4 + RIDGE), rtol=1e-5)
    np.testing.assert_array_equal(table_KW, 0)


def test_the_log_stays_as_it_is() -> None:
    log = sequences([3, 1, 3, 0], [2, 1])
    before = log.item_E.copy()
    spectral_start(log, ids(4), IDS, ALL, 2, seed=0)
    np.testing.assert_array_equal(log.item_E, before)


def test_a_log_that_falls_apart_has_a_finite_start() -> None:
    """Two vectors reach but two of three hundred groups: nearly all lengths are 0."""
    space = FeatureSpace((), ("id",), (600,), (), (), ())
    log = sequences(*([2 * group, 2 * group + 1] for group in range(300)))
    _, table_KW, _ = spectral_start(log, ids(600), space, np.ones(600, dtype=np.float32), 2, seed=0)
    assert np.isfinite(table_KW).all()
    assert np.abs(table_KW).max() < 2 * LENGTH


@pytest.mark.parametrize("users", [([],), ([0],), ([0, 1, 2, 3],)])
def test_few_events_do(users: tuple[list[int], ...]) -> None:
    _, table_KW, _ = spectral_start(sequences(*users), ids(4), IDS, ALL, 3, seed=0)
    assert np.isfinite(table_KW).all()


def test_who_met_nothing_is_like_those_with_features_like_his() -> None:
    """Two groups of users with a feature of their own each: it begins as the mean of what they met."""
    own_UO = sparse.csr_array(np.array([[1, 0], [1, 0], [0, 1], [0, 1], [0, 1]], dtype=np.float32))
    log = sequences([0, 1], [1, 0], [3, 2], [2, 3], [])
    _, table_KW, own_OW = spectral_start(log, ids(4), IDS, ALL, 2, 0, own_UO)
    assert own_OW is not None
    mean_OW = (table_KW[[0, 2]] + table_KW[[1, 3]]) / 2
    np.testing.assert_allclose(own_OW, mean_OW * 2 / (2 + RIDGE), atol=1e-5)
