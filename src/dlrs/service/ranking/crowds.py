"""Crowds: the users that suit an item best: all whom a bundle knows, and all who did something since.

Of who did nothing since the bundle's watermark, UserNet's outcome lies in the bundle (`dlrs.crowd`). Of the
others it is made anew, from their profiles of now, when somebody asks, and kept until they do more. That
finds the best k and some more; these are then scored by what is known of them now, as when they ask
themselves. They must not know the item, and it must pass what they never want to miss.

    C users of the crowd    M users who moved: who did something since
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from threading import Lock

import numpy as np

from dlrs.arrays import Bools, Floats
from dlrs.candidates.filtering.attributes import Attributes
from dlrs.data.interactions import micros
from dlrs.errors import Unavailable
from dlrs.model.forward import Representations
from dlrs.publishing.crowd import Crowd
from dlrs.service.bundle import ServingBundle
from dlrs.service.ranking.asking import Askers, events_needed
from dlrs.service.ranking.tables import table_of
from dlrs.service.ranking.whole_path import is_unknown
from dlrs.service.ranking.wishes import fitting
from dlrs.service.seams import Profile, ProfileSource, Raw

PATIENCE = 5.0
"""Seconds of one request that may go by with looking at users who did something since."""

SPARE = 32
"""Users looked at beside four times k: some know the item by now, or do not want its like, or have gone down,
for windows move on."""


@dataclass(frozen=True)
class Asked:
    """An item that users are wanted for."""

    id: str
    features: Raw
    representation: Representations  # one row


@dataclass
class _State:
    """One bundle's crowd, and how far its users have been followed."""

    crowd: Crowd
    stays_C: Bools  # who did nothing since, and was not erased
    seq: int = 0  # of the last event that was seen
    erasure: int = 0  # of the last erasure
    waiting: dict[str, None] = field(default_factory=dict)  # users to be looked at
    moved: dict[str, Representations] = field(default_factory=dict)
    lock: Lock = field(default_factory=Lock)


class Crowds:
    """Finds users for items. All threads share one; it keeps the crowds of two bundles."""

    def __init__(self, profiles: ProfileSource, askers: Askers) -> None:
        self._profiles, self._askers = profiles, askers
        self._states: dict[str, _State] = {}
        self._lock = Lock()

    def best(self, bundle: ServingBundle, item: Asked, k: int) -> list[tuple[str, float]]:
        """Return ids and logits of the k users that suit an item best, best first.

        Raises:
            ArtifactError: an older dlrs made the bundle.
            Unavailable: the profiles do not answer, or more users did something than there was time to look
                at; the next call goes on.
        """
        state = self._state(bundle)
        with state.lock:
            self._follow(state, bundle)
            moved = dict(state.moved)
            stays_C = state.stays_C.copy()
        scores_C = np.where(stays_C, state.crowd.scores(bundle.nets, item.representation), -np.inf)
        scores_C[state.crowd.knowing(item.id)] = -np.inf
        of_moved = _scored(moved, bundle, item.representation)
        look, most = self._look(bundle, item), 4 * k + SPARE
        while True:
            of_crowd = state.crowd.best(scores_C.astype(np.float32), most)
            shortlist = sorted([*of_crowd, *of_moved], key=_by_score)[:most]
            found = [(user_id, score) for user_id, _ in shortlist if (score := look(user_id)) is not None]
            if len(found) >= k or len(shortlist) < most:
                return sorted(found, key=_by_score)[:k]
            most *= 4

    def forget(self, user_id: str) -> None:
        """Drop what is kept of a user. Erased ones are left out from the next call on."""
        for state in list(self._states.values()):
            state.moved.pop(user_id, None)

    def _state(self, bundle: ServingBundle) -> _State:
        with self._lock:
            if bundle.id not in self._states:
                crowd = Crowd.open(bundle.folder)
                if len(self._states) > 1:
                    del self._states[next(iter(self._states))]
                self._states[bundle.id] = _State(crowd, np.ones(len(crowd), dtype=np.bool_))
            return self._states[bundle.id]

    def _follow(self, state: _State, bundle: ServingBundle) -> None:
        """Look at all who did something, or were erased, since the last look."""
        while (erased := self._profiles.erased(state.erasure)).user_ids:
            _look_again(state, erased.user_ids)
            state.erasure = erased.seq
        since = micros(bundle.watermark)
        while (active := self._profiles.active(state.seq, since)).user_ids:
            _look_again(state, active.user_ids)
            state.seq = active.seq
        until = time.monotonic() + PATIENCE
        while state.waiting:
            user_id = next(iter(state.waiting))
            self._look_at(state, bundle, user_id)
            del state.waiting[user_id]
            if state.waiting and time.monotonic() > until:
                raise Unavailable(
                    f"users: expected to have looked at all who did something since bundle {bundle.id}, "
                    f"{len(state.waiting):,} are left. Ask again: it goes on from there."
                )

    def _look_at(self, state: _State, bundle: ServingBundle, user_id: str) -> None:
        profile = self._profiles.profile(user_id, described=events_needed(bundle, "home"))
        if is_unknown(profile):
            state.moved.pop(user_id, None)
        else:
            state.moved[user_id] = self._askers.of(profile, bundle).user

    def _look(self, bundle: ServingBundle, item: Asked) -> Callable[[str], float | None]:
        """Return what gives the logit of a user as he is now; None if the item is not for him."""
        features, described = bundle.recipe.marketplace.features, events_needed(bundle, "home")
        attributes = Attributes.build(table_of([item.features], features, [item.id]), features)

        @cache
        def look(user_id: str) -> float | None:
            profile: Profile = self._profiles.profile(user_id, described=described)
            own = fitting(profile.overrides, features)
            passes = not own or bool(attributes.passing(own).test(np.array([0]))[0])
            if not passes or item.id in profile.known_ids or is_unknown(profile):
                return None
            user = self._askers.of(profile, bundle).user
            return float(bundle.nets.logits_of_one(user, item.representation)[0])

        return look


def _scored(
    moved: Mapping[str, Representations], bundle: ServingBundle, item: Representations
) -> list[tuple[str, float]]:
    """Return the logit of each user who moved."""
    if not moved:
        return []
    users = Representations(
        np.concatenate([user.embedding_ND for user in moved.values()]),
        np.concatenate([user.wide_N for user in moved.values()]),
    )
    scores_M: Floats = bundle.nets.every_logit(users, bundle.nets.item_halves(item))[:, 0]
    return list(zip(moved, scores_M.tolist(), strict=True))


def _by_score(found: tuple[str, float]) -> tuple[float, str]:
    return -found[1], found[0]


def _look_again(state: _State, user_ids: Sequence[str]) -> None:
    places = state.crowd.places(list(user_ids))
    state.stays_C[places[places >= 0]] = False
    for user_id in user_ids:
        state.moved.pop(user_id, None)
        state.waiting[user_id] = None
