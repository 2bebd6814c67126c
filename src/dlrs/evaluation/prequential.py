"""Prequential evaluation: the log of the test window is replayed, each interaction judged at its own moment.

A request is made for every interaction (user, item, t) of the window. Its moment is t, cut down to a step
(so that requests of one step are asked together). The catalogue is the items alive at that moment. Known is
what happened before it less a delay: `until`, itself outside. Right is the one item that the user turned to.

    R requests in the order of time; N all item rows; B requests of one step
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from dlrs.arrays import NO_ITEM, Bools, Ints
from dlrs.data.catalog import Catalog
from dlrs.errors import DataError
from dlrs.evaluation.protocol import check
from dlrs.popularity import ItemTimes
from dlrs.progress import track
from dlrs.recommenders.live import Fit
from dlrs.user_times import UserTimes


@dataclass(frozen=True)
class Timing:
    """When models know what. All in microseconds."""

    delay: int  # from an event to when it is known
    step: int  # requests within one are asked together, as of its start
    retrain: int  # from one fit of the models to the next


@dataclass(frozen=True)
class NotJudged:
    """Interactions of the window that no request is made for."""

    met_before: int  # by this user, at any time before: nothing new
    not_alive: int  # the item was not alive at the moment, or no more at the interaction
    beyond_sample: int


@dataclass(frozen=True)
class Requests:
    """R requests, ascending by moment, and what is right for each."""

    user_R: Ints
    item_R: Ints  # the one that the user turned to
    moment_R: Ints  # when it is asked, ≤ the interaction's own time
    until_R: Ints  # known is what happened before
    cold_R: Bools  # nobody had met the item by then
    new_user_R: Bools  # the user had done nothing by then
    since: int  # start of the window
    timing: Timing
    not_judged: NotJudged

    def __len__(self) -> int:
        return len(self.user_R)

    @property
    def fitted_R(self) -> Ints:
        """When the models that answer were fitted: at the start of the window, or at a later retraining."""
        passed_R = (self.moment_R - self.since) // self.timing.retrain
        fitted_R: Ints = self.since + passed_R * self.timing.retrain
        return fitted_R

    @property
    def facts(self) -> dict[str, int]:
        """The size of the test, and of what was left out, for the report."""
        return {
            "requests": len(self),
            "users": len(np.unique(self.user_R)),
            "requests_for_cold_items": int(self.cold_R.sum()),
            "requests_of_new_users": int(self.new_user_R.sum()),
            **vars(self.not_judged),
        }


def live_requests(
    times: UserTimes,
    catalog: Catalog,
    *,
    since: int,
    until: int,
    timing: Timing,
    max_requests: int,
    seed: int,
) -> Requests:
    """Make a request of each interaction in [since, until) with an item that is new to its user.

    An interaction is left out if its user met the item before, be it within the delay, or if the item was
    not alive at the moment or at the interaction itself. Of more than `max_requests` a
    seeded sample is taken.

    Raises:
        DataError: none is left.
    """
    log = times.log
    low, high = np.searchsorted(log.time_E, [since, until])
    user_R, item_R, time_R = log.user_E[low:high], log.item_E[low:high], log.time_E[low:high]
    moment_R = since + (time_R - since) // timing.step * timing.step
    new_R = times.first_meetings()[low:high]
    alive_R = _alive(catalog, item_R, moment_R) & _alive(catalog, item_R, time_R)
    chosen_R = np.flatnonzero(new_R & alive_R)
    if len(chosen_R) == 0:
        raise _nothing_to_judge(since, until, high - low)
    found = len(chosen_R)
    if found > max_requests:
        chosen_R = np.sort(np.random.default_rng(seed).choice(chosen_R, max_requests, replace=False))
    user_R, item_R, moment_R = user_R[chosen_R], item_R[chosen_R], moment_R[chosen_R]
    until_R = moment_R - timing.delay
    return Requests(
        user_R=user_R,
        item_R=item_R,
        moment_R=moment_R,
        until_R=until_R,
        cold_R=ItemTimes(log, catalog.items).counts(item_R, until_R) == 0,
        new_user_R=times.counts(user_R, until_R) == 0,
        since=since,
        timing=timing,
        not_judged=NotJudged(
            met_before=int((~new_R).sum()),
            not_alive=int((new_R & ~alive_R).sum()),
            beyond_sample=found - len(chosen_R),
        ),
    )


def _nothing_to_judge(since: int, until: int, interactions: int) -> DataError:
    return DataError(
        f"test window [{np.datetime64(since, 'us')}Z, {np.datetime64(until, 'us')}Z): expected at least one "
        f"interaction with a new, living item, received none among {interactions:,}. Move the split."
    )


def judge_live(
    models: Mapping[str, Fit], requests: Requests, times: UserTimes, catalog: Catalog, k: int
) -> dict[str, Ints]:
    """Ask every model at every moment, and return where in its list of k the right item stood.

    A model is fitted at the start of the window and every `timing.retrain` after it, each time on what was
    known by then: before the start less the delay.

    Returns:
        By model: (R,) places from 0 on, −1 where the right item was not listed.

    Raises:
        ProtocolError: a model returned lists that `LiveRecommender.recommend` forbids.
    """
    return {name: _places(name, fit, requests, times, catalog, k) for name, fit in models.items()}


def _places(name: str, fit: Fit, requests: Requests, times: UserTimes, catalog: Catalog, k: int) -> Ints:
    places = []
    fitted_R, fitted, model = requests.fitted_R, None, None
    for some in track(list(_steps(requests)), f"replay {name}"):
        moment, until = int(requests.moment_R[some.start]), int(requests.until_R[some.start])
        if model is None or fitted_R[some.start] != fitted:
            fitted = fitted_R[some.start]
            model = fit(int(fitted) - requests.timing.delay)
        users_B, items_A = requests.user_R[some], alive_items(catalog, moment)
        known_BN = times.met(users_B, np.array(until))
        ranking = model.recommend(until, users_B, items_A, k, known_RN=known_BN)
        in_catalogue_N = np.zeros(catalog.items, dtype=np.bool_)
        in_catalogue_N[items_A] = True
        check(name, ranking, users_B, k, known_BN, in_catalogue_N)
        places.append(_place_of(requests.item_R[some], ranking.items_UK))
    return np.concatenate(places)


def alive_items(catalog: Catalog, moment: int) -> Ints:
    """Return the item rows that are alive at a moment, ascending."""
    return catalog.item_V[catalog.alive_at(moment)]


def _steps(requests: Requests) -> Iterator[slice]:
    """Yield the requests of each step."""
    starts = np.flatnonzero(np.diff(requests.moment_R, prepend=requests.moment_R[:1] - 1))
    return (slice(*ends) for ends in zip(starts, [*starts[1:], len(requests)], strict=True))


def _place_of(items_B: Ints, items_BK: Ints) -> Ints:
    right_BK = items_BK == items_B[:, None]
    return np.where(right_BK.any(axis=1), right_BK.argmax(axis=1), NO_ITEM)


def _alive(catalog: Catalog, items_R: Ints, moment_R: Ints) -> Bools:
    """Tell of each item whether it is alive at the moment."""
    version_R = catalog.version_at(items_R, moment_R)
    alive_R: Bools = (catalog.valid_from_V[version_R] <= moment_R) & (
        moment_R < catalog.valid_to_V[version_R]
    )
    return alive_R
