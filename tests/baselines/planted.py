"""A planted world: even users like even items, odd users odd ones, and features tell the items apart."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import sparse

from dlrs.arrays import Floats, Ints
from dlrs.features.rows import EncodedRows, FeatureSpace
from dlrs.recommenders.recommender import Audience
from dlrs.settings.baselines import Baselines
from packed import check_packed

SPACE = FeatureSpace(continuous=("price",), categorical=("colour", "kind"), sizes_F=(4, 2))
USERS, ITEMS, WARM = 40, 40, 30
NEWCOMER, STRANGER = 38, 39  # a profile, but no history; neither
TWINS = (30, 36)  # nobody met them, and the same version describes both
UNDESCRIBED = 39  # nobody met it, and no version describes it


@dataclass(frozen=True)
class Planted:
    train_UN: sparse.csr_array
    audience: Audience
    versions: EncodedRows
    version_of_N: Ints
    settings: Baselines

    @property
    def nothing_known(self) -> sparse.csr_array:
        return sparse.csr_array((USERS, ITEMS), dtype=np.float32)


def encode(weights_NK: Floats, continuous_NC: Floats) -> EncodedRows:
    """Pack a dense matrix of weights over the columns of SPACE."""
    row_E, column_E = weights_NK.nonzero()
    feature_E = np.searchsorted(SPACE.starts_F, column_E, side="right") - 1
    features = len(SPACE.categorical)
    lengths = np.bincount(row_E * features + feature_E, minlength=len(weights_NK) * features)
    rows = EncodedRows(
        continuous_NC=continuous_NC.astype(np.float32),
        offsets=np.concatenate(([0], np.cumsum(lengths))),
        columns_E=column_E.astype(np.int32),
        weights_E=weights_NK[row_E, column_E].astype(np.float32),
    )
    check_packed(rows, SPACE)
    return rows


def plant() -> Planted:
    rng = np.random.default_rng(5)
    group_U, group_N = np.arange(USERS) % 2, np.arange(ITEMS) % 2
    likes_UN = group_U[:, None] == group_N
    likes_UN[:, WARM:] = False
    likes_UN[NEWCOMER:] = False
    counts_UN = likes_UN * (rng.random((USERS, ITEMS)) < 0.5) * rng.integers(1, 4, (USERS, ITEMS))

    colour_N = group_N * 2 + rng.integers(0, 2, ITEMS)  # even items have colour 0 or 1, odd ones 2 or 3
    kind_N = 4 + rng.integers(0, 2, ITEMS)  # means nothing
    onehot_NK = np.zeros((ITEMS, SPACE.columns))
    onehot_NK[np.arange(ITEMS), colour_N] = onehot_NK[np.arange(ITEMS), kind_N] = 1
    price_N1 = np.where(group_N == 0, -1, 1)[:, None] + rng.normal(0, 0.3, (ITEMS, 1))

    shares_UN = counts_UN / np.maximum(counts_UN.sum(axis=1, keepdims=True), 1)
    shares_UN[NEWCOMER, 0] = 1  # looked at item 0 after training ended
    prices_U2 = np.column_stack([shares_UN @ price_N1, np.ones(USERS)])
    profile_of_U = np.where(np.arange(USERS) == STRANGER, -1, np.arange(USERS))
    version_of_N = np.where(np.arange(ITEMS) == TWINS[1], TWINS[0], np.arange(ITEMS))
    version_of_N[UNDESCRIBED] = -1
    return Planted(
        train_UN=sparse.csr_array(counts_UN.astype(np.float32)),
        audience=Audience(encode(shares_UN @ onehot_NK, prices_U2), profile_of_U, SPACE),
        versions=encode(onehot_NK, price_N1),
        version_of_N=version_of_N,
        settings=Baselines(
            cf_factors=6, cf_iterations=10, hybrid_factors=8, hybrid_epochs=30, hybrid_learning_rate=0.1
        ),
    )
