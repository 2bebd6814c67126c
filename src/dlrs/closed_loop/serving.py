"""Serving: a bundle that recommends to simulated users, day by day.

Each day profiles are made anew from the log's trailing window, and the index holds the ads that are there
as their versions of that moment say, ads that came after the bundle was published included.

    U users asked about    A ads    R versions that hold at any time of the test    K places of a list
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from scipy import sparse

from dlrs.arrays import NO_ITEM, Bools, Columns, Ints
from dlrs.candidates.histories import Histories
from dlrs.candidates.retrieval import Retrieval
from dlrs.candidates.vectors import ItemVectors
from dlrs.closed_loop.records import Records
from dlrs.data.interactions import Interactions, micros
from dlrs.errors import ArtifactError
from dlrs.model.prior import Standing
from dlrs.profiles.weights import InteractionWeights
from dlrs.publishing.published import Published
from dlrs.recommenders.recommender import Audience, TwoStageRecommender
from dlrs.simulator.chains import Events
from dlrs.standing import standing_at


@dataclass(frozen=True)
class Day:
    """What is asked as a day begins. Users and ads are rows of the simulator, ascending."""

    day: int
    users_U: Columns
    ads_A: Columns
    log: Events  # all events before the day

    def among(self, asked_U: Bools) -> Day:
        """Return the same day for some of the users only; the log stays whole."""
        return replace(self, users_U=self.users_U[asked_U])

    @property
    def theirs(self) -> Events:
        """The events of the users asked about."""
        return self.log.take(np.isin(self.log.user_E, self.users_U))


class BundleRecommender:
    """A bundle's networks over the ads of the day, for users by their profiles of the day."""

    def __init__(self, published: Published, records: Records, day: int) -> None:
        """Embed every version that holds from `day`, the first that will be asked about, on.

        `records` is the marketplace as the bundle's recipe describes it.
        """
        self.published, self.records = published, records
        self.nets = published.recommender.nets
        since = micros(records.moment(day))
        self._versions_R = np.flatnonzero(records.catalog.valid_to_V > since)
        encoded = published.encoding.encode_items(records.versions.take(self._versions_R))
        self._represented = self.nets.embed_items(encoded)
        self._weights: InteractionWeights | None = None

    def lists(self, day: Day, k: int) -> Ints:
        """Return the best k ads that each user of the day has not met: (U, K).

        Of a user without a profile, `NO_ITEM` only.

        Raises:
            ArtifactError: on the first day, if the log is not what the bundle was trained on.
        """
        records = self.records
        if self._weights is None:
            self._weights = self._fitted(day)
        lists_UK = np.full((len(day.users_U), k), NO_ITEM, dtype=np.int64)
        log = records.interactions(day.theirs)
        profiles = records.profiles(log, self._weights, day.day)
        owner_P = np.searchsorted(day.users_U, profiles.facts.user_P)
        versions_A = records.alive(day.ads_A, day.day)
        if not len(owner_P) or not len(versions_A):
            return lists_UK
        user_E = np.searchsorted(day.users_U, log.user_E)
        ones = np.ones(len(log), dtype=np.float32)
        shape = (len(day.users_U), records.catalog.items)
        known_UN = sparse.csr_array(sparse.coo_array((ones, (user_E, log.item_E)), shape=shape).tocsr())
        histories = self._histories(replace(log, user_E=user_E), self._weights, day)
        ranking = self._over(versions_A, day).recommend_to(
            self.published.encoding.encode_profiles(profiles),
            k,
            known_UN=known_UN[owner_P],
            histories=None if histories is None else histories.take(owner_P),
        )
        ads_PK = records.ad_of_items[ranking.items_UK]
        lists_UK[owner_P] = np.where(ranking.items_UK == NO_ITEM, NO_ITEM, ads_PK)
        return lists_UK

    def _fitted(self, day: Day) -> InteractionWeights:
        """Fit the interaction weights on the log before the first day, as the bundle's were."""
        weights = self.records.weights(self.records.interactions(day.log))
        types, theirs = self.records.marketplace.interaction_types, self.published.weights
        if not np.allclose(weights.domain_T, [theirs.get(name, np.nan) for name in types], rtol=1e-9):
            raise foreign(self.published, "trained on another log")
        return weights

    def _over(self, versions_A: Ints, day: Day) -> TwoStageRecommender:
        items = self._represented.take(np.searchsorted(self._versions_R, versions_A))
        items_A, settings = self.records.catalog.item_V[versions_A], self.published.recipe.candidates
        vectors = ItemVectors(items.embedding_ND, settings.metric)
        standing = self._standing(day).take(items_A)
        retrieval = Retrieval.build(vectors, settings, standing.recent_N)
        placed = self.nets.placed(items, standing)
        nobody = Audience.empty(self.nets.space)
        return TwoStageRecommender(self.nets, placed, items_A, nobody, settings, retrieval)

    def _histories(self, log: Interactions, weights: InteractionWeights, day: Day) -> Histories | None:
        """Return the users' histories as `histories_before` does, if strategy or networks ask for them."""
        if not self.published.recipe.needs_histories:
            return None
        until = self.records.moment(day.day)
        window = log.between(micros(until - self.records.marketplace.profiles.window), micros(until))
        versions, version_E = np.unique(window.version_E, return_inverse=True)
        encoded = self.published.encoding.encode_items(self.records.versions.take(versions))
        window = replace(window, version_E=version_E)
        return Histories.collect(window, len(day.users_U), weights.domain_T, encoded)

    def _standing(self, day: Day) -> Standing:
        log, until = self.records.interactions(day.log), micros(self.records.moment(day.day))
        return standing_at(log, self.records.catalog, until, self.published.recipe.candidates.recent_window)


def foreign(published: Published, received: str) -> ArtifactError:
    """Return the error that a bundle is of another simulation."""
    return ArtifactError(
        f"bundle {published.bundle_id}: expected one trained on this very simulation, received one "
        f"{received}. Give the --scale, --users, --items, --weeks, --guests, --ads and --seed that it "
        "was simulated with."
    )
