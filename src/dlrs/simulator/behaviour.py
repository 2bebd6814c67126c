"""Behaviour: users visit the marketplace, see lists of ads, and open those they like best.

One day at a time: visits → lists → utilities → choices. Within a day everything is vectorised.

Shapes: U users, S tastes, N ads, V versions, R visits of a day, L ads on the list of a visit,
P chosen pairs of a visit and an ad.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields

import numpy as np

from dlrs.arrays import Bools, Doubles, Ints
from dlrs.progress import track
from dlrs.simulator.ads import Ads
from dlrs.simulator.history import DELETE, History
from dlrs.simulator.lists import Market, pull
from dlrs.simulator.settings import DAY
from dlrs.simulator.users import Users

VISIT_SECONDS = 90  # from one ad to the next
HOURS = np.array([2, 1, 1, 1, 1, 2, 5, 9, 12, 13, 14, 14, 15, 14, 14, 15, 17, 20, 24, 29, 32, 29, 18, 7.0])
WEEKDAYS = np.array([1.0, 0.98, 0.97, 0.97, 0.92, 0.97, 1.19])  # from Monday
REST, MOOD = 0.85, 1.3  # how slowly a user's interest rises and falls, and how far
TASTE, POSITION = 1.3, 0.25  # weights in the utility, beside the pull (1) and Gumbel noise (1)
DRIFT = 0.07  # daily step of the weights of a user's tastes


@dataclass(frozen=True)
class Choices:
    """P first looks: who opened which ad when, and how well it fitted (standard scores)."""

    user_P: Ints
    item_P: Ints
    time_P: Ints
    fit_P: Doubles

    def take(self, chosen: Ints | Bools) -> Choices:
        """Return some of them, by position or by mask."""
        return Choices(*(getattr(self, field.name)[chosen] for field in fields(self)))


@dataclass(frozen=True)
class Visits:
    """R visits of one day."""

    user_R: Ints
    taste_R: Ints
    time_R: Ints
    length_R: Ints  # ads opened


@dataclass(frozen=True)
class Offer:
    """What there is on one day."""

    market: Market
    pull_N: Doubles
    price_N: Doubles  # log €


@dataclass(frozen=True)
class Tastes:
    """What drifts in the course of time."""

    weight_US: Doubles
    price_US: Doubles
    interest_U: Doubles  # log factor on the number of visits, mean 0


def live(
    ads: Ads, history: History, users: Users, days: int, weekday: int, rng: np.random.Generator
) -> tuple[Choices, Tastes]:
    """Simulate `days` days, the first of which is `weekday` (0 is Monday)."""
    market = Market.of(ads)
    prices = _daily_prices(history, days)
    tastes = Tastes(users.weight_US, users.price_US, rng.normal(0, 1, len(users.pairs_U)))
    chosen = []
    for day, price_N in track(enumerate(prices), "simulating days", total=days):
        tastes = _drift(tastes, rng)
        visits = _visits(users, tastes, day, float(WEEKDAYS[(day + weekday) % 7]), rng)
        offer = Offer(market.on(day, ads), pull(ads, price_N, day), price_N)
        chosen.append(_choices(offer, visits, users, tastes, ads, rng))
    return _first_looks(chosen), tastes


def _daily_prices(history: History, days: int) -> Iterator[Doubles]:
    """Yield for each day the log price of every ad at its beginning; before birth the first price.

    It is one array, brought up to date from day to day.
    """
    order_V = np.argsort(history.time_V, kind="stable")
    order_V = order_V[history.operation_V[order_V] != DELETE]
    moments = history.time_V[order_V]
    price_N = np.log(history.price_V[history.first_N])
    done = 0
    for day in range(days):
        until = int(np.searchsorted(moments, day * DAY))
        new_V = order_V[done:until]
        price_N[history.item_V[new_V]] = np.log(history.price_V[new_V])  # of two, the later one stays
        done = until
        yield price_N


def _drift(tastes: Tastes, rng: np.random.Generator) -> Tastes:
    step_US = rng.normal(0, 1, tastes.weight_US.shape)
    interest_U = REST * tastes.interest_U + np.sqrt(1 - REST**2) * rng.normal(0, 1, len(step_US))
    price_US = tastes.price_US + 0.01 * rng.normal(0, 1, step_US.shape)
    return Tastes(tastes.weight_US + DRIFT * step_US, price_US, interest_U)


def _visits(users: Users, tastes: Tastes, day: int, busy: float, rng: np.random.Generator) -> Visits:
    """Draw who comes when, for which taste, and how many ads they will open.

    Who looks at more ads comes more often and stays longer.
    """
    monthly_U = 4 + 0.25 * users.pairs_U**0.68
    daily_U = monthly_U / 28 * np.exp(MOOD * tastes.interest_U - MOOD**2 / 2) * busy
    user_R = np.repeat(np.arange(len(daily_U)), rng.poisson(np.minimum(daily_U, 12)))
    further_R = np.maximum((users.pairs_U / monthly_U)[user_R] - 1, 0.05)
    weight_RS = tastes.weight_US[user_R]
    hour_R = rng.choice(24, len(user_R), p=HOURS / HOURS.sum())
    return Visits(
        user_R=user_R,
        taste_R=np.argmax(weight_RS + rng.gumbel(size=weight_RS.shape), axis=1),
        time_R=day * DAY + hour_R * 3600 + rng.integers(0, 3600, len(user_R)),
        length_R=1 + rng.poisson(rng.gamma(1.5, further_R / 1.5)),
    )


def _choices(
    offer: Offer, visits: Visits, users: Users, tastes: Tastes, ads: Ads, rng: np.random.Generator
) -> Choices:
    """Let each visit open the ads with the highest utility of its list: Gumbel top-k."""
    at = visits.user_R, visits.taste_R
    list_RL, real_RL = offer.market.lists(users.subcategory_US[at], users.model_US[at], offer.pull_N, rng)
    real_RL &= _on_sale(ads, list_RL, visits.time_R[:, None])
    fit_RL = _fit(offer, users, tastes, ads, visits, list_RL)
    utility_RL = TASTE * fit_RL + offer.pull_N[list_RL] + _chance(fit_RL.shape, rng)
    opened = _best(np.where(real_RL, utility_RL, -np.inf), visits.length_R)
    visit_P, item_P = opened[0], list_RL[opened]
    time_P = visits.time_R[visit_P] + _pauses(visits.length_R[visit_P], rng)
    choices = Choices(visits.user_R[visit_P], item_P, time_P, _standard(fit_RL[opened]))
    return choices.take(_on_sale(ads, item_P, time_P))


def _chance(shape: tuple[int, ...], rng: np.random.Generator) -> Doubles:
    """What no model can know: where on the result page an ad happened to stand, and the moment's whim."""
    place_RL = rng.random(shape) * shape[1]
    chance_RL: Doubles = rng.gumbel(size=shape) - POSITION * np.log1p(place_RL)
    return chance_RL


