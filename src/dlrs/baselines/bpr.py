"""BPR: matrix factorisation that orders each user's items before the others (Rendle et al., *BPR:
Bayesian personalised ranking from implicit feedback*, 2009)."""

from __future__ import annotations

import numpy as np
from scipy import sparse

from dlrs.baselines.cf import Factors
from dlrs.errors import MissingExtra
from dlrs.progress import stage
from dlrs.settings.baselines import Baselines


def fit_bpr(train_UN: sparse.csr_array, settings: Baselines) -> Factors:
    """Factorise the unique pairs; an item's bias is the last coordinate, which is 1 in every user's vector.

    Who has no interactions gets the zero vector, and so does an item that nobody met: what the descent
    began with says nothing of them.

    Raises:
        MissingExtra: `implicit` is not installed.
    """
    try:
        from implicit.bpr import BayesianPersonalizedRanking
        from threadpoolctl import threadpool_limits
    except ModuleNotFoundError:
        raise MissingExtra("implicit", "baselines") from None
    counts_UN = sparse.csr_matrix(train_UN, dtype=np.float32)  # implicit knows no sparse arrays
    with threadpool_limits(1, "blas"), stage("Fit BPR"):
        model = BayesianPersonalizedRanking(
            factors=settings.bpr_factors,
            iterations=settings.bpr_iterations,
            learning_rate=settings.bpr_learning_rate,
            regularization=settings.bpr_regularisation,
            random_state=settings.seed,
            num_threads=1,  # threads move the vectors in any order: each run would be another
        )
        model.fit(counts_UN, show_progress=False)
    users_UD, items_ND = np.array(model.user_factors), np.array(model.item_factors)
    users_UD[np.diff(train_UN.indptr) == 0] = 0
    items_ND[np.bincount(train_UN.indices, minlength=train_UN.shape[1]) == 0] = 0
    return Factors(users_UD, items_ND)
