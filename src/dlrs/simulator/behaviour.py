"""Behaviour: what a visit makes of the ads it sees. It opens those that it likes best of what
its user has not seen before.

Utility = taste (how well the ad fits) + pull + place on the list + chance.

Shapes: U users, N ads, R visits of a day, L places of a list, D width of the hidden character, P chosen
pairs of a visit and an ad.
"""

from __future__ import annotations

import numpy as np

from dlrs.arrays import AnyArray, Bools, Columns, Floats, Ints
from dlrs.simulator.choices import Choices
from dlrs.simulator.offers import (
    AGE,
    BORN,
    CHARACTER,
    DIED,
    LATITUDE,
    LONGITUDE,
    MODEL,
    PRICE,
    PULL,
    SUBCATEGORY,
    Offer,
)
from dlrs.simulator.seen import Seen
from dlrs.simulator.settings import DAY
from dlrs.simulator.users import Users
from dlrs.simulator.visits import Tastes, Visits
from dlrs.simulator.wants import Wants

VISIT_SECONDS = 90  # from one ad to the next
TASTE, PULLED, POSITION = (
    np.float32(1.3),
    np.float32(0.6),
    np.float32(0.25),
)  # weights beside Gumbel noise (1)
BY_DATE = 0.5  # share of the visits that see the newest ads first; the others see the most popular ones first
BLOCK = 1024  # visits that are worked on at once: their lists should fit into the processor's cache


def draw_choices(
    offer: Offer, visits: Visits, users: Users, tastes: Tastes, seen: Seen, rng: np.random.Generator
) -> Choices:
    """Let each visit open the ads with the highest utility of its list: Gumbel top-k.

    Each block of visits has a random stream of its own.
    """
    starts = range(0, max(len(visits), 1), BLOCK)
    blocks = zip(starts, rng.spawn(len(starts)), strict=True)
    return Choices.joined(
        [_choices(offer, visits.take(slice(at, at + BLOCK)), users, tastes, seen, own) for at, own in blocks]
    )


def _choices(
    offer: Offer, visits: Visits, users: Users, tastes: Tastes, seen: Seen, rng: np.random.Generator
) -> Choices:
    wants = Wants.of(visits, users, tastes)
    list_RL, real_RL = offer.searches.lists(wants, rng)
    row_RLT = offer.table[list_RL]
    second_R = (visits.time_R % DAY).astype(np.float32)
    real_RL &= on_sale(row_RLT, second_R[:, None]) & ~seen.on_lists(visits.user_R, list_RL)
    fit_RL = fit(wants, row_RLT)
    pull_RL = row_RLT[..., PULL]
    place_RL = _places(list_RL, real_RL, pull_RL, rng)
    utility_RL = TASTE * fit_RL + PULLED * pull_RL - POSITION * np.log1p(place_RL) + gumbel(fit_RL.shape, rng)
    visit_P, place_P = best(np.where(real_RL, utility_RL, -np.inf), visits.length_R)
    item_P = list_RL[visit_P, place_P].astype(np.int64)
    pause_P = pauses(visits.length_R[visit_P], rng)
    choices = Choices(
        visits.user_R[visit_P], item_P, visits.time_R[visit_P] + pause_P, fit_RL[visit_P, place_P]
    )
    return choices.take(on_sale(row_RLT[visit_P, place_P], second_R[visit_P] + pause_P))


def gumbel(shape: tuple[int, ...], rng: np.random.Generator) -> Floats:
    """Draw from the standard Gumbel distribution."""
    exponential = rng.standard_exponential(shape, dtype=np.float32)
    noise: Floats = -np.log(np.maximum(exponential, np.float32(1e-30)))
    return noise


def _places(list_RL: Columns, real_RL: Bools, pull_RL: Floats, rng: np.random.Generator) -> Floats:
    """Where each ad stands on the page: half of the visits sort by date, half by popularity."""
    by_date_R = rng.random(len(list_RL)) < BY_DATE
    key_RL = np.where(by_date_R[:, None], list_RL.astype(np.float32), pull_RL)
    order_RL = np.argsort(np.where(real_RL, -key_RL, np.inf), axis=1)
    place_RL = np.empty(list_RL.shape, dtype=np.float32)
    np.put_along_axis(place_RL, order_RL, np.arange(list_RL.shape[1], dtype=np.float32)[None], axis=1)
    return place_RL


def best(utility_RL: Floats, length_R: Ints) -> tuple[Ints, Ints]:
    """Return visit and place of the `length_R` highest utilities of each visit; −inf is never chosen."""
    ascending_RL = np.sort(utility_RL, axis=1)
    last_R = np.maximum(utility_RL.shape[1] - length_R, 0)
    least_R = ascending_RL[np.arange(len(length_R)), last_R]
    visit_P, place_P = np.nonzero((utility_RL >= least_R[:, None]) & np.isfinite(utility_RL))
    return visit_P, place_P


def pauses(length_P: Ints, rng: np.random.Generator) -> Ints:
    """Seconds from the beginning of the visit: ads are opened in no order."""
    return np.floor(rng.random(len(length_P)) * VISIT_SECONDS * length_P).astype(np.int64)


def on_sale(row_LT: Floats, second: Floats) -> Bools:
    """Tell for rows of the day's table whether the ad is there at a second of the day."""
    alive: Bools = (row_LT[..., BORN] <= second) & (second < row_LT[..., DIED])
    return alive


def fit(wants: Wants, row_RLT: Floats) -> Floats:
    """How well each listed ad fits its visit: body, model, character, price, age, distance. (R, L)."""
    fit_RL: AnyArray = np.float32(1.5) * (row_RLT[..., SUBCATEGORY] == wants.subcategory_R[:, None])
    fit_RL += np.float32(0.8) * (row_RLT[..., MODEL] == wants.model_R[:, None])
    fit_RL += np.float32(0.4) * (row_RLT[..., CHARACTER:] @ wants.character_RD[:, :, None])[..., 0]
    dear_RL = (row_RLT[..., PRICE] - wants.price_R[:, None]) / wants.tolerance_R[:, None]
    fit_RL -= np.minimum(np.float32(0.5) * dear_RL**2, np.float32(6))
    slack_R = np.float32(1.5) + np.float32(0.25) * wants.age_R
    old_RL = (row_RLT[..., AGE] - wants.age_R[:, None]) / slack_R[:, None]
    fit_RL -= np.minimum(np.float32(0.3) * old_RL**2, np.float32(3))
    fit_RL -= np.minimum(_radii(wants, row_RLT), np.float32(4))
    return fit_RL


def _radii(wants: Wants, row_RLT: Floats) -> Floats:
    """Distance to each listed ad, in radii of the user."""
    north_RL = np.float32(111) * (row_RLT[..., LATITUDE] - wants.latitude_R[:, None])
    east_RL = np.float32(71) * (row_RLT[..., LONGITUDE] - wants.longitude_R[:, None])
    distance_RL: AnyArray = np.sqrt(north_RL**2 + east_RL**2) / wants.radius_R[:, None]
    return distance_RL
