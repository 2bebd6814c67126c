"""Histories: what users interacted with of late, and the vectors that stand for it.

S distinct versions that some users saw
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Self

import numpy as np
from scipy import sparse

from dlrs.arrays import AnyArray, Bools, Doubles, Floats, Ints, gather_ranges
from dlrs.data.interactions import Interactions, micros
from dlrs.features.rows import EncodedRows
from dlrs.model.forward import Nets, Representations
from dlrs.model.history_forward import HistoryNets, Tokens
from dlrs.model.nets import AnyNets
from dlrs.recipe import Recipe
from dlrs.samples.sequences import repeated

if TYPE_CHECKING:  # the service serves without what prepares
    from dlrs.prepared import Prepared

Embed = Callable[[EncodedRows], Representations]
"""ItemNet."""


@dataclass(frozen=True)
class Histories:
    """The events of U users, user by user, in the order of time.

    An event is the item version that the user saw, so that items which are gone by now count too, and ψ of
    its interaction type.
    """

    offsets_U1: Ints
    version_E: Ints  # rows of `versions`
    weight_E: Floats
    versions: EncodedRows
    type_E: AnyArray | None = None  # position in the marketplace's interaction types

    @classmethod
    def collect(cls, log: Interactions, users: int, weight_T: Doubles, versions: EncodedRows) -> Self:
        """Sort the events of a log by user row; `weight_T` is ψ of each interaction type."""
        order_E = np.argsort(log.user_E, kind="stable")
        counts_U = np.bincount(log.user_E, minlength=users)
        offsets_U1 = np.concatenate(([0], np.cumsum(counts_U)))
        weight_E = weight_T.astype(np.float32)[log.type_E[order_E]]
        return cls(offsets_U1, log.version_E[order_E], weight_E, versions, log.type_E[order_E])

    def __len__(self) -> int:
        return len(self.offsets_U1) - 1

    def take(self, users_U: Ints) -> Histories:
        """Return those of some users, in the order given."""
        starts_U = self.offsets_U1[users_U]
        lengths_U = self.offsets_U1[users_U + 1] - starts_U
        events = gather_ranges(starts_U, lengths_U)
        offsets_U1 = np.concatenate(([0], np.cumsum(lengths_U)))
        type_E = None if self.type_E is None else self.type_E[events]
        return Histories(offsets_U1, self.version_E[events], self.weight_E[events], self.versions, type_E)

    @property
    def any_U(self) -> Bools:
        """Who has a history."""
        return np.diff(self.offsets_U1) > 0

    def tokens(self, nets: HistoryNets) -> Tokens:
        """Return the last events of each user, as the history network takes them."""
        length = nets.length
        looked_U = np.minimum(np.diff(self.offsets_U1), nets.events)
        latest = gather_ranges(self.offsets_U1[1:] - looked_U, looked_U)
        user_E = np.repeat(np.arange(len(self)), looked_U)
        kept_E = ~repeated(user_E, self.version_E[latest])
        kept, user_E = latest[kept_E], user_E[kept_E]
        ends_U = np.searchsorted(user_E, np.arange(len(self)), side="right")
        counts_U = np.minimum(np.diff(ends_U, prepend=0), length)
        events = kept[gather_ranges(ends_U - counts_U, counts_U)]
        seen_S, place_E = np.unique(self.version_E[events], return_inverse=True)
        type_E = np.zeros(len(events), dtype=np.int64) if self.type_E is None else self.type_E[events]
        offsets_U1 = np.concatenate(([0], np.cumsum(counts_U)))
        return Tokens(offsets_U1, place_E, type_E, nets.item_vectors(self.versions.take(seen_S)))

    def vectors(self, embed: Embed) -> tuple[Floats, Floats]:
        """Return the pseudo-user of each user and what he met last, both (U, D), 0 without a history.

        The pseudo-user is the mean of the embeddings of what he met, each event weighing ψ of its type:
        interaction type × frequency [T §4.4].
        """
        seen_S, place_E = np.unique(self.version_E, return_inverse=True)
        embedding_SD = embed(self.versions.take(seen_S)).embedding_ND
        weights_US = sparse.csr_array((self.weight_E, place_E, self.offsets_U1), (len(self), len(seen_S)))
        total_U = np.asarray(weights_US.sum(axis=1))
        liked_UD = (weights_US @ embedding_SD) / np.where(self.any_U, total_U, 1)[:, None]
        last_UD = np.zeros_like(liked_UD)
        last_UD[self.any_U] = embedding_SD[place_E[self.offsets_U1[1:][self.any_U] - 1]]
        return liked_UD, last_UD


def embed_users(nets: AnyNets, profiles: EncodedRows, histories: Histories | None) -> Representations:
    """Return e_u of whoever has these profiles and histories, a row of each for everybody.

    Which of them counts depends on the networks; without histories nobody met anything.
    """
    if isinstance(nets, Nets):
        return nets.embed_users(profiles)
    tokens = None if histories is None else histories.tokens(nets)
    return nets.embed_users(profiles, tokens)


def histories_before(prepared: Prepared, end: int) -> Histories:
    """Return what every user row did in the window that profiles are made of: [end − window, end).

    Events weigh the domain's ψ, whatever level profiles are weighted by.
    """
    marketplace = prepared.recipe.marketplace
    log = prepared.interactions.between(end - _micros(marketplace.profiles.window), end)
    weights = prepared.facts["interaction_weights"]
    weight_T = np.array([weights[name] for name in marketplace.interaction_types])
    return Histories.collect(log, len(prepared.user_ids), weight_T, prepared.encoded_versions)


def serving_histories(prepared: Prepared, recipe: Recipe) -> Histories | None:
    """Return what every user row did in the window before serving, if strategy or networks ask for it."""
    if not recipe.needs_histories:
        return None
    return histories_before(prepared, micros(prepared.recipe.marketplace.split.test_until))


def _micros(window: timedelta) -> int:
    return window // timedelta(microseconds=1)
