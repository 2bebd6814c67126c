"""Moments: the features of a candidate for a user at the moment he asks.

Each says what was known strictly before that moment. Six groups, so that what each adds can be measured:

popularity  per window: ln of the item's share of the events; and ln of all its events
arrivals    the same of those events only with which users came after they had been away
age         ln(1 + age / shortest window); whether it has none yet
category    per window: ln of the share of the events that its category drew
personal    ln of how likely it follows the user's last items, and his very last one, within three steps and
            at once, and its category theirs; cosine of its features and theirs; share of its category among
            them; ln of his events since it began, and of its share of all events since his last
user        how many events he has, how long ago the last was, how popular and how old the items of his last
            events were then: what the others are worth to him

    R requests    C candidates of each    F features    P distinct (item, moment)    W windows
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from scipy import sparse

from dlrs.arrays import NO_ITEM, Doubles, Floats, Ints
from dlrs.ranking.past import Past
from dlrs.ranking.requests import Requests
from dlrs.ranking.timelines import NO_EVENT, Timelines

BLOCK = 256
"""Requests whose features are worked out at a time."""


class MomentRetrieval(Protocol):
    """A first stage that knows users and items at any moment."""

    def scores(self, requests: Requests, items_RC: Ints) -> Floats:
        """Return how well each candidate fits at the moment of the request: (R, C)."""
        ...

    def nearest(self, requests: Requests, most: int) -> Ints:
        """Return the items that fit best, of those alive then, best first, padded with NO_ITEM: (R, most)."""
        ...


FLOOR = 1e-4
"""Added to shares before the logarithm, for items of which nothing is known."""


PERSONAL = (
    *("follows", "follows last", "next", "category follows", "content", "own category"),
    *("passed over", "while away"),
)


OWN_FLOOR = 0.05
"""The same for a user's own shares, which are of twenty events at most."""


@dataclass(frozen=True)
class Names:
    """The features' names in their order, by group."""

    groups: tuple[tuple[str, tuple[str, ...]], ...]

    @property
    def all(self) -> tuple[str, ...]:
        """The names in the order of the features."""
        return tuple(name for _, names in self.groups for name in names)

    def group_F(self) -> tuple[str, ...]:
        """The group of each feature."""
        return tuple(group for group, names in self.groups for _ in names)


def names_of(windows: tuple[int, ...], *, retrieval: bool = False) -> Names:
    """Return what the features are called; windows in seconds."""
    seconds = [f"{window / 1e6:g}s" for window in windows]
    groups = (
        ("popularity", ("ever", *(f"share {window}" for window in seconds))),
        ("arrivals", tuple(f"arrivals {window}" for window in seconds)),
        ("age", ("age", "unborn")),
        ("category", tuple(f"category {window}" for window in seconds)),
        ("personal", PERSONAL),
        ("user", ("events", "since last", "taste for the popular", "taste for the old")),
        ("retrieval", ("retrieval",) if retrieval else ()),
    )
    return Names(groups)


def features(
    past: Past, requests: Requests, items_RC: Ints, retrieval: MomentRetrieval | None = None
) -> Floats:
    """Return the features of each candidate of each request, (R, C, F); of padding they say nothing.

    Args:
        past: the log and the catalogue.
        requests: who asks, and when.
        items_RC: item rows, NO_ITEM where there are fewer.
        retrieval: how well retrieval thinks that each fits; a feature of its own, if it is given.
    """
    parts = [
        _block(past, requests.take(slice(first, first + BLOCK)), items_RC[first : first + BLOCK], retrieval)
        for first in range(0, max(1, len(requests)), BLOCK)
    ]
    return np.concatenate(parts)


def _block(past: Past, requests: Requests, items_RC: Ints, retrieval: MomentRetrieval | None) -> Floats:
    items_RC = np.where(items_RC == NO_ITEM, 0, items_RC)
    columns = [
        *_of_items(past, requests, items_RC),
        *_of_users_and_items(past, requests, items_RC),
        *(np.broadcast_to(value_R[:, None], items_RC.shape) for value_R in _of_users(past, requests)),
    ]
    if retrieval is not None:
        columns.append(retrieval.scores(requests, items_RC).astype(np.float64))
    return np.stack(columns, axis=-1).astype(np.float32)


