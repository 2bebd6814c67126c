"""Live contenders: who competes where every interaction is judged at its own moment.

Windows and weights are tuned on the validation period; what is fitted is fitted again at each retraining.

    R requests of one moment; A items alive then, ascending by item row
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from itertools import product
from pathlib import Path

import numpy as np
from scipy import sparse

from dlrs.arrays import Ints
from dlrs.baselines.cf import fit_cf
from dlrs.baselines.covisited import Covisited, Transitions
from dlrs.baselines.live_content import LiveContent
from dlrs.baselines.live_personal import LiveFactors, LiveNeighbours
from dlrs.baselines.live_popular import LiveDecayed, LiveMostPopular, LivePopular
from dlrs.contenders.at_cut import Build, Offer, fit_contenders
from dlrs.data.interactions import ALL_TIME, micros
from dlrs.evaluation.prequential import Requests, Timing, live_requests
from dlrs.evaluation.report import headline_k
from dlrs.evaluation.tuning import Settings, Tuned, Tuner
from dlrs.prepared import Prepared
from dlrs.recommenders.live import Fit, LiveRecommender
from dlrs.recommenders.recommender import Ranking, Recommender
from dlrs.settings.baselines import PRIMITIVE
from dlrs.user_times import UserTimes

MICROSECOND = timedelta(microseconds=1)
MINUTE, HOUR = (timedelta(**{unit: 1}) // MICROSECOND for unit in ("minutes", "hours"))
DAY = 1440
WINDOWS = (2, 5, 10, 20, 60, 180, 720, DAY, 3 * DAY, 7 * DAY, 30 * DAY, 90 * DAY, 365 * DAY)
"""Minutes of recent popularity that are tried, as far as the log before the validation period reaches."""

HALF_LIVES = (1 / 16, 1 / 8, 1 / 4, 1 / 2, 1)
"""Half-lives that are tried, in windows of the best length."""

FOLLOWED = (4, 16, 64)
"""Windows of co-visits that are tried, in the same."""

POPULAR_WEIGHTS = (1.0, 3.0, 10.0)
"""Weights of popularity beside co-visits that are tried."""

HARDLY = 0.001
"""The weight of popularity where it only fills lists."""

TUNING_REQUESTS = 3000
RECENT = "recently popular"
"""The model that the others are compared with: its window tuned."""

Rule = Callable[[Settings], LiveRecommender]
"""Makes a model that learns nothing but reads the log at each moment."""


@dataclass(frozen=True)
class LiveContenders:
    """Models by the name that reports show, and what was tried for those that were tuned."""

    fits: Mapping[str, Fit]
    tuned: Mapping[str, Tuned]


def timing_of(prepared: Prepared) -> Timing:
    """Return the recipe's timing."""
    settings, profiles = prepared.recipe.prequential, prepared.recipe.marketplace.profiles
    return Timing(
        delay=settings.delay // MICROSECOND,
        step=settings.step // MICROSECOND,
        retrain=(settings.retrain or profiles.refresh) // MICROSECOND,
    )


def user_times(prepared: Prepared) -> UserTimes:
    """Return what every user had met at any moment."""
    return UserTimes(prepared.interactions, len(prepared.user_ids), prepared.catalog.items)


def validation_requests(prepared: Prepared, times: UserTimes, most: int = TUNING_REQUESTS) -> Requests:
    """Return requests of the validation period: what may be looked at to choose settings."""
    split = prepared.recipe.marketplace.split
    return live_requests(
        times,
        prepared.catalog,
        since=micros(split.validation_from),
        until=micros(split.test_from),
        timing=timing_of(prepared),
        max_requests=most,
        seed=prepared.recipe.evaluation.seed,
    )


def fit_live(prepared: Prepared, times: UserTimes, builds: Mapping[str, Build]) -> LiveContenders:
    """Tune the live baselines on the validation period; models of a fixed catalogue come along.

    Args:
        prepared: the data set.
        times: what its users had met at any moment.
        builds: models that know nothing of what happened after they were fitted, as `at_cut` has them.
    """
    k = headline_k(prepared.recipe.evaluation.k)
    tuner = Tuner(validation_requests(prepared, times), times, prepared.catalog, k)
    log, items = times.log, times.items
    tuned, rules = _tuned(prepared, tuner)
    fits: dict[str, Fit] = {"most popular": lambda until: LiveMostPopular.fit(log, items, until)}
    fits |= {name: _always(rule) for name, rule in rules.items()}
    as_built = {name: _always(EachHour(prepared, build)) for name, build in builds.items()}
    return LiveContenders(fits | _fitted(prepared, times) | as_built, tuned)


