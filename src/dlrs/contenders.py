"""Contenders: who competes in an evaluation, each fitted on the log before the cut.

A items of the catalogue, ascending by item row; N all item rows
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy import sparse

from dlrs.arrays import Ints
from dlrs.baselines.cf import Factors, cf_recommender, fit_cf
from dlrs.baselines.content_knn import ContentModel, content_recommender, fit_content
from dlrs.baselines.ease import Ease, ease_recommender, fit_ease
from dlrs.baselines.hybrid import HybridModel, fit_hybrid, hybrid_recommender
from dlrs.baselines.item_knn import item_knn_recommender
from dlrs.baselines.popular import most_popular, recently_popular
from dlrs.data.interactions import ALL_TIME
from dlrs.model.forward import Nets, load_nets
from dlrs.prepared import Prepared
from dlrs.recommender import Audience, Recommender, TwoStageRecommender

MOST_POPULAR = "most popular"
RECENTLY_POPULAR = "recently popular"
CF = "CF"
ITEM_KNN = "item-kNN"
EASE = "EASE"
CONTENT_KNN = "content-kNN"
HYBRID = "hybrid CF-CBF"


@dataclass(frozen=True)
class Contenders:
    """Fitted models: each becomes a recommender when it is told the catalogue."""

    prepared: Prepared
    train_UN: sparse.csr_array
    factors: Factors
    ease: Ease
    content: ContentModel
    hybrid: HybridModel
    networks: Mapping[str, Nets]  # ours, by the name that reports show

    def recommenders(self, versions_A: Ints) -> dict[str, Recommender]:
        """Return a recommender for each model over the items of these versions, ascending by item."""
        prepared, settings = self.prepared, self.prepared.recipe.baselines
        log, versions = prepared.interactions, prepared.encoded_versions
        audience = _audience(prepared)
        items_A = prepared.catalog.item_V[versions_A]
        cut, items = int(prepared.starts_Q[-1]), prepared.catalog.items
        version_of_N = np.full(items, -1)
        version_of_N[items_A] = versions_A
        ours = {
            name: TwoStageRecommender(
                nets,
                nets.embed_items(versions.take(versions_A)),
                items_A,
                audience,
                prepared.recipe.candidates,
            )
            for name, nets in self.networks.items()
        }
        return {
            MOST_POPULAR: most_popular(log, items_A, items=items, cut=cut),
            RECENTLY_POPULAR: recently_popular(log, items_A, items=items, cut=cut, settings=settings),
            CF: cf_recommender(self.factors, items_A),
            ITEM_KNN: item_knn_recommender(self.train_UN, items_A, settings),
            EASE: ease_recommender(self.ease, items_A),
            CONTENT_KNN: content_recommender(self.content, items_A, versions, version_of_N),
            HYBRID: hybrid_recommender(self.hybrid, items_A, audience, versions, version_of_N),
            **ours,
        }


def fit_contenders(prepared: Prepared, networks: Mapping[str, Path]) -> Contenders:
    """Fit every baseline on all that happened before the cut, and load our trained networks.

    The baselines see the whole log before the cut, warm-up and validation included: whatever our
    networks learn from, or meet in a profile, they may learn from too.

    Args:
        prepared: the data set.
        networks: folder of the trained networks, by the name that reports show.
    """
    settings, catalog = prepared.recipe.baselines, prepared.catalog
    versions, space = prepared.encoded_versions, prepared.encoding.space
    cut = int(prepared.starts_Q[-1])
    train_UN = prepared.interactions.between(ALL_TIME, cut).matrix(len(prepared.user_ids), catalog.items)
    # an item that begins after the cut has no version that training may see
    version_of_N = catalog.version_at(np.arange(catalog.items), np.full(catalog.items, cut - 1))
    version_of_N[catalog.valid_from_V[version_of_N] >= cut] = -1
    return Contenders(
        prepared=prepared,
        train_UN=train_UN,
        factors=fit_cf(train_UN, settings),
        ease=fit_ease(train_UN, settings),
        content=fit_content(train_UN, versions, version_of_N, space),
        hybrid=fit_hybrid(train_UN, _audience(prepared), versions, version_of_N, settings),
        networks={name: load_nets(folder) for name, folder in networks.items()},
    )


def _audience(prepared: Prepared) -> Audience:
    profile_of_U = prepared.profile_of_QU[prepared.cut_period]
    return Audience(prepared.profiles, profile_of_U, prepared.encoding.space, prepared.own_features)
