"""Requests: who asks at which moment, and what he turned to from then on.

R requests    N item rows
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import sparse

from dlrs.arrays import Ints, distinct, positions_in
from dlrs.data.interactions import ALL_TIME, Interactions


@dataclass(frozen=True)
class Requests:
    """R requests. Moments are microseconds since the epoch, UTC."""

    user_R: Ints
    moment_R: Ints

    def __len__(self) -> int:
        return len(self.user_R)

    def take(self, requests: Ints | slice) -> Requests:
        """Return some of them, in the order given."""
        return Requests(self.user_R[requests], self.moment_R[requests])


@dataclass(frozen=True)
class Answered:
    """Requests and what each user turned to afterwards that he had not met before."""

    requests: Requests
    sought_RN: sparse.csr_array  # True: the new positives


def answered(
    log: Interactions,
    moments: Sequence[int],
    *,
    horizon: int,
    active: int,
    users: int,
    items: int,
    most: int,
    seed: int,
) -> Answered:
    """Let the users who came within `horizon` after each moment ask at that moment.

    They are users who were there in the `active` before it, as those of a test have a profile then, and who
    turned to something new; a seeded sample of them if there are more than `most` at a moment.

    Args:
        log: the events.
        moments: when they ask; [moment, moment + horizon) holds what is sought.
        horizon: microseconds.
        active: microseconds.
        users: number of user rows.
        items: number of item rows.
        most: requests at each moment.
        seed: of the samples.
    """
    rng = np.random.default_rng(seed)
    parts = [_at(log, moment, horizon, active, users, items, most, rng) for moment in moments]
    requests = Requests(
        np.concatenate([part.requests.user_R for part in parts]),
        np.concatenate([part.requests.moment_R for part in parts]),
    )
    return Answered(requests, sparse.csr_array(sparse.vstack([part.sought_RN for part in parts])))


def interactions_as_requests(
    log: Interactions,
    *,
    since: int,
    until: int,
    step: int,
    delay: int,
    items: int,
    most: int,
    seed: int,
) -> Answered:
    """Make a request of each interaction in [since, until) with an item that is new to its user.

    Its moment is `delay` before the interaction, whose own time is cut down to a multiple of `step` first:
    what a live recommender knows that answers the requests of one step together. One item is sought by each.

    Args:
        log: the events, those before `since` too.
        since: microseconds since the epoch, UTC.
        until: itself outside.
        step: microseconds.
        delay: microseconds from an event to when it is known.
        items: number of item rows.
        most: requests; of more a seeded sample.
        seed: of the sample.
    """
    pair_E = log.pairs(items)
    order_E = np.argsort(pair_E, kind="stable")
    new_E = np.ones(len(log), dtype=np.bool_)
    new_E[order_E[1:]] = np.diff(pair_E[order_E]) != 0
    low, high = np.searchsorted(log.time_E, [since, until])
    chosen = low + np.flatnonzero(new_E[low:high])
    if len(chosen) > most:
        chosen = np.sort(np.random.default_rng(seed).choice(chosen, most, replace=False))
    time_R = log.time_E[chosen]
    sought = (np.ones(len(chosen), dtype=np.bool_), (np.arange(len(chosen)), log.item_E[chosen]))
    return Answered(
        Requests(log.user_E[chosen], time_R - time_R % step - delay),
        sparse.csr_array(sought, shape=(len(chosen), items)),
    )


def _at(
    log: Interactions,
    moment: int,
    horizon: int,
    active: int,
    users: int,
    items: int,
    most: int,
    rng: np.random.Generator,
) -> Answered:
    known = distinct(log.between(ALL_TIME, moment).pairs(items))
    pair_P = distinct(log.between(moment, moment + horizon).pairs(items))
    pair_P = pair_P[positions_in(known, pair_P) < 0]
    was_there_U = np.zeros(users, dtype=np.bool_)
    was_there_U[log.between(moment - active, moment).user_E] = True
    user_P, item_P = np.divmod(pair_P, items)
    eligible = distinct(user_P[was_there_U[user_P]])
    if len(eligible) > most:
        eligible = np.sort(rng.choice(eligible, most, replace=False))
    row_P = positions_in(eligible, user_P)
    row_P, item_P = row_P[row_P >= 0], item_P[row_P >= 0]
    sought = (np.ones(len(row_P), dtype=np.bool_), (row_P, item_P))
    return Answered(
        Requests(eligible, np.full(len(eligible), moment)),
        sparse.csr_array(sought, shape=(len(eligible), items)),
    )
