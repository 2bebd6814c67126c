"""The second opinion in closed form: GF-CF's filter, as far as its singular vectors reach."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import sparse

from dlrs.arrays import Floats
from dlrs.baselines.gf_cf import fit_gf_cf
from dlrs.settings.baselines import Baselines
from dlrs.training import low_pass, regression
from dlrs.training.low_pass import IDEAL, fit_low_pass
from dlrs.training.regression import RIDGE
from training.test_spectral import ALL, IDS, ids, of_two_makes, sequences


def products(log: list[list[int]], width: int = 4) -> Floats:
    """Return inward_i · outward_v for all pairs of four items."""
    found = fit_low_pass(sequences(*log), ids(4), IDS, ALL, width, seed=0)
    return found.table_KV[:, : found.width] @ found.table_KV[:, found.width :].T


def test_two_groups_have_the_hand_computed_products() -> None:
    """Both singular values are 1, with the vectors (1, 1, 0, 0)/√2 and (0, 0, 1, 1)/√2.

    Half of 1 + α within a group; √(d_v / d_i) = 1; the ridge shrinks both sides by d / (d + 1).
    """
    shrunk_N = np.array([2, 2, 3, 3]) / (np.array([2, 2, 3, 3]) + RIDGE)
    expected_NN = np.outer(shrunk_N, shrunk_N) * np.kron(np.eye(2), np.full((2, 2), (1 + IDEAL) / 2))
    np.testing.assert_allclose(products([[0, 1], [1, 0], [3, 2], [2, 3], [2, 3]]), expected_NN, atol=1e-5)


def test_with_all_singular_vectors_and_no_linear_filter_it_is_the_ideal_one_of_gf_cf(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """With √(σ² + α) one everywhere, and no ridge, D^(−1/2) V Vᵀ D^(1/2)."""
    log = [[0, 1, 2], [1, 2], [2, 3], [0, 3], [2], [1, 2, 3]]
    monkeypatch.setattr(regression, "RIDGE", 1e-6)
    monkeypatch.setattr(low_pass, "IDEAL", 1e8)  # beside it, σ² ≤ 1 is nothing
    met_UN = np.array([[item in met for item in range(4)] for met in log], dtype=np.float64)
    model = fit_gf_cf(sparse.csr_array(met_UN), Baselines(gf_cf_width=2))
    root_N = np.sqrt(model.degrees_N)
    expected_NN = model.vectors_NW @ model.vectors_NW.T * root_N / root_N[:, None]
    np.testing.assert_allclose(products(log, width=2) / 1e8, expected_NN, atol=1e-4)


def test_no_outward_vector_is_longer_than_one() -> None:
    found = fit_low_pass(sequences([0, 1], [1, 2], [1, 3]), ids(4), IDS, ALL, 3, seed=0)
    lengths_N = np.linalg.norm(found.table_KV[:, found.width :], axis=1)
    np.testing.assert_allclose(lengths_N.max(), 1, rtol=1e-6)


def test_an_item_that_nobody_met_stands_where_its_features_put_it() -> None:
    found = fit_low_pass(*of_two_makes(), np.ones(6, dtype=np.float32), 2, seed=0)
    item_NV = found.table_KV[[0, 1, 2, 3]] + found.table_KV[[4, 4, 5, 5]]
    scores_NN = item_NV[:, : found.width] @ item_NV[:, found.width :].T
    assert scores_NN[2, 3] > 10 * abs(scores_NN[0, 3])


@pytest.mark.parametrize("users", [[[]], [[0]], [[0, 1, 2, 3]]])
def test_few_events_do(users: list[list[int]]) -> None:
    assert np.isfinite(products(users)).all()