def _best(utility_RL: Doubles, length_R: Ints) -> tuple[Ints, Ints]:
    """Return visit and place of the `length_R` highest utilities of each visit; −inf is never chosen."""
    best_RL = np.argsort(-utility_RL, axis=1, kind="stable")
    opened_RL = np.arange(utility_RL.shape[1]) < length_R[:, None]
    opened_RL &= np.isfinite(np.take_along_axis(utility_RL, best_RL, axis=1))
    return np.nonzero(opened_RL)[0], best_RL[opened_RL]


def _pauses(length_P: Ints, rng: np.random.Generator) -> Ints:
    """Seconds from the beginning of the visit: ads are opened in no order."""
    return np.floor(rng.random(len(length_P)) * VISIT_SECONDS * length_P).astype(np.int64)


def _on_sale(ads: Ads, items: Ints, times: Ints) -> Bools:
    alive: Bools = (ads.born_N[items] <= times) & (times < ads.died_N[items])
    return alive


def _fit(offer: Offer, users: Users, tastes: Tastes, ads: Ads, visits: Visits, list_RL: Ints) -> Doubles:
    """How well each listed ad fits the taste of its visit: body, model, character, price, age, distance."""
    at = visits.user_R, visits.taste_R
    fit_RL: Doubles = 1.5 * (ads.subcategory_N[list_RL] == users.subcategory_US[at][:, None])
    fit_RL += 0.8 * (ads.model_N[list_RL] == users.model_US[at][:, None])
    fit_RL += 0.4 * np.einsum("rld,rd->rl", ads.character_ND[list_RL], users.character_USD[at])
    dear_RL = (offer.price_N[list_RL] - tastes.price_US[at][:, None]) / users.tolerance_US[at][:, None]
    fit_RL -= np.minimum(0.5 * dear_RL**2, 6)
    old_RL = (ads.age_N[list_RL] - users.age_US[at][:, None]) / (1.5 + 0.25 * users.age_US[at][:, None])
    fit_RL -= np.minimum(0.3 * old_RL**2, 3)
    fit_RL -= np.minimum(_kilometres(users, ads, visits, list_RL), 4)
    return fit_RL


def _kilometres(users: Users, ads: Ads, visits: Visits, list_RL: Ints) -> Doubles:
    """Distance to each listed ad, in radii of the user."""
    user_R1 = visits.user_R[:, None]
    north_RL = 111.0 * (ads.latitude_N[list_RL] - users.latitude_U[user_R1])
    east_RL = 71.0 * (ads.longitude_N[list_RL] - users.longitude_U[user_R1])
    distance_RL: Doubles = np.hypot(north_RL, east_RL) / users.radius_U[user_R1]
    return distance_RL


def _standard(values: Doubles) -> Doubles:
    if not len(values):
        return values
    standard: Doubles = (values - values.mean()) / max(float(values.std()), 1e-9)
    return standard


def _first_looks(chosen: list[Choices]) -> Choices:
    """Keep the first choice of each user and ad: what comes after it is in `chains`."""
    names = [field.name for field in fields(Choices)]
    every = Choices(*(np.concatenate([getattr(choices, name) for choices in chosen]) for name in names))
    every = every.take(np.lexsort((every.time_P, every.item_P, every.user_P)))
    repeat_P = (np.diff(every.user_P) == 0) & (np.diff(every.item_P) == 0)
    return every.take(np.append(True, ~repeat_P)[: len(every.user_P)])
