"""Contenders: who competes in an evaluation, each fitted on the log before the cut.

A items of the catalogue, ascending by item row; N all item rows
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import assert_never

import numpy as np
from scipy import sparse

from dlrs.arrays import Ints
from dlrs.baselines.bpr import fit_bpr
from dlrs.baselines.cf import cf_recommender, fit_cf
from dlrs.baselines.cf_warp import fit_cf_warp
from dlrs.baselines.content_knn import content_recommender, fit_content
from dlrs.baselines.ease import ease_recommender, fit_ease
from dlrs.baselines.gf_cf import fit_gf_cf, gf_cf_recommender
from dlrs.baselines.hybrid import fit_hybrid, hybrid_recommender
from dlrs.baselines.item_knn import item_knn_recommender
from dlrs.baselines.popular import most_popular, recently_popular
from dlrs.candidates.histories import histories_before
from dlrs.candidates.retrieval import Retrieval
from dlrs.candidates.vectors import ItemVectors
from dlrs.data.interactions import ALL_TIME
from dlrs.model.nets import AnyNets, open_nets
from dlrs.model.prior import Standing
from dlrs.prepared import Prepared
from dlrs.recommenders.recommender import Audience, Recommender, TwoStageRecommender
from dlrs.settings.baselines import Rival
from dlrs.standing import prepared_standing


@dataclass(frozen=True)
class Offer:
    """What may be recommended: one version of each item of a catalogue."""

    prepared: Prepared
    versions_A: Ints

    @cached_property
    def items_A(self) -> Ints:
        """The item rows."""
        return self.prepared.catalog.item_V[self.versions_A]

    @cached_property
    def version_of_N(self) -> Ints:
        """The version of each item row, −1 for those that are not in the catalogue."""
        version_of_N = np.full(self.prepared.catalog.items, -1)
        version_of_N[self.items_A] = self.versions_A
        return version_of_N


Build = Callable[[Offer], Recommender]
"""A fitted model: it becomes a recommender when it is told the catalogue."""


@dataclass(frozen=True)
class Contenders:
    """Fitted models, by the name that reports show."""

    prepared: Prepared
    fitted: Mapping[str, Build]

    def recommenders(self, versions_A: Ints) -> Mapping[str, Recommender]:
        """Return the models over the items of these versions, ascending by item.

        Each is built when it is looked up, and again the next time: a million items take a gigabyte
        with ours, so that all of them at once would need more than there is.
        """
        return _Built(self.fitted, Offer(self.prepared, versions_A))


class _Built(Mapping[str, Recommender]):
    def __init__(self, fitted: Mapping[str, Build], offer: Offer) -> None:
        self._fitted = fitted
        self._offer = offer

    def __getitem__(self, name: str) -> Recommender:
        return self._fitted[name](self._offer)

    def __iter__(self) -> Iterator[str]:
        return iter(self._fitted)

    def __len__(self) -> int:
        return len(self._fitted)


def fit_contenders(prepared: Prepared, networks: Mapping[str, Path]) -> Contenders:
    """Fit the recipe's baselines on all that happened before the cut, and load our trained networks.

    The baselines see the whole log before the cut, warm-up and validation included: whatever our
    networks learn from, or meet in a profile, they may learn from too.

    Args:
        prepared: the data set.
        networks: folder of the trained networks, by the name that reports show.
    """
    known = Known(prepared, prepared.cut_period)
    rivals: dict[str, Build] = {name: fit_rival(name, known) for name in prepared.recipe.baselines.models}
    ours = {name: build_ours(open_nets(folder), known) for name, folder in networks.items()}
    return Contenders(prepared, rivals | ours)


class Known:
    """What is known before a cut: the log until then, and the profiles of that moment."""

    def __init__(self, prepared: Prepared, period: int) -> None:
        """Cut at the start of a period of `prepared`: its `cut_period`, or the `validation_period`."""
        self.prepared = prepared
        self.cut = int(prepared.starts_Q[period])
        profile_of_U = prepared.profile_of_QU[period]
        space, own = prepared.encoding.space, prepared.own_features
        needed = prepared.recipe.needs_histories
        histories = histories_before(prepared, self.cut) if needed else None
        self.audience = Audience(prepared.profiles, profile_of_U, space, own, histories)

    @cached_property
    def train_UN(self) -> sparse.csr_array:
        """How often each user row met each item row."""
        before = self.prepared.interactions.between(ALL_TIME, self.cut)
        return before.matrix(len(self.prepared.user_ids), self.prepared.catalog.items)

    @cached_property
    def standing(self) -> Standing:
        """How every item row stands at the cut."""
        return prepared_standing(self.prepared, self.cut)

    @cached_property
    def version_of_N(self) -> Ints:
        """The version of each item that training may see, −1 for an item that begins after the cut."""
        catalog = self.prepared.catalog
        version_of_N = catalog.last_before(self.cut)
        version_of_N[catalog.valid_from_V[version_of_N] >= self.cut] = -1
        return version_of_N


def fit_rival(name: Rival, known: Known) -> Build:
    """Fit a baseline on what is known, by the settings of the data set's recipe."""
    prepared, settings, cut = known.prepared, known.prepared.recipe.baselines, known.cut
    log, items = prepared.interactions, prepared.catalog.items
    versions, space = prepared.encoded_versions, prepared.encoding.space
    match name:
        case "most popular":
            return lambda offer: most_popular(log, offer.items_A, items=items, cut=cut)
        case "recently popular":
            return lambda offer: recently_popular(log, offer.items_A, items=items, cut=cut, settings=settings)
        case "CF":
            factors = fit_cf(known.train_UN, settings)
            return lambda offer: cf_recommender(factors, offer.items_A)
        case "CF, WARP":
            warp = fit_cf_warp(known.train_UN, settings)
            return lambda offer: cf_recommender(warp, offer.items_A)
        case "BPR":
            bpr = fit_bpr(known.train_UN, settings)
            return lambda offer: cf_recommender(bpr, offer.items_A)
        case "item-kNN":
            return lambda offer: item_knn_recommender(known.train_UN, offer.items_A, settings)
        case "EASE":
            ease = fit_ease(known.train_UN, settings)
            return lambda offer: ease_recommender(ease, offer.items_A)
        case "GF-CF":
            graph = fit_gf_cf(known.train_UN, settings)
            return lambda offer: gf_cf_recommender(graph, offer.items_A)
        case "content-kNN":
            content = fit_content(known.train_UN, versions, known.version_of_N, space, settings)
            return lambda offer: content_recommender(content, offer.items_A, versions, offer.version_of_N)
        case "hybrid CF-CBF":
            audience = known.audience
            hybrid = fit_hybrid(known.train_UN, audience, versions, known.version_of_N, settings)
            return lambda offer: hybrid_recommender(
                hybrid, offer.items_A, audience, versions, offer.version_of_N
            )
        case _:
            assert_never(name)


def build_ours(nets: AnyNets, known: Known, stood: Standing | None = None) -> Build:
    """Return ours, of networks that learned from nothing after the cut.

    `stood` says how all item rows stand at the cut, where that is not told by what is known.
    """
    settings = known.prepared.recipe.candidates

    def build(offer: Offer) -> TwoStageRecommender:
        standing = (known.standing if stood is None else stood).take(offer.items_A)
        embedded = nets.embed_items(offer.prepared.encoded_versions.take(offer.versions_A))
        items = nets.placed(embedded, standing)
        vectors = ItemVectors(items.embedding_ND, settings.metric)
        retrieval = Retrieval.build(vectors, settings, standing.recent_N)
        return TwoStageRecommender(nets, items, offer.items_A, known.audience, settings, retrieval)

    return build
