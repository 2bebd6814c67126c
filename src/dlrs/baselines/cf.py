"""CF: collaborative filtering on ids alone, matrix factorisation by alternating least squares (iALS: Hu,
Koren, Volinsky, *Collaborative filtering for implicit feedback datasets*, 2008)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import sparse

from dlrs.arrays import Floats, Ints, StoredArrays
from dlrs.baselines.factors import FactorRecommender
from dlrs.errors import MissingExtra
from dlrs.progress import stage
from dlrs.settings.baselines import Baselines


@dataclass(frozen=True)
class Factors(StoredArrays):
    """A vector for every user row and every item row."""

    users_UD: Floats
    items_ND: Floats


def fit_cf(train_UN: sparse.csr_array, settings: Baselines) -> Factors:
    """Factorise how often each user met each item.

    Who has no interactions gets the zero vector, which is the least-squares solution.

    Raises:
        MissingExtra: `implicit` is not installed.
    """
    try:
        from implicit.als import AlternatingLeastSquares
        from threadpoolctl import threadpool_limits
    except ModuleNotFoundError:
        raise MissingExtra("implicit", "baselines") from None
    counts_UN = sparse.csr_matrix(train_UN, dtype=np.float32)  # implicit knows no sparse arrays
    # implicit solves its rows in threads of its own and warns where BLAS starts more of them
    with threadpool_limits(1, "blas"), stage("Fit CF"):
        model = AlternatingLeastSquares(
            factors=settings.cf_factors,
            iterations=settings.cf_iterations,
            alpha=settings.cf_confidence,
            regularization=settings.cf_regularisation,
            random_state=settings.seed,
        )
        model.fit(counts_UN, show_progress=False)
    return Factors(model.user_factors, model.item_factors)


def cf_recommender(factors: Factors, items_A: Ints) -> FactorRecommender:
    """Recommend from a catalogue (ascending by item row) by the fitted factors.

    An item that nobody met before the cut scores 0, and so does every item for a user without
    interactions: lists are full all the same, in the order of item rows among equals.
    """
    no_bias_A = np.zeros(len(items_A), dtype=np.float32)
    return FactorRecommender(items_A, factors.users_UD, factors.items_ND[items_A], no_bias_A)
