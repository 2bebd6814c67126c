"""Recommender: profile → e_u → candidates → ranking → k items.

`Recommender` is the protocol that our model and every baseline share. `TwoStageRecommender` is ours:
the evaluation and the service use this one object, so that what is measured is what is served.

    A items of the catalogue, ascending by item row; N all item rows
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from scipy import sparse

from dlrs.arrays import Floats, Ints, positions_in
from dlrs.candidates.askers import Askers
from dlrs.candidates.filtering.where import Where
from dlrs.candidates.generator import Candidates
from dlrs.candidates.histories import Histories, embed_users
from dlrs.candidates.index import ItemIndex
from dlrs.candidates.retrieval import Retrieval
from dlrs.candidates.strategies import build_strategy
from dlrs.candidates.vectors import ItemVectors
from dlrs.features.rows import EncodedRows, FeatureSpace
from dlrs.model.forward import Representations
from dlrs.model.nets import AnyNets
from dlrs.ranking.ranker import rank
from dlrs.settings.candidates import Candidates as Settings


@dataclass(frozen=True)
class Ranking:
    """The best K items for each of U users, best first.

    `items_UK` holds item rows, padded with `arrays.NO_ITEM` where fewer than K could be recommended;
    the scores there are −inf. Scores compare within one user only.
    """

    items_UK: Ints
    scores_UK: Floats


class Recommender(Protocol):
    """Recommends items of one catalogue, which is fixed when the recommender is built."""

    def recommend(self, users_U: Ints, k: int, *, known_UN: sparse.csr_array) -> Ranking:
        """Return the best k items for each user row, none of them among his known positives.

        `known_UN` has a row for each of `users_U` (in that order) and a column for each item row;
        what it stores is known. Known items never cost a place: a list is shorter than k only
        when the catalogue runs out. Ties are broken by item row.
        """
        ...

    def score(self, users_P: Ints, items_P: Ints) -> Floats:
        """Return how well each pair of a user row and an item row fits: higher is better."""
        ...


@dataclass(frozen=True)
class Audience:
    """Where the profiles of user rows are: a row of `profiles` for each, −1 for none.

    `own_features` has a row for each user row, where users have features of their own; `histories` too,
    where they are known.
    """

    profiles: EncodedRows
    profile_of_U: Ints
    space: FeatureSpace
    own_features: EncodedRows | None = None
    histories: Histories | None = None

    @classmethod
    def empty(cls, space: FeatureSpace) -> Audience:
        """Return the audience of nobody: profiles come with each request."""
        return cls(EncodedRows.blank(0, space, side="user"), np.empty(0, dtype=np.int64), space)

    def take(self, users_U: Ints) -> EncodedRows:
        """Return the users' encoded profiles; for a user without one, what he has of his own, or zeros."""
        rows_U = self.profile_of_U[users_U]
        strangers = users_U[rows_U < 0]
        unknown = EncodedRows.blank(len(strangers), self.space.shared, side="user")
        if self.own_features is not None:
            unknown = unknown.beside(self.own_features.take(strangers), self.space)
        known = self.profiles.take(rows_U[rows_U >= 0])
        order_U = np.empty(len(users_U), dtype=np.int64)
        order_U[np.argsort(rows_U < 0, kind="stable")] = np.arange(len(users_U))
        return EncodedRows.concatenate([known, unknown]).take(order_U)


class TwoStageRecommender:
    """A strategy over an index finds T candidates, RankNet orders them (method §5, §6)."""

    def __init__(
        self,
        nets: AnyNets,
        items: Representations,
        items_A: Ints,
        audience: Audience,
        settings: Settings,
        retrieval: Retrieval | None = None,
    ) -> None:
        """Build the index over the catalogue, unless it is given.

        Args:
            nets: the three networks.
            items: what ItemNet made of each item of the catalogue.
            items_A: their item rows, ascending.
            audience: whose profiles `recommend` looks up.
            settings: index, metric, strategy and T.
            retrieval: an index over these items and what the strategy needs beside it. One that is built here
                knows nothing of recent popularity.
        """
        self.nets = nets
        self.items_A = items_A
        self.audience = audience
        self.settings = settings
        if retrieval is None:
            retrieval = Retrieval.build(ItemVectors(items.embedding_ND, settings.metric), settings)
        self.index: ItemIndex = retrieval.index
        self.halves = nets.item_halves(items)
        self._strategy = build_strategy(retrieval, settings, self._logits)

    def recommend(self, users_U: Ints, k: int, *, known_UN: sparse.csr_array) -> Ranking:
        """Recommend to user rows by their profiles; see `Recommender`."""
        histories = self.audience.histories
        some = None if histories is None else histories.take(users_U)
        return self.recommend_to(self.audience.take(users_U), k, known_UN=known_UN, histories=some)

    def recommend_to(
        self,
        profiles: EncodedRows,
        k: int,
        *,
        known_UN: sparse.csr_array,
        histories: Histories | None = None,
        where: Where | None = None,
    ) -> Ranking:
        """Recommend to whoever has these profiles: the way for guests and for fresh profiles.

        `histories` has a row for each of them; without it nobody has one. `where` is over the catalogue, in
        its order: nothing else is recommended, and a list is shorter than k only if no more of it is unknown.
        """
        askers = self.askers(profiles, histories)
        # T candidates at least k, or ranking could not fill the list
        candidates = self.candidates(askers, max(self.settings.count, k), known_UN=known_UN, where=where)
        positions_UK, logits_UK = rank(self.nets, askers.users, self.halves, candidates, k)
        items_UK = np.where(positions_UK >= 0, self.items_A[positions_UK], positions_UK)
        return Ranking(items_UK, logits_UK)

    def askers(self, profiles: EncodedRows, histories: Histories | None = None) -> Askers:
        """Return what the strategy knows of whoever has these profiles and histories."""
        needed = histories if self.settings.needs_histories else None
        users = embed_users(self.nets, profiles, histories)
        return Askers.of(users, needed, self.nets.embed_items)

    def candidates(
        self, askers: Askers, count: int, *, known_UN: sparse.csr_array, where: Where | None = None
    ) -> Candidates:
        """Return `count` positions in the catalogue for each of them, none of them known: before ranking.

        All of them are of `where`, if it is given.
        """
        return self._strategy.candidates(askers, count, sparse.csr_array(known_UN[:, self.items_A]), where)

    def _logits(self, users: Representations, positions_UK: Ints) -> Floats:
        return self.nets.logits(users, self.halves, positions_UK)

    def score(self, users_P: Ints, items_P: Ints) -> Floats:
        """Return RankNet's logit for each pair; −inf for items outside of the catalogue."""
        distinct, user_P = np.unique(users_P, return_inverse=True)
        histories = self.audience.histories
        some = None if histories is None else histories.take(distinct)
        users = embed_users(self.nets, self.audience.take(distinct), some).take(user_P)
        positions_P = positions_in(self.items_A, items_P)
        return self.nets.logits(users, self.halves, positions_P[:, None])[:, 0]
