"""Content-kNN: an item is recommended for being described like those of a user's history.

Nothing is learned but how telling each value is, so items that nobody met compete with all others.

    K columns of the discrete features; A items of the catalogue, ascending by item row; N all item rows
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import sparse

from dlrs.arrays import Doubles, Ints
from dlrs.baselines.scored import ScoredRecommender
from dlrs.features.rows import EncodedRows, FeatureSpace
from dlrs.features.similarity import unit_rows
from dlrs.settings.baselines import Baselines


@dataclass(frozen=True)
class ContentModel:
    """What each user turned to, as vectors of length 1, and the weight of each column."""

    space: FeatureSpace
    tastes_UK: sparse.csr_array
    idf_K: Doubles


def fit_content(
    train_UN: sparse.csr_array,
    versions: EncodedRows,
    version_of_N: Ints,
    space: FeatureSpace,
    settings: Baselines,
) -> ContentModel:
    """Weigh the columns by inverse document frequency, and each user's items by how often he met them.

    A column that n of N described items have weighs log((1 + N) / (1 + n)): nothing, if all have it. Both
    weights are raised to the powers that the settings name.

    Args:
        train_UN: how often each user row met each item row.
        versions: encoded item versions.
        version_of_N: the version that describes each item row in training, −1 for none.
        space: which features there are.
        settings: the powers.
    """
    columns_NK = _columns(versions, version_of_N, space)
    having_K = np.bincount(columns_NK.indices, minlength=space.columns)
    idf_K = np.log((1 + (version_of_N >= 0).sum()) / (1 + having_K)) ** settings.content_idf_power
    described_NK = unit_rows(columns_NK @ sparse.diags_array(idf_K))
    weights_UN = sparse.csr_array(train_UN, dtype=np.float64, copy=True)
    weights_UN.data **= settings.content_count_power
    return ContentModel(space, unit_rows(sparse.csr_array(weights_UN @ described_NK)), idf_K)


def content_recommender(
    model: ContentModel, items_A: Ints, versions: EncodedRows, version_of_N: Ints
) -> ScoredRecommender:
    """Recommend from a catalogue (ascending by item row) of items as these versions describe them.

    A score is the cosine of the user's mean item and the item, in tf-idf weights. It is 0 for whom
    nothing is known of: a user without history, an item without a description.
    """
    columns_AK = _columns(versions, version_of_N[items_A], model.space)
    items_KA = sparse.csr_array(unit_rows(columns_AK @ sparse.diags_array(model.idf_K)).T)
    return ScoredRecommender(items_A, lambda users_U: (model.tastes_UK[users_U] @ items_KA).toarray())


def _columns(versions: EncodedRows, version_of_N: Ints, space: FeatureSpace) -> sparse.csr_array:
    """Return the discrete features of each item, (N, K), nothing where its version is −1."""
    known = np.flatnonzero(version_of_N >= 0)
    described = versions.take(version_of_N[known]).matrix(space, side="item")[:, len(space.continuous) :]
    # A value is there or not. Networks take each of n values for 1 / n, by which any of thirty words would
    # say less than the only country.
    described.data = (described.data != 0).astype(described.dtype)
    place = (np.ones(len(known)), (known, np.arange(len(known))))
    return sparse.csr_array(sparse.csr_array(place, shape=(len(version_of_N), len(known))) @ described)
