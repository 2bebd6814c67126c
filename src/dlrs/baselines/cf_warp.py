"""CF, WARP: LightFM's model without any features, as the thesis's CF was fitted [T §5]."""

from __future__ import annotations

import numpy as np
from scipy import sparse

from dlrs.baselines.cf import Factors
from dlrs.errors import MissingExtra
from dlrs.settings.baselines import Baselines


def fit_cf_warp(train_UN: sparse.csr_array, settings: Baselines) -> Factors:
    """Learn a vector for each user and item with WARP from the unique pairs.

    An item's bias is the last coordinate, which is 1 in the vector of every user with interactions. Who has
    none gets the zero vector, and so does an item that nobody met.

    Raises:
        MissingExtra: torch is not installed.
    """
    try:
        from dlrs.baselines.warp import train_warp
    except ModuleNotFoundError:
        raise MissingExtra("torch", "train") from None
    users, items = train_UN.shape
    users_UD, items_ND = train_warp(
        train_UN,
        sparse.eye_array(users, dtype=np.float32, format="csr"),
        sparse.eye_array(items, dtype=np.float32, format="csr"),
        factors=settings.warp_factors,
        epochs=settings.warp_epochs,
        learning_rate=settings.warp_learning_rate,
        seed=settings.seed,
        name="CF, WARP",
    )
    met_U1 = (np.diff(train_UN.indptr) > 0).astype(np.float32)[:, None]
    return Factors(np.concatenate([users_UD, met_U1], axis=1), items_ND)
