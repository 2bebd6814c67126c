"""Models: which vehicles there are.

Cars are the real market's; the seed varies all others, and all characters. Shapes as in `vehicles`.
"""

from __future__ import annotations

from dataclasses import fields

import numpy as np

from dlrs.arrays import Doubles, Ints
from dlrs.simulator.car_facts import Cars, car_facts
from dlrs.simulator.vehicles import CAR, CATEGORIES, FUELS, INVENTED, SUBCATEGORIES, Kind, World

CHARACTER = 6
"""D: what makes a model likeable beyond its figures; tastes are directions in the same space."""

BANDS = "share_BM"  # the only field whose models are in the second dimension


def draw_world(rng: np.random.Generator) -> World:
    """Take the real cars and invent the rest: a few of each kind are common and most are rare."""
    facts = car_facts()
    kinds = [_real(facts.cars, rng)]
    kinds += [_invented(kind, len(facts.bands) + 1, rng) for kind in INVENTED]
    joined = {
        field.name: np.concatenate(
            [getattr(kind, field.name) for kind in kinds], axis=1 if field.name == BANDS else 0
        )
        for field in fields(World)
    }
    return World(**joined)


def _real(cars: Cars, rng: np.random.Generator) -> World:
    rows = {s.name: row for row, s in enumerate(SUBCATEGORIES)}
    return World(
        make_M=cars.make_M,
        model_M=cars.model_M,
        subcategory_M=np.array([rows[body] for body in cars.body_M]),
        kind_M=np.full(len(cars.make_M), CAR),
        share_BM=cars.share_BM * _share_of(CATEGORIES[CAR]),
        price_M=cars.price_M,
        power_M=cars.power_M,
        power_spread_M=cars.power_spread_M,
        automatic_M=cars.automatic_M,
        fuel_MF=cars.fuel_MF,
        character_MD=characters(np.unique(cars.make_M, return_inverse=True)[1], rng),
    )


def _invented(kind: Kind, bands: int, rng: np.random.Generator) -> World:
    subcategory_M = _subcategories(kind, rng)
    weights = 1 / np.arange(2, kind.makes + 2)
    make_M = rng.choice(kind.makes, kind.models, p=weights / weights.sum())
    level = np.exp(rng.normal(0, 0.28, kind.makes))
    base_M = np.array([s.price for s in SUBCATEGORIES])[subcategory_M]
    diesel_M = np.clip(kind.diesel + (base_M - 28_000) / 80_000 * (kind.diesel > 0), 0, 0.99)
    make_names = np.array([f"{kind.category} {chr(65 + letter)}" for letter in rng.permutation(kind.makes)])
    numbers_M = rng.permutation(kind.models) + 1
    fuel_MF = np.zeros((kind.models, len(FUELS)))
    fuel_MF[:, 0], fuel_MF[:, 1] = 1 - diesel_M, diesel_M
    return World(
        make_M=make_names[make_M],
        model_M=np.strings.add(make_names[make_M], [f" {number}" for number in numbers_M]),
        subcategory_M=subcategory_M,
        kind_M=np.full(kind.models, CATEGORIES.index(kind.category)),
        share_BM=np.tile(_shares(subcategory_M, rng), (bands, 1)),
        price_M=base_M * level[make_M] * np.exp(rng.normal(0, 0.15, kind.models)),
        power_M=np.full(kind.models, kind.power) * np.exp(rng.normal(0, 0.3, kind.models)),
        power_spread_M=np.full(kind.models, 0.1),
        automatic_M=np.full(kind.models, kind.automatic),
        fuel_MF=fuel_MF,
        character_MD=characters(make_M, rng),
    )


def characters(make_M: Ints, rng: np.random.Generator) -> Doubles:
    """Draw the character of each model; half of it is its make's."""
    of_makes = rng.normal(0, 0.7, (make_M.max() + 1, CHARACTER))
    character_MD: Doubles = of_makes[make_M] + rng.normal(0, 0.7, (len(make_M), CHARACTER))
    return character_MD


def _subcategories(kind: Kind, rng: np.random.Generator) -> Ints:
    """Give each subcategory of a kind one model, and the rest by share."""
    own = np.array([g for g, s in enumerate(SUBCATEGORIES) if s.category == kind.category])
    weights = np.sqrt([SUBCATEGORIES[g].share for g in own])
    rest = rng.choice(own, kind.models - len(own), p=weights / weights.sum())
    return np.concatenate([own, rest])


def _shares(subcategory_M: Ints, rng: np.random.Generator) -> Doubles:
    """Spread the share of each subcategory over its models, heavy-tailed."""
    weights_M = np.exp(rng.normal(0, 1.1, len(subcategory_M)))
    totals_G = np.bincount(subcategory_M, weights_M, minlength=len(SUBCATEGORIES))
    shares_G = np.array([s.share for s in SUBCATEGORIES])
    share_M: Doubles = weights_M / totals_G[subcategory_M] * shares_G[subcategory_M] / shares_G.sum()
    return share_M


def _share_of(category: str) -> float:
    own = sum(s.share for s in SUBCATEGORIES if s.category == category)
    return own / sum(s.share for s in SUBCATEGORIES)
