"""Live content-kNN: what is described like all that a user has met up to the moment; new items compete.

R requests of one moment, S some of them; A items alive then, ascending by item row; N all item rows
V versions; K columns of the discrete features
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import sparse

from dlrs.arrays import Floats, Ints
from dlrs.baselines.catalogue import Catalogue
from dlrs.data.catalog import Catalog
from dlrs.features.rows import EncodedRows, FeatureSpace
from dlrs.features.similarity import unit_rows
from dlrs.recommenders.recommender import Ranking


@dataclass(frozen=True)
class LiveContent:
    """Every version in tf-idf weights, as a vector of length 1."""

    catalog: Catalog
    unit_VK: sparse.csr_array

    @classmethod
    def fit(cls, versions: EncodedRows, space: FeatureSpace, catalog: Catalog, until: int) -> LiveContent:
        """Weigh the columns by the items that began before a moment, as `content_knn` does."""
        columns_VK = versions.matrix(space, side="item")[:, len(space.continuous) :]
        held_N = catalog.version_at(np.arange(catalog.items), np.full(catalog.items, until - 1))
        held = held_N[catalog.valid_from_V[held_N] < until]
        having_K = np.bincount(columns_VK[held].indices, minlength=space.columns)
        idf_K = np.log((1 + len(held)) / (1 + having_K))
        return cls(catalog, unit_rows(sparse.csr_array(columns_VK @ sparse.diags_array(idf_K))))

    def recommend(
        self, until: int, users_R: Ints, items_A: Ints, k: int, *, known_RN: sparse.csr_array
    ) -> Ranking:
        """Recommend by the cosine of the mean of a user's items and the item; see `LiveRecommender`."""
        items = self.catalog.items
        described_NK = self.unit_VK[self.catalog.version_at(np.arange(items), np.full(items, until))]
        tastes_RK = unit_rows(sparse.csr_array(known_RN @ described_NK))
        items_KA = sparse.csr_array(described_NK[items_A].T)

        def scores(rows_S: Ints) -> Floats:
            cosine_SA: Floats = (tastes_RK[rows_S] @ items_KA).toarray().astype(np.float32)
            return cosine_SA

        return Catalogue(items_A).recommend(scores, np.arange(len(users_R)), k, known_RN)
