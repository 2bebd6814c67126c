"""Ordering by the moment: who asks, what is proposed to him, and how well each candidate fits now.

H last events of a user    T candidates    K columns of encoded features
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from dlrs.arrays import NO_ITEM, Doubles, Floats, Ints
from dlrs.ranking.known import LastMet
from dlrs.ranking.live_past import Now
from dlrs.ranking.moments import features_of
from dlrs.ranking.past import LAST, mean_of
from dlrs.ranking.shortlist import following
from dlrs.ranking.timelines import NO_EVENT
from dlrs.service.bundle import ServingBundle
from dlrs.service.clock import Clock
from dlrs.service.ranking.bounded import Bounded
from dlrs.service.ranking.moment.live_moment import LiveMoment
from dlrs.service.seams import Met, Profile

USERS = 2_000
"""Users of whom is kept what they met last: a few KB each."""

Find = Callable[[str], LiveMoment | None]
"""Return what is known now in a bundle; None where it has no ranker of the moment."""


def no_moment(bundle_id: str) -> LiveMoment | None:
    """Return None: no bundle has one."""
    return None


@dataclass(frozen=True)
class _Last:
    """What a profile's user met last, the latest first."""

    ids: list[str]
    category_H: Ints
    time_H: Ints
    liked_1K: Doubles


@dataclass(frozen=True)
class MomentAsked:
    """One request in one bundle, at one moment."""

    live: LiveMoment
    now: Now
    met: LastMet

    @property
    def nearest(self) -> int:
        """How many of the nearest to e_u take part."""
        return self.live.ranker.sizes.nearest

    def proposed(self) -> list[str]:
        """Return the ids of what is proposed: to everybody, and what follows what he met last."""
        rows = following(self.now, self.met, self.live.ranker.sizes.following)[0]
        return [*self.live.shared().ids, *self.live.names.ids(rows[rows != NO_ITEM])]

    def scores(self, ids: Sequence[str], fits_T: Floats) -> Floats:
        """Return how well each candidate fits now: (T,). What the ranker never heard of comes last.

        Raises:
            ValueError: one of them is not a number.
        """
        rows_T = self.live.names.rows(ids)
        known_T = (rows_T >= 0) & (rows_T < self.now.facts.items)
        features_1TF = features_of(self.now, self.met, np.where(known_T, rows_T, 0)[None], fits_T[None])
        scores_T: Floats = self.live.ranker.net.scores(features_1TF)[0]
        if np.isnan(scores_T).any():
            raise ValueError("ranker of the moment: expected numbers, received some that are not a number.")
        scores_T[~known_T] = scores_T.min(initial=0) - 1
        return scores_T


class Moments:
    """Makes `MomentAsked`s, and keeps what users met last. All threads share one."""

    def __init__(self, find: Find, clock: Clock) -> None:
        self._find, self._clock = find, clock
        self._last: Bounded[tuple[str, str | None, str], _Last] = Bounded(USERS)

    def asked(self, profile: Profile, bundle: ServingBundle) -> MomentAsked | None:
        """Return what is known now of a user and of everything; None where a bundle's ranker does not ask."""
        live = self._find(bundle.id)
        if live is None:
            return None
        key = (bundle.id, profile.user_id, profile.version)
        if (last := self._last.get(key)) is None:
            last = _last_of(profile, bundle)
            self._last.put(key, last)
        now, moment = live.now, self._clock()
        return MomentAsked(live, now, _met(last, live, now, profile.events, moment))

    def forget(self, user_id: str) -> None:
        """Drop what is kept of a user."""
        self._last.drop_all(lambda key: key[1] == user_id)


def _last_of(profile: Profile, bundle: ServingBundle) -> _Last:
    history: list[Met] = [met for met in profile.history[-LAST:] if met.features is not None][::-1]
    marketplace, space = bundle.recipe.marketplace, bundle.encoding.space
    rows = bundle.single.items([met.features or {} for met in history])
    feature = marketplace.features.discrete.index(marketplace.negatives_by)
    bags_H = np.arange(len(history)) * rows.features + feature
    known_H = rows.offsets[bags_H + 1] > rows.offsets[bags_H]
    category_H = np.zeros(len(history), dtype=np.int64)  # 0: it is missing
    category_H[known_H] = rows.columns_E[rows.offsets[bags_H[known_H]]] - space.starts_F[feature] + 1
    return _Last(
        [met.item_id for met in history],
        category_H,
        np.array([met.time for met in history], dtype=np.int64),
        mean_of(rows, space, marketplace.features),
    )


def _met(last: _Last, live: LiveMoment, now: Now, events: int, moment: int) -> LastMet:
    rows_H = live.names.rows(last.ids)
    known_H = (rows_H >= 0) & (rows_H < now.facts.items)
    item_1H, category_1H, time_1H = (
        _padded(values_H[known_H]) for values_H in (rows_H, last.category_H, last.time_H)
    )
    return LastMet(np.array([moment]), np.array([events]), item_1H, category_1H, time_1H, last.liked_1K)


def _padded(values_H: Ints) -> Ints:
    padded_1H = np.full((1, LAST), NO_EVENT)
    padded_1H[0, : len(values_H)] = values_H
    return padded_1H
