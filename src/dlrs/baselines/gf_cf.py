"""GF-CF: collaborative filtering as a low-pass filter over the items, in closed form (Shen et al., *How
powerful is graph convolution for recommendation?*, 2021).

With X what users met, d how often each user and each item was met, and R = D_U^(−1/2) X D_I^(−1/2), a
user's items x become the scores

    x (RᵀR + α D_I^(−1/2) V Vᵀ D_I^(1/2)):

a linear filter, and an ideal one that keeps the W strongest right singular vectors V of R. Nothing is
learned by descent.

    W singular vectors; A items of the catalogue, ascending by item row; N all item rows; S a side of R
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import sparse
from threadpoolctl import threadpool_limits

from dlrs.arrays import Doubles, Ints
from dlrs.baselines.scored import ScoredRecommender
from dlrs.progress import stage
from dlrs.settings.baselines import Baselines
from dlrs.spectrum import inverse_root, normalised, right_vectors

MOSTLY = 0.2
"""Filled to such a share, a matrix takes less time when it is dense, and not much more memory."""


@dataclass(frozen=True)
class GraphFilter:
    """What the scores are made of: X, R, V and d, and the weight α of the ideal filter."""

    history_UN: sparse.csr_array
    normalised_UN: sparse.csr_array
    vectors_NW: Doubles
    degrees_N: Doubles
    low_pass: float


def fit_gf_cf(train_UN: sparse.csr_array, settings: Baselines) -> GraphFilter:
    """Fit on the unique pairs of users and items; how often somebody met an item does not matter."""
    history_UN = sparse.csr_array(train_UN, dtype=np.float64, copy=True)
    history_UN.data[:] = 1
    degrees_N = np.asarray(history_UN.sum(axis=0)).ravel()
    normalised_UN = normalised(history_UN)
    with threadpool_limits(1, "blas"), stage("Fit GF-CF"):
        vectors_NW = right_vectors(normalised_UN, settings.gf_cf_width)
    return GraphFilter(history_UN, normalised_UN, vectors_NW, degrees_N, settings.gf_cf_low_pass)


def gf_cf_recommender(model: GraphFilter, items_A: Ints) -> ScoredRecommender:
    """Recommend from a catalogue (ascending by item row).

    An item that nobody met before the cut scores 0, and so does every item for a user without history.
    """
    linear_NA = _linear_filter(model.normalised_UN, items_A)
    inwards_NW = inverse_root(model.degrees_N)[:, None] * model.vectors_NW
    outwards_WA = model.low_pass * (np.sqrt(model.degrees_N)[:, None] * model.vectors_NW)[items_A].T

    def score_users(users_U: Ints) -> Doubles:
        history_BN = model.history_UN[users_U]
        scores_BA = (history_BN @ inwards_NW) @ outwards_WA
        linear_BA = history_BN @ linear_NA
        scores_BA += linear_BA.toarray() if sparse.issparse(linear_BA) else linear_BA
        return np.asarray(scores_BA)

    return ScoredRecommender(items_A, score_users)


def _linear_filter(normalised_UN: sparse.csr_array, items_A: Ints) -> sparse.csr_array | Doubles:
    """Return RᵀR towards the items of the catalogue, dense where most of it is not zero anyway."""
    linear_NA = sparse.csr_array(normalised_UN.T @ normalised_UN[:, items_A])
    filled = linear_NA.nnz / max(1, linear_NA.shape[0] * linear_NA.shape[1])
    return np.asarray(linear_NA.toarray()) if filled > MOSTLY else linear_NA
