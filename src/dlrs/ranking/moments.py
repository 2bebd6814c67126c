"""Moments: the features of a candidate for a user at the moment he asks.

Each says what was known strictly before that moment. Six groups, so that what each adds can be measured:

popularity  per window: ln of the item's share of the events; and ln of all its events
arrivals    the same of those events only with which users came after they had been away
age         ln(1 + age / shortest window); whether it has none yet
category    per window: ln of the share of the events that its category drew
personal    ln of how likely it follows the user's last items, and his very last one, within three steps and
            at once, and its category theirs; cosine of its features and theirs; share of its category among
            them; ln of his last events since it began, and of its share of all events since his last
user        how many events he has, how long ago the last was, how popular and how old the items of his last
            events were then: what the others are worth to him

    R requests    C candidates of each    F features    P distinct (item, moment)    W windows
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from dlrs.arrays import NO_ITEM, Bools, Doubles, Floats, Ints
from dlrs.ranking.known import Counted, Known, LastMet, weights, weights_of
from dlrs.ranking.past import Past
from dlrs.ranking.requests import Requests
from dlrs.ranking.successions import shares

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
"""Added to a user's own shares before the logarithm: they are of twenty events at most."""


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
    fits_RC = None if retrieval is None else retrieval.scores(requests, items_RC)
    return features_of(past, past.last_met(requests), items_RC, fits_RC)


def features_of(known: Known, met: LastMet, items_RC: Ints, fits_RC: Floats | None = None) -> Floats:
    """Return the features of each candidate of each request, (R, C, F).

    Args:
        known: what has happened, and what the items are.
        met: what those who ask met last.
        items_RC: item rows, all of them known.
        fits_RC: how well retrieval thinks that each fits, if that is a feature.
    """
    moment_P = np.repeat(met.moment_R, items_RC.shape[1])
    version_RC = known.facts.version_at(items_RC.ravel(), moment_P).reshape(items_RC.shape)
    before_RC, values = _of_items(known, met.moment_R, items_RC, version_RC)
    columns = [
        *values,
        *_following(known, met, items_RC, version_RC),
        *_content(known, met, version_RC),
        *_since_then(known, met, items_RC, before_RC),
        *(np.broadcast_to(value_R[:, None], items_RC.shape) for value_R in _of_users(known, met)),
    ]
    if fits_RC is not None:
        columns.append(fits_RC.astype(np.float64))
    return np.stack(columns, axis=-1, dtype=np.float32, casting="same_kind")


def _of_items(known: Known, moment_R: Ints, items_RC: Ints, version_RC: Ints) -> tuple[Ints, list[Doubles]]:
    """Return where the moment is in the events of each item, and popularity, age and category.

    Worked out once for each distinct item and moment, by item first: what lies near in the log is looked up
    together.
    """
    moments_T, moment_of_R = np.unique(moment_R, return_inverse=True)
    keys_P, pair_RC = _distinct(items_RC, moment_of_R, len(moments_T))
    item_P, at_P = np.divmod(keys_P, len(moments_T))
    category_RC = known.facts.categories(version_RC) + 1
    of_P, category_of_RC = _distinct(category_RC, moment_of_R, len(moments_T))
    category_P, category_at_P = np.divmod(of_P, len(moments_T))
    age_P = moments_T[at_P] - known.facts.first_from(item_P)
    windows = known.windows
    before_P, popular_WP = _log_shares(known.item_times, windows, item_P, moments_T, at_P)
    arrived_WP = _log_shares(known.arrivals, windows, item_P, moments_T, at_P)[1]
    drew_WP = _log_shares(known.category_times, windows, category_P, moments_T, category_at_P)[1]
    ever_P = before_P - known.item_times.before(item_P, known.item_times.none(item_P))
    age = np.log1p(np.maximum(age_P, 0) / windows[-1]), (age_P < 0).astype(np.float64)
    of_items = [np.log1p(ever_P), *popular_WP, *arrived_WP, *age]
    values = [value_P[pair_RC] for value_P in of_items] + [value_P[category_of_RC] for value_P in drew_WP]
    return before_P[pair_RC], values


def _distinct(keys_RC: Ints, moment_of_R: Ints, moments: int) -> tuple[Ints, Ints]:
    """Return distinct (key, moment) as key · moments + moment, (P,), and which of them each is, (R, C)."""
    both_RC = keys_RC * moments + moment_of_R[:, None]
    keys_P, pair_RC = np.unique(both_RC, return_inverse=True)
    return keys_P, pair_RC.reshape(keys_RC.shape)


