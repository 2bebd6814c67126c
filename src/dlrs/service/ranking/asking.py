"""Asking: what stands for a user in one bundle: his profile encoded, e_u, and what to look near.

D coordinates    H events of a history
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from dlrs.arrays import Floats
from dlrs.features.rows import EncodedRows
from dlrs.model.forward import Nets, Representations
from dlrs.model.history_forward import HistoryNets, Tokens
from dlrs.model.nets import AnyNets
from dlrs.service.bundle import ServingBundle
from dlrs.service.ranking.bounded import Bounded
from dlrs.service.ranking.encoded import to_bytes
from dlrs.service.seams import Met, Profile, Query
from dlrs.settings.candidates import SourceName

Page = Literal["home", "wishlist", "search"]
"""home: anything new to him. wishlist: near what he did more with than look. search: known items, too."""

LONGEST = 1000
"""Events of a history that vectors are made of, the newest ones."""

USERS = 500
VECTORS = 100_000
"""What is kept of users and of met items, the last ones used: a few KB and a few hundred bytes each."""


@dataclass(frozen=True)
class Asker:
    """A user in one bundle."""

    encoded: bytes  # the encoded profile: safetensors
    user: Representations  # one row
    queries: tuple[Query, ...]
    popular: float  # the share of candidates that are popular, whatever the vectors


def near_himself(asker: Asker) -> Asker:
    """Return one who looks near e_u and nowhere else."""
    return replace(asker, queries=(Query(asker.user.embedding_ND[0]),), popular=0.0)


class Askers:
    """Makes askers, and keeps those of the profiles that were asked with last."""

    def __init__(self) -> None:
        self._askers: Bounded[tuple[str, str | None, str, Page], Asker] = Bounded(USERS)
        self._met: Bounded[tuple[str, str, int], Floats] = Bounded(VECTORS)

    def of(self, profile: Profile, bundle: ServingBundle, page: Page = "home") -> Asker:
        """Return the asker of a profile."""
        key = (bundle.id, profile.user_id, profile.version, page)
        if (asker := self._askers.get(key)) is None:
            asker = self._make(profile, bundle, page)
            self._askers.put(key, asker)
        return asker

    def forget(self, user_id: str) -> None:
        """Drop what is kept of a user."""
        self._askers.drop_all(lambda key: key[1] == user_id)

    def _make(self, profile: Profile, bundle: ServingBundle, page: Page) -> Asker:
        rows = bundle.single.profile(profile.values, profile.numbers, profile.own)
        user = self._embed_user(rows, profile, bundle)
        shares = _shares(bundle, page)
        history = _meant(profile.history, bundle, page) if needs_histories(bundle, page) else []
        vectors = {"direct": user.embedding_ND[0], **self._of_history(history, bundle)}
        queries = [Query(vectors[name], share) for name, share in shares.items() if name in vectors]
        popular = shares.get("popular", 0.0)
        if not queries:  # what stands last in `Strategy`: it fills up what the others leave empty
            queries = [Query(vectors["direct"], 0.0 if popular else 1.0)]
        kept = user if isinstance(bundle.nets, HistoryNets) else None
        return Asker(to_bytes(rows, kept), user, tuple(queries), popular)

    def _embed_user(self, rows: EncodedRows, profile: Profile, bundle: ServingBundle) -> Representations:
        """Return e_u: of the profile, or of the newest events for the history network."""
        if isinstance(bundle.nets, Nets):
            return bundle.nets.embed_users(rows)
        latest = [met for met in profile.history if met.features is not None][-bundle.nets.events :]
        met = _distinct(latest)
        met = met[-bundle.nets.length :]
        if not met:
            return bundle.nets.embed_users(rows)
        types = bundle.recipe.marketplace.interaction_types
        type_H = np.array([types.index(one.type) for one in met], dtype=np.int64)
        vectors_HD = self._vectors(met, bundle, bundle.nets.item_vectors)
        offsets_U1, place_H = np.array([0, len(met)]), np.arange(len(met))
        return bundle.nets.embed_users(rows, Tokens(offsets_U1, place_H, type_H, vectors_HD))

    def _of_history(self, history: Sequence[Met], bundle: ServingBundle) -> dict[str, Floats]:
        """Return the pseudo-user and what he met last, as `candidates.histories` has them."""
        if not history:
            return {}
        vectors_HD = self._vectors(history, bundle, _vectors_of(bundle.nets))
        nets = bundle.nets
        embedding_HD = nets.unit_items(vectors_HD) if isinstance(nets, HistoryNets) else vectors_HD
        weight_H = np.array([met.weight for met in history], dtype=np.float32)
        liked_D = (weight_H @ embedding_HD) / (weight_H.sum() or 1)
        return {"pseudo-user": liked_D, "last-met": embedding_HD[-1]}

    def _vectors(
        self, history: Sequence[Met], bundle: ServingBundle, embed: Callable[[EncodedRows], Floats]
    ) -> Floats:
        """Return what stands for each of some events: (H, D)."""
        keys = [(bundle.id, met.item_id, met.time) for met in history]
        vectors = [self._met.get(key) for key in keys]
        new = [place for place, vector in enumerate(vectors) if vector is None]
        if new:
            raws = [history[place].features or {} for place in new]
            rows = bundle.single.items(raws)
            for place, vector_D in zip(new, embed(rows), strict=True):
                vectors[place] = vector_D
                self._met.put(keys[place], vector_D)
        return np.array(vectors, dtype=np.float32)


def needs_histories(bundle: ServingBundle, page: Page) -> bool:
    """Tell whether the queries of a page need what a user met, with features."""
    return page == "wishlist" or not {"pseudo-user", "last-met"}.isdisjoint(_shares(bundle, page))


def events_needed(bundle: ServingBundle, page: Page) -> int:
    """Return how many of the newest events are needed with features: none if no network and no query asks."""
    if needs_histories(bundle, page):
        return LONGEST
    return 0 if isinstance(bundle.nets, Nets) else bundle.nets.events


def _vectors_of(nets: AnyNets) -> Callable[[EncodedRows], Floats]:
    """Return what makes vectors of items that are kept: they are not scaled where that can be done later."""
    if isinstance(nets, HistoryNets):
        return nets.item_vectors
    return lambda rows: nets.embed_items(rows).embedding_ND


def _distinct(history: Sequence[Met]) -> list[Met]:
    """Return a history without events that show what the one before showed."""
    return [
        met
        for met, last in zip(history, [None, *history], strict=False)
        if last is None or (met.item_id, met.features) != (last.item_id, last.features)
    ]


def _shares(bundle: ServingBundle, page: Page) -> Mapping[SourceName, float]:
    """Return the recipe's sources and shares. `cluster` is none of them: no catalogue serves it."""
    return {"pseudo-user": 1.0} if page == "wishlist" else bundle.recipe.candidates.shares


def _meant(history: Sequence[Met], bundle: ServingBundle, page: Page) -> list[Met]:
    """Return the newest events with features; of a wishlist those of types above the weakest."""
    weakest = bundle.recipe.marketplace.interaction_types[0]
    described = [met for met in history if met.features is not None]
    if page == "wishlist":
        described = [met for met in described if met.type != weakest]
    return described[-LONGEST:]