def _of_items(past: Past, requests: Requests, items_RC: Ints) -> list[Doubles]:
    """Return popularity, age and category, worked out once for each distinct item and moment."""
    moments_T, moment_of_R = np.unique(requests.moment_R, return_inverse=True)
    # by item first: what lies near in the log is looked up together
    keys_RC = items_RC * len(moments_T) + moment_of_R[:, None]
    keys_P, pair_RC = np.unique(keys_RC, return_inverse=True)
    item_P, at_P = np.divmod(keys_P, len(moments_T))
    category_P = past.items.category_V[past.items.catalog.version_at(item_P, moments_T[at_P])] + 1
    age_P = moments_T[at_P] - past.items.first_from_N[item_P]
    values = [
        np.log1p(past.item_times.counts(item_P, moments_T[at_P])),
        *_log_shares(past.item_times, past.windows, item_P, moments_T, at_P),
        *_log_shares(past.arrivals, past.windows, item_P, moments_T, at_P),
        np.log1p(np.maximum(age_P, 0) / past.windows[-1]),
        (age_P < 0).astype(np.float64),
        *_log_shares(past.category_times, past.windows, category_P, moments_T, at_P),
    ]
    pair_RC = pair_RC.reshape(items_RC.shape)
    return [value_P[pair_RC] for value_P in values]


def _log_shares(
    times: Timelines, windows: tuple[int, ...], key_P: Ints, moments_T: Ints, at_P: Ints
) -> list[Doubles]:
    """Return, of each window before moment `at_P`, ln of the key's share of the events: (P,) each."""
    until_T = times.places(moments_T)
    end_P = times.before(key_P, until_T[at_P])
    shares = []
    for window in windows:
        since_T = times.places(moments_T - window)
        counts_P = end_P - times.before(key_P, since_T[at_P])
        shares.append(np.log((counts_P + 0.5) / (until_T - since_T + 1)[at_P]))
    return shares


def _of_users_and_items(past: Past, requests: Requests, items_RC: Ints) -> list[Doubles]:
    places_RH = past.last_events(requests)
    last_RH, seen_RH = (
        past.of_events(past.log.item_E, places_RH),
        past.of_events(past.log.version_E, places_RH),
    )
    version_RC = _versions(past, requests, items_RC)
    return [
        *_following(past, requests, last_RH, seen_RH, items_RC, version_RC),
        *_content(past, seen_RH, version_RC),
        *_since_then(past, requests, places_RH[:, 0], items_RC),
    ]


def _following(
    past: Past, requests: Requests, last_RH: Ints, seen_RH: Ints, items_RC: Ints, version_RC: Ints
) -> list[Doubles]:
    """Return how likely each comes after what the user met last, by items and by categories."""
    weight_H, first = past.weights(), np.ones(1)
    category_RH = np.where(seen_RH != NO_EVENT, past.items.category_V[seen_RH] + 1, NO_EVENT)
    shares = (
        (past.successions.shares(last_RH, requests.moment_R, weight_H), items_RC),
        (past.successions.shares(last_RH[:, :1], requests.moment_R, first), items_RC),
        (past.nexts.shares(last_RH[:, :1], requests.moment_R, first), items_RC),
        (
            past.category_nexts.shares(category_RH, requests.moment_R, weight_H),
            past.items.category_V[version_RC] + 1,
        ),
    )
    return [np.log(FLOOR + _entries(shares_RN, columns_RC)) for shares_RN, columns_RC in shares]


def _since_then(past: Past, requests: Requests, latest_R: Ints, items_RC: Ints) -> list[Doubles]:
    """Return how often the user was there and left the item alone, and its share of what he was away for."""
    moment_R1 = requests.moment_R[:, None]
    begun_RC = np.minimum(past.items.first_from_N[items_RC], moment_R1)
    user_R1 = requests.user_R[:, None]
    times = past.users
    there_RC = times.before(user_R1, times.places(moment_R1)) - times.before(user_R1, times.places(begun_RC))
    # places in the log itself, which `latest_R` holds too: what came after his last event
    until_R1, times = past.users.places(moment_R1), past.item_times
    since_R1 = np.maximum(latest_R, 0)[:, None]
    drew_RC = times.before(items_RC, until_R1) - times.before(items_RC, since_R1)
    return [np.log1p(there_RC), np.log((drew_RC + 0.5) / (until_R1 - since_R1 + 1))]


