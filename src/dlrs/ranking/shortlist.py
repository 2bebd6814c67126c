"""Shortlist: a few hundred candidates for a request, from what was known at its moment.

The most popular of each window and the newest are the same for all who ask at about the same time, so they
are looked up once for every tick of a clock, as long as the shortest window; what follows a user's last items
is his own.

    R requests    C candidates of each    N items    T ticks
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from dlrs.arrays import NO_ITEM, Bools, Ints
from dlrs.data.interactions import ALL_TIME
from dlrs.ranking.known import Known, LastMet, weights
from dlrs.ranking.moments import MomentRetrieval
from dlrs.ranking.past import Past
from dlrs.ranking.requests import Requests
from dlrs.ranking.successions import shares
from dlrs.ranking.top import top_k

BLOCK = 256
"""Requests whose likeness to the whole catalogue is worked out at a time."""


@dataclass(frozen=True)
class Sizes:
    """How many candidates each source proposes."""

    popular: int = 60  # of each window
    newest: int = 60
    following: int = 60  # of each user's own
    near: int = 0  # of those most like what the user met last: every item alive is looked at
    nearest: int = 100  # to e_u, where there is a first stage


class Shortlists:
    """Makes shortlists; what is shared is kept for the tick that was asked about last."""

    def __init__(self, past: Past, sizes: Sizes, retrieval: MomentRetrieval | None = None) -> None:
        self._past, self._sizes, self._retrieval = past, sizes, retrieval
        self._kept: tuple[int, Ints] | None = None

    def __call__(self, requests: Requests) -> Ints:
        """Return distinct items that are alive at each request's moment, padded with NO_ITEM: (R, C).

        Within a row they ascend; padding comes last. What a user has met may be among them.
        """
        past, moment_R1 = self._past, requests.moment_R[:, None]
        ticks_T, tick_of_R = np.unique(moment_R1[:, 0] // past.windows[-1], return_inverse=True)
        shared = [self._shared(int(tick) * past.windows[-1]) for tick in ticks_T]
        shared_TC = np.full((len(shared), max(map(len, shared), default=0)), NO_ITEM)
        for row, items in enumerate(shared):
            shared_TC[row, : len(items)] = items
        met = past.last_met(requests)
        sources = [
            shared_TC[tick_of_R],
            following(past, met, self._sizes.following),
            _near(past, met, ticks_T * past.windows[-1], tick_of_R, self._sizes.near),
        ]
        if self._retrieval is not None:
            sources.append(self._retrieval.nearest(requests, self._sizes.nearest))
        items_RC = np.hstack(sources)
        moment_P = np.repeat(requests.moment_R, items_RC.shape[1])
        alive_RC = past.items.alive(np.maximum(items_RC, 0).ravel(), moment_P).reshape(items_RC.shape)
        return distinct_rows(items_RC, alive_RC)

    def _shared(self, tick: int) -> Ints:
        kept = self._kept
        if kept is None or kept[0] != tick:
            kept = self._kept = tick, shared(self._past, tick, self._sizes)
        return kept[1]


def distinct_rows(items_RC: Ints, wanted_RC: Bools) -> Ints:
    """Return each row's distinct wanted items, ascending, padded with NO_ITEM to the longest row."""
    last = np.iinfo(np.int64).max
    sorted_RC = np.sort(np.where(wanted_RC & (items_RC != NO_ITEM), items_RC, last), axis=1)
    sorted_RC[:, 1:][sorted_RC[:, 1:] == sorted_RC[:, :-1]] = last
    sorted_RC.sort(axis=1)
    width = int((sorted_RC != last).sum(axis=1).max(initial=0))
    return np.where(sorted_RC == last, NO_ITEM, sorted_RC)[:, :width]


def shared(known: Known, tick: int, sizes: Sizes) -> Ints:
    """Return what is proposed to all who ask at a tick: item rows, ascending."""
    alive_A = known.facts.alive_at(tick)
    since = [*(tick - window for window in known.windows), ALL_TIME]
    chosen = [_first(known.drew(begin, tick)[alive_A], alive_A, sizes.popular, least=1) for begin in since]
    newest = _first(known.facts.first_from(alive_A), alive_A, sizes.newest)
    return np.unique(np.concatenate([*chosen, newest]))


def _first(value_A: Ints, items_A: Ints, most: int, least: int | None = None) -> Ints:
    """Return the items of the highest values, ties by item row; none of a value below `least`."""
    if most == 0:
        return items_A[:0]
    if len(value_A) > most:  # to sort a few is quicker than to sort a million
        border = int(np.partition(value_A, len(value_A) - most)[len(value_A) - most])
        least = border if least is None else max(border, least)
    if least is not None:
        value_A, items_A = value_A[value_A >= least], items_A[value_A >= least]
    first: Ints = items_A[np.argsort(-value_A, kind="stable")[:most]]
    return first


def following(known: Known, met: LastMet, most: int) -> Ints:
    """Return what most likely follows each user's last items, best first, padded: (R, most)."""
    weight_H = weights(met.item_RH.shape[1])
    return shares(known.successions, met.item_RH, met.moment_R, weight_H).best(most)


def _near(past: Past, met: LastMet, ticks_T: Ints, tick_of_R: Ints, most: int) -> Ints:
    """Return what is most like the user's last items of all that is alive at his tick, padded: (R, most)."""
    near_RC = np.full((len(tick_of_R), most), NO_ITEM)
    if not most:
        return near_RC
    for tick in range(len(ticks_T)):
        asked = np.flatnonzero(tick_of_R == tick)
        version_A = past.items.catalog.alive_at(int(ticks_T[tick]))
        unit_AK, item_A = past.items.unit_VK[version_A], past.items.catalog.item_V[version_A]
        for some in np.array_split(asked, -(-len(asked) // BLOCK)):
            cosine_RA = (unit_AK @ met.liked_RK[some].T).T.astype(np.float32)
            column_RC, _ = top_k(np.where(cosine_RA > 0, cosine_RA, np.float32(-np.inf)), most)
            found_RC = np.where(column_RC >= 0, item_A[np.maximum(column_RC, 0)], NO_ITEM)
            near_RC[some] = found_RC
    return near_RC
