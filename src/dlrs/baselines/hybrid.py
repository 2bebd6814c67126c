"""Hybrid CF-CBF: LightFM's model (Kula, 2015), in which descriptions add up.

A user is the sum of the embeddings of his id and of the features of his profile, an item that of its
id and of the features of its version. Continuous features are columns, too, whose weight is the
z-normalised value.

    H inputs that describe a user: every user row, then the C + K feature columns, then his own features
    J inputs that describe an item: every item row, then the same columns
    A items of the catalogue, ascending by item row; N all item rows; L row of something, −1 for none
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import sparse

from dlrs.arrays import Floats, Ints, StoredArrays
from dlrs.baselines.factors import FactorRecommender
from dlrs.errors import MissingExtra
from dlrs.features.rows import EncodedRows, FeatureSpace, Side
from dlrs.recommenders.recommender import Audience
from dlrs.schema import USER
from dlrs.settings.baselines import Baselines


@dataclass(frozen=True)
class HybridModel(StoredArrays):
    """The embedding of every input; zero where training never met it.

    An item input's last coordinate is its bias. There is none for users: it would move all scores of
    one user alike, so WARP gives it no gradient and no list depends on it.
    """

    users_HD: Floats
    items_JD: Floats  # D + 1 wide


def fit_hybrid(
    train_UN: sparse.csr_array,
    audience: Audience,
    versions: EncodedRows,
    version_of_N: Ints,
    settings: Baselines,
) -> HybridModel:
    """Learn the embeddings with WARP from the unique pairs of users and items.

    Args:
        train_UN: a row for each user row, a column for each item row; what it stores is positive.
        audience: the users' profiles at the cut.
        versions: encoded item versions.
        version_of_N: the version that describes each item row in training, −1 for none.
        settings: width, epochs, learning rate and seed.

    Raises:
        MissingExtra: torch is not installed.
    """
    try:
        from dlrs.baselines.warp import train_warp
    except ModuleNotFoundError:
        raise MissingExtra("torch", "train") from None
    space = audience.space
    users_UD, items_ND = train_warp(
        train_UN,
        describe(audience.profiles, audience.profile_of_U, space, side="user"),
        describe(versions, version_of_N, space, side="item"),
        factors=settings.hybrid_factors,
        epochs=settings.hybrid_epochs,
        learning_rate=settings.hybrid_learning_rate,
        seed=settings.seed,
    )
    return HybridModel(users_UD, items_ND)


def hybrid_recommender(
    model: HybridModel, items_A: Ints, audience: Audience, versions: EncodedRows, version_of_N: Ints
) -> FactorRecommender:
    """Recommend from a catalogue (ascending by item row) of items as these versions describe them.

    Users and items that training never met are represented by their features alone, and who has
    neither by zeros: then the items' biases decide.
    """
    space = audience.space
    users_UH = describe(audience.profiles, audience.profile_of_U, space, side="user")
    items_AJ = describe(versions, version_of_N, space, side="item")[items_A]
    items_AD = items_AJ @ model.items_JD
    return FactorRecommender(items_A, users_UH @ model.users_HD, items_AD[:, :-1], items_AD[:, -1])


def describe(rows: EncodedRows, row_of_L: Ints, space: FeatureSpace, *, side: Side) -> sparse.csr_array:
    """Return the weight of each input: 1 for the own id, then the features of its row, none for −1.

    LightFM's `Dataset` divides them by their sum. That costs more than half of the precision
    (docs/decisions/0002-own-warp.md), so it is not done here.
    """
    known_L = row_of_L >= 0
    known = rows.take(row_of_L[known_L])
    described = EncodedRows.concatenate([known, EncodedRows.blank(1, space, side=side)])
    position_L = np.where(known_L, np.cumsum(known_L) - 1, len(known))
    rows_L = described.take(position_L)
    inputs = [
        sparse.eye_array(len(row_of_L), dtype=np.float32, format="csr"),
        rows_L.matrix(space, side=side),
    ]
    if side == "user":
        inputs.append(rows_L.own_matrix(space)[:, space.own_columns_but(USER)])  # his id is there already
    return sparse.csr_array(sparse.hstack(inputs, format="csr"), dtype=np.float32)
