"""Users: a few tastes each, a home, and how much they look around. Dealers and guests are among them.

A dealer looks at hundreds of ads, far and wide. A guest is somebody whom the marketplace does not know
again: an id that comes once or twice, before anything about it could be learnt. Guests have the last rows.

Shapes: U users (guests, too), S tastes of a user (3), A archetypes, D width of the hidden character. A taste
starts from an archetype, so many users share tastes (what collaborative filtering finds), and an
archetype starts from a real ad, so tastes agree with features (what content models find).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from dlrs.arrays import Doubles, Ints
from dlrs.simulator.ads import Ads
from dlrs.simulator.settings import Simulation
from dlrs.simulator.vehicles import PLACES

TASTES = 3
VARIETY, FEWEST_ALIKE = 14.0, 5  # archetypes: 14 · √users, but one for each five users at most
PRIVATE, DEALER, GUEST = range(3)
MEDIAN_PAIRS, SPREAD_PAIRS = 45.0, 0.8  # lognormal; what comes of it: mean 65, median 30 (method §7)
DEALERS = 0.002  # share of the users
DEALER_PAIRS, DEALER_SPREAD, MOST_PAIRS = 1200.0, 0.6, 3500.0
FEWEST_VISITS, VISITS, VISITS_POWER = 3.0, 0.25, 0.75  # in 28 days: 3 + 0.25 · pairs^0.75
GUEST_OPENS = 2.5  # ads of a visit
RETURN, RETURN_DAYS = 0.35, 4  # share of the guests that come again, and within how many days


@dataclass(frozen=True)
class Users:
    """U users as they are at the start."""

    weight_US: Doubles  # log weight of each taste
    model_US: Ints  # favourite model
    subcategory_US: Ints
    price_US: Doubles  # log € in the middle of the price band
    tolerance_US: Doubles  # half width of the price band, log €
    age_US: Doubles  # years
    character_USD: Doubles  # direction of the hidden taste
    latitude_U: Doubles
    longitude_U: Doubles
    radius_U: Doubles  # km that a user readily travels
    kind_U: Ints  # PRIVATE, DEALER or GUEST
    monthly_U: Doubles  # visits in 28 days, on average; a guest's are at `comes_U2`
    opens_U: Doubles  # ads that he means to open on each visit; some he knows already
    comes_U2: Ints  # days on which a guest comes; −1 for none


def draw_users(ads: Ads, settings: Simulation, rng: np.random.Generator) -> Users:
    """Draw users whose tastes lie among the ads."""
    count = settings.users + settings.guests
    kind_U = _kinds(settings, rng)
    dealer_U = kind_U == DEALER
    monthly_U, opens_U = _activity(kind_U, rng)
    archetypes = int(max(8, min(count / FEWEST_ALIKE, VARIETY * np.sqrt(count))))
    anchor_A = rng.choice(len(ads.born_N), archetypes)
    anchor_US = anchor_A[_archetypes(anchor_A, ads, count, rng)]
    shape = anchor_US.shape
    place_U = _homes(count, rng)
    character_USD = ads.character_ND[anchor_US] + rng.normal(0, 0.35, (*shape, ads.character_ND.shape[1]))
    return Users(
        weight_US=np.array([1.2, 0.4, -0.4]) + rng.normal(0, 0.6, shape),
        model_US=ads.model_N[anchor_US],
        subcategory_US=ads.subcategory_N[anchor_US],
        price_US=np.log(ads.price_N[anchor_US]) + rng.normal(0, 0.2, shape),
        tolerance_US=np.exp(rng.normal(np.log(0.3), 0.3, shape)) * np.where(dealer_U, 2, 1)[:, None],
        age_US=np.maximum(ads.age_N[anchor_US] + rng.normal(0, 1, shape), 0),
        character_USD=character_USD,
        latitude_U=np.array([place.latitude for place in PLACES])[place_U] + rng.normal(0, 0.2, count),
        longitude_U=np.array([place.longitude for place in PLACES])[place_U] + rng.normal(0, 0.3, count),
        radius_U=np.exp(rng.normal(np.log(180), 0.5, count)) * np.where(dealer_U, 3, 1),
        kind_U=kind_U,
        monthly_U=monthly_U,
        opens_U=opens_U,
        comes_U2=_comings(kind_U, settings.days, rng),
    )


def _kinds(settings: Simulation, rng: np.random.Generator) -> Ints:
    kind_U = np.full(settings.users + settings.guests, GUEST)
    kind_U[: settings.users] = np.where(rng.random(settings.users) < DEALERS, DEALER, PRIVATE)
    return kind_U


def _activity(kind_U: Ints, rng: np.random.Generator) -> tuple[Doubles, Doubles]:
    """Return visits a month and ads a visit: who looks at more ads comes more often and stays longer."""
    private_U = np.exp(rng.normal(np.log(MEDIAN_PAIRS), SPREAD_PAIRS, len(kind_U)))
    dealer_U = np.exp(rng.normal(np.log(DEALER_PAIRS), DEALER_SPREAD, len(kind_U)))
    pairs_U = np.minimum(np.where(kind_U == DEALER, dealer_U, private_U), MOST_PAIRS)
    monthly_U = FEWEST_VISITS + VISITS * pairs_U**VISITS_POWER
    guest_U = kind_U == GUEST
    return np.where(guest_U, 0, monthly_U), np.where(guest_U, GUEST_OPENS, pairs_U / monthly_U)


def _comings(kind_U: Ints, days: int, rng: np.random.Generator) -> Ints:
    """Draw the days on which guests come: one, or two of the same few days."""
    first_U = rng.integers(0, days, len(kind_U))
    again_U = first_U + rng.integers(1, RETURN_DAYS, len(kind_U))
    comes_U2 = np.column_stack([first_U, np.where(rng.random(len(kind_U)) < RETURN, again_U, -1)])
    comes_U2[kind_U != GUEST] = -1
    return comes_U2


def _archetypes(anchor_A: Ints, ads: Ads, count: int, rng: np.random.Generator) -> Ints:
    """Return the archetype of each taste: the first by popularity, the others often its companions."""
    archetypes = len(anchor_A)
    popularity_A = 1 / np.arange(3, archetypes + 3) ** 0.7
    p_A = popularity_A / popularity_A.sum()
    main_U = rng.choice(archetypes, count, p=p_A)
    companion_A = _companions(anchor_A, ads, rng)
    other_UO = rng.choice(archetypes, (count, TASTES - 1), p=p_A)
    faithful_UO = rng.random((count, TASTES - 1)) < 0.6
    return np.column_stack([main_U, np.where(faithful_UO, companion_A[main_U], other_UO)])


def _companions(anchor_A: Ints, ads: Ads, rng: np.random.Generator) -> Ints:
    """Return for each archetype two others, of similar price and character, in whatever category."""
    price_A = np.log(ads.price_N[anchor_A]).astype(np.float32)
    character_AD = ads.character_ND[anchor_A].astype(np.float32)
    unlike_AA = np.abs(price_A[:, None] - price_A) - np.float32(0.3) * character_AD @ character_AD.T
    unlike_AA += np.float32(0.3) * rng.standard_normal(unlike_AA.shape, dtype=np.float32)
    np.fill_diagonal(unlike_AA, np.inf)
    return np.argpartition(unlike_AA, TASTES - 2, axis=1)[:, : TASTES - 1]


def _homes(count: int, rng: np.random.Generator) -> Ints:
    shares = np.array([place.share for place in PLACES])
    return rng.choice(len(PLACES), count, p=shares / shares.sum())
