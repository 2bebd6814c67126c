"""Singular vectors in bounded time: the same subspace as the exact ones, where there is one."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import sparse

from dlrs.spectrum import nearly_right_vectors, normalised, right_vectors


def _log(users: int, items: int, groups: int, noise: float) -> sparse.csr_array:
    """Users who met items of their group and, as often as noise says, any."""
    rng = np.random.default_rng(1)
    user_E = np.repeat(np.arange(users), 12)
    item_E = rng.integers(0, items // groups, len(user_E)) * groups + user_E % groups
    item_E = np.where(rng.random(len(user_E)) < noise, rng.integers(0, items, len(user_E)), item_E)
    met_UN = sparse.csr_array((np.ones(len(user_E)), (user_E, item_E)), shape=(users, items))
    met_UN.sum_duplicates()
    return normalised(met_UN)


def test_nearly_the_same_vectors_up_to_their_signs() -> None:
    matrix_UN = _log(2000, 900, 8, 0.2)
    exact_NW, nearly_NW = right_vectors(matrix_UN, 8), nearly_right_vectors(matrix_UN, 8, seed=0)
    assert nearly_NW.dtype == np.float32
    # within the space of the eight the strong ones may be turned into each other: what counts is the space
    overlap_WW = exact_NW.T @ nearly_NW
    assert np.linalg.svd(overlap_WW, compute_uv=False).min() > 0.999
    np.testing.assert_allclose(nearly_NW.T @ nearly_NW, np.eye(8), atol=1e-4)


def test_without_structure_as_much_of_the_matrix_is_kept() -> None:
    matrix_UN = _log(3000, 1500, 1, 1.0)
    exact_NW, nearly_NW = right_vectors(matrix_UN, 20), nearly_right_vectors(matrix_UN, 20, seed=0)
    kept = np.linalg.norm(matrix_UN @ nearly_NW) / np.linalg.norm(matrix_UN @ exact_NW)
    assert kept == pytest.approx(1, abs=0.03)


def test_no_more_vectors_than_the_rank() -> None:
    one = sparse.csr_array(np.ones((700, 600)) / 650)
    assert nearly_right_vectors(one, 4, seed=0).shape == (600, 1)