def _tuned(prepared: Prepared, tuner: Tuner) -> tuple[dict[str, Tuned], dict[str, LiveRecommender]]:
    """Return what was tried, and the models of the settings that were chosen."""
    times = tuner.times
    log, items = times.log, times.items
    transitions = Transitions(log, items)

    def recent(settings: Settings) -> LiveRecommender:
        return LivePopular(log, items, int(settings["window_minutes"] * MINUTE))

    window = tuner.best(recent, [{"window_minutes": minutes} for minutes in _windows(prepared)])
    best = window.chosen["window_minutes"]

    def decayed(settings: Settings) -> LiveRecommender:
        return LiveDecayed(log, items, int(settings["half_life_minutes"] * MINUTE))

    def covisited(settings: Settings) -> LiveRecommender:
        followed = int(settings["window_minutes"] * MINUTE)
        weight = settings["popular_weight"]
        return Covisited(times, transitions, followed, int(best * MINUTE), weight)

    def followed(weights: Sequence[float]) -> list[Settings]:
        return [
            {"window_minutes": best * part, "popular_weight": weight}
            for part, weight in product(FOLLOWED, weights)
        ]

    tries: dict[str, tuple[Rule, list[Settings]]] = {
        "popular, decaying": (decayed, [{"half_life_minutes": best * part} for part in HALF_LIVES]),
        "co-visited": (covisited, followed([HARDLY])),
        "co-visited and popular": (covisited, followed(POPULAR_WEIGHTS)),
    }
    tuned = {RECENT: window} | {name: tuner.best(rule, grid) for name, (rule, grid) in tries.items()}
    rules = {RECENT: recent} | {name: rule for name, (rule, _) in tries.items()}
    return tuned, {name: rules[name](one.chosen) for name, one in tuned.items()}


def _windows(prepared: Prepared) -> list[float]:
    """Return the windows that the log before the validation period fills, and the shortest in any case."""
    before = micros(prepared.recipe.marketplace.split.validation_from) - int(prepared.interactions.time_E[0])
    return [minutes for minutes in WINDOWS if minutes * MINUTE <= before or minutes == WINDOWS[0]]


def _fitted(prepared: Prepared, times: UserTimes) -> dict[str, Fit]:
    """Return those of the recipe's baselines that are fitted anew at each retraining."""
    settings = prepared.recipe.baselines

    def train_UN(until: int) -> sparse.csr_array:
        return times.log.between(ALL_TIME, until).matrix(times.users, times.items)

    fits: dict[str, Fit] = {
        "item-kNN": lambda until: LiveNeighbours.fit(train_UN(until), settings),
        "content-kNN": lambda until: LiveContent.fit(
            prepared.encoded_versions, prepared.encoding.space, prepared.catalog, until
        ),
        "CF": lambda until: LiveFactors(fit_cf(train_UN(until), settings)),
    }
    return {name: fit for name, fit in fits.items() if name in settings.models}


def networks_alone(prepared: Prepared, networks: Mapping[str, Path]) -> dict[str, Build]:
    """Return trained networks by name, over the profiles and items of this data set; baselines stay away.

    Args:
        prepared: the data set, in the encoding that they were trained on.
        networks: folder of each.
    """
    alone = prepared.recipe.baselines.model_copy(update={"models": (PRIMITIVE,)})
    recipe = prepared.recipe.model_copy(update={"baselines": alone})
    fitted = fit_contenders(replace(prepared, recipe=recipe), networks).fitted

    def build(name: str) -> Build:
        return lambda offer: fitted[name](Offer(prepared, offer.versions_A))

    return {name: build(name) for name in networks}


def _always(model: LiveRecommender) -> Fit:
    return lambda _: model


class EachHour:
    """A model of a fixed catalogue, built again every hour from what is alive then.

    What goes in between is not listed any more; what comes waits for the next hour. The model knows what it
    knew when it was fitted: neither histories nor popularity go on.
    """

    def __init__(self, prepared: Prepared, build: Build) -> None:
        """Take the data set that the model was fitted on, and the model."""
        self._prepared = prepared
        self._build = build
        self._hour: int | None = None
        self._items_A: Ints = np.empty(0, dtype=np.int64)
        self._built: Recommender

    def recommend(
        self, until: int, users_R: Ints, items_A: Ints, k: int, *, known_RN: sparse.csr_array
    ) -> Ranking:
        """Recommend from the items' versions of that hour; see `LiveRecommender`."""
        if self._hour != until // HOUR:
            versions_A = self._prepared.catalog.version_at(items_A, np.full(len(items_A), until))
            self._built = self._build(Offer(self._prepared, versions_A))
            self._hour, self._items_A = until // HOUR, items_A
        gone_G = np.setdiff1d(self._items_A, items_A, assume_unique=True)
        hidden_RN = known_RN + _everywhere(gone_G, known_RN.shape)
        return self._built.recommend(users_R, k, known_UN=sparse.csr_array(hidden_RN))


def _everywhere(items_G: Ints, shape: tuple[int, int]) -> sparse.csr_array:
    """Return a matrix that stores these columns in every row."""
    rows = shape[0]
    offsets = np.arange(rows + 1) * len(items_G)
    ones = np.ones(rows * len(items_G), dtype=np.float32)
    return sparse.csr_array((ones, np.tile(items_G, rows), offsets), shape=shape)