def _log_shares(
    times: Counted, windows: tuple[int, ...], key_P: Ints, moments_T: Ints, at_P: Ints
) -> tuple[Ints, Doubles]:
    """Return `before` at each moment, (P,), and ln of the key's share of each window until then: (W, P)."""
    until_T = times.places(moments_T)
    since_WT = times.places(moments_T - np.array(windows)[:, None])
    before_P = times.before(key_P, until_T[..., at_P])
    counts_WP = before_P - times.before(key_P, since_WT[..., at_P])
    all_WT = times.between(since_WT, until_T[..., None, :])
    return before_P, np.asarray(np.log((counts_WP + 0.5) / (all_WT + 1)[:, at_P]))


def _following(known: Known, met: LastMet, items_RC: Ints, version_RC: Ints) -> list[Doubles]:
    """Return how likely each comes after what the user met last, by items and by categories."""
    weight_H, first = weights(met.item_RH.shape[1]), np.ones(1)
    found = (
        (known.successions, met.item_RH, weight_H, items_RC),
        (known.successions, met.item_RH[:, :1], first, items_RC),
        (known.nexts, met.item_RH[:, :1], first, items_RC),
        (known.category_nexts, met.category_RH, weight_H, known.facts.categories(version_RC) + 1),
    )
    return [
        np.log(FLOOR + shares(followed, last_RH, met.moment_R, weight).at(columns_RC))
        for followed, last_RH, weight, columns_RC in found
    ]


def _since_then(known: Known, met: LastMet, items_RC: Ints, before_RC: Ints) -> list[Doubles]:
    """Return how often the user left the item alone of late, and its share of what he was away for.

    Of a stranger it is the share of all that there was. `before_RC` is where the moment is in the events of
    each item.
    """
    begun_RC = np.minimum(known.facts.first_from(items_RC), met.moment_R[:, None])
    there_RC = (met.time_RH[:, None, :] >= begun_RC[..., None]) & met.there_RH[:, None, :]
    times, began = known.item_times, known.began
    latest_R = np.where(met.there_RH[:, 0], met.time_RH[:, 0], met.moment_R if began is None else began)
    until_R1, since_R1 = times.places(met.moment_R)[..., None], times.places(latest_R)[..., None]
    drew_RC = before_RC - times.before(items_RC, since_R1)
    all_R1 = times.between(since_R1, until_R1)
    return [np.log1p(there_RC.sum(axis=-1)), np.log((drew_RC + 0.5) / (all_R1 + 1))]


def _content(known: Known, met: LastMet, version_RC: Ints) -> list[Doubles]:
    """Return the cosine with the mean of what the user met last, and the share of the category in it."""
    category_RC1 = known.facts.categories(version_RC)[..., None] + 1
    same_RCH = (category_RC1 == met.category_RH[:, None, :]) & (category_RC1 > 0)
    own_RC = np.einsum("rch,rh->rc", same_RCH, weights_of(met.there_RH))
    return [_cosine(known, met.liked_RK, version_RC), np.log(OWN_FLOOR + own_RC)]


def _cosine(known: Known, liked_RK: Doubles, version_RC: Ints) -> Doubles:
    distinct, place_RC = np.unique(version_RC, return_inverse=True)
    cosine_RS = (known.facts.units(distinct) @ liked_RK.T).T
    return np.take_along_axis(cosine_RS, place_RC.reshape(version_RC.shape), axis=1).astype(np.float64)


def _of_users(known: Known, met: LastMet) -> list[Doubles]:
    """Return how many events each had, how long he was away, and how popular and old his last items were.

    The latter as of then. A stranger was away since the log began, and his items are none and new.
    """
    moment_R, there_RH, shortest = met.moment_R, met.there_RH, known.windows[-1]
    began_R = moment_R if known.began is None else np.minimum(known.began, moment_R)
    since_R = moment_R - np.where(there_RH[:, 0], met.time_RH[:, 0], began_R)
    item_P, time_P = met.item_RH[there_RH], met.time_RH[there_RH]
    age_P = np.log1p(np.maximum(time_P - known.facts.first_from(item_P), 0) / shortest)
    tastes = [_mean(value_P, there_RH) for value_P in (_popularity(known, item_P, time_P), age_P)]
    return [np.log1p(met.count_R), np.log1p(since_R / shortest), *tastes]


def _popularity(known: Known, item_P: Ints, time_P: Ints) -> Doubles:
    """Return ln of the share that each item had just before a moment, in the last window but one: (P,)."""
    times, window = known.item_times, known.windows[-2:][0]
    until_P, since_P = times.places(time_P), times.places(time_P - window)
    counts_P = times.before(item_P, until_P) - times.before(item_P, since_P)
    return np.asarray(np.log((counts_P + 0.5) / (times.between(since_P, until_P) + 1)))


def _mean(values_P: Doubles, there_RH: Bools) -> Doubles:
    """Return the mean of those that are there, 0 of none."""
    row_P = np.repeat(np.arange(len(there_RH)), there_RH.sum(axis=1))
    sums_R = np.bincount(row_P, values_P, minlength=len(there_RH))
    return np.asarray(sums_R / np.maximum(there_RH.sum(axis=1), 1))