def _versions(past: Past, requests: Requests, items_RC: Ints) -> Ints:
    moment_P = np.repeat(requests.moment_R, items_RC.shape[1])
    return past.items.catalog.version_at(items_RC.ravel(), moment_P).reshape(items_RC.shape)


def _entries(matrix_RN: sparse.csr_array, items_RC: Ints) -> Doubles:
    """Return what a sparse matrix holds in each row's columns, 0 where it holds nothing."""
    rows = matrix_RN.shape[0]
    columns = max(matrix_RN.shape[1], int(items_RC.max(initial=0)) + 1)
    key_E = np.repeat(np.arange(rows), np.diff(matrix_RN.indptr)) * columns + matrix_RN.indices
    order_E = np.argsort(key_E)
    key_E, value_E = key_E[order_E], matrix_RN.data[order_E]
    wanted_RC = np.arange(rows)[:, None] * columns + items_RC
    if not len(key_E):
        return np.zeros(items_RC.shape)
    near_RC = np.searchsorted(key_E, wanted_RC).clip(max=len(key_E) - 1)
    return np.where(key_E[near_RC] == wanted_RC, value_E[near_RC], 0).astype(np.float64)


def _content(past: Past, seen_RH: Ints, version_RC: Ints) -> list[Doubles]:
    """Return the cosine with the mean of what the user met last, and the share of the category in it."""
    there_RH, weight_RH = seen_RH != NO_EVENT, past.weights_of(seen_RH)
    own_RC = np.zeros(version_RC.shape)
    category_RC = past.items.category_V[version_RC]
    for h in range(seen_RH.shape[1]):  # a handful
        category_R = np.where(there_RH[:, h], past.items.category_V[seen_RH[:, h]], NO_ITEM)
        same_RC = (category_RC == category_R[:, None]) & (category_RC >= 0)
        own_RC += weight_RH[:, h : h + 1] * same_RC
    return [_cosine(past, seen_RH, version_RC), np.log(OWN_FLOOR + own_RC)]


def _cosine(past: Past, seen_RH: Ints, version_RC: Ints) -> Doubles:
    distinct, place_RC = np.unique(version_RC, return_inverse=True)
    cosine_RS = (past.items.unit_VK[distinct] @ past.liked(seen_RH).T).T
    return np.take_along_axis(cosine_RS, place_RC.reshape(version_RC.shape), axis=1).astype(np.float64)


def _of_users(past: Past, requests: Requests) -> list[Doubles]:
    """Return how many events each had, for how long he was away (a stranger since the log began), and how

    popular and how old the items of his last events were then: of a stranger, as none and as new.
    """
    moment_R, time_E = requests.moment_R, past.log.time_E
    count_R = past.users.counts(requests.user_R, moment_R)
    latest_R = past.of_events(time_E, past.users.last(requests.user_R, moment_R, 1))[:, 0]
    began_R = np.minimum(time_E[0], moment_R) if len(time_E) else moment_R
    since_R = moment_R - np.where(count_R > 0, latest_R, began_R)
    places_RH = past.last_events(requests)
    tastes = [_mean(values_E, places_RH) for values_E in (past.popularity_E, past.age_E)]
    return [np.log1p(count_R), np.log1p(since_R / past.windows[-1]), *tastes]


def _mean(values_E: Doubles, places_RH: Ints) -> Doubles:
    """Return the mean of those that are there, 0 of none."""
    there_RH = places_RH != NO_EVENT
    if not len(values_E):
        return np.zeros(len(places_RH))
    sums_R = np.where(there_RH, values_E[places_RH], 0).sum(axis=1)
    return np.asarray(sums_R / np.maximum(there_RH.sum(axis=1), 1))
