"""The world of vehicles: kinds, subcategories, models, colours and places. All of it is invented.

Shapes: M models, G subcategories, D width of the hidden character. Which vehicles exist depends on
the seed; how many of a kind, what they cost and how they are used is in the small tables below.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from dlrs.arrays import Doubles, Ints

CHARACTER = 6
"""D: what makes a model likeable beyond its figures; tastes are directions in the same space."""


class Kind(NamedTuple):
    """A category of vehicles."""

    category: str
    makes: int
    models: int
    yearly_km: float
    yearly_fade: float  # log loss of value a year
    diesel: float  # share; the rest runs on petrol, with a few others


class Subcategory(NamedTuple):
    """A body type within a category."""

    category: str
    name: str
    share: float  # of all ads, in percent
    price: float  # new, in €, of an average make
    seats: int
    doors: str
    consumption: float  # l/100km


class Place(NamedTuple):
    """A town with its share of the ads."""

    country: str
    site: str
    latitude: float
    longitude: float
    share: float


KINDS = (
    Kind("Car", 26, 300, 14_000, 0.13, 0.45),
    Kind("Motorbike", 12, 90, 4_000, 0.09, 0.0),
    Kind("Motorhome", 8, 40, 9_000, 0.06, 0.97),
    Kind("Van", 8, 40, 21_000, 0.13, 0.93),
    Kind("Truck", 6, 30, 60_000, 0.14, 0.99),
    Kind("Trailer", 6, 24, 0, 0.06, 0.0),
)

TWO, FOUR, SIX, NONE = "TWO_OR_THREE", "FOUR_OR_FIVE", "SIX_OR_SEVEN", ""
SUBCATEGORIES = (
    Subcategory("Car", "SmallCar", 11.5, 15_500, 5, FOUR, 5.4),
    Subcategory("Car", "EstateCar", 11.5, 33_000, 5, FOUR, 6.3),
    Subcategory("Car", "Limousine", 9.5, 31_000, 5, FOUR, 6.6),
    Subcategory("Car", "CompactCar", 9.0, 22_000, 5, FOUR, 5.9),
    Subcategory("Car", "OffRoad", 8.0, 41_000, 5, FOUR, 8.6),
    Subcategory("Car", "CompactOffRoad", 6.0, 26_000, 5, FOUR, 6.8),
    Subcategory("Car", "FamilyVan", 5.5, 29_000, 7, SIX, 7.0),
    Subcategory("Car", "Minibus", 2.5, 42_000, 8, SIX, 8.6),
    Subcategory("Car", "Cabrio", 4.5, 37_000, 4, TWO, 7.9),
    Subcategory("Car", "SportsCar", 4.0, 62_000, 4, TWO, 10.4),
    Subcategory("Car", "LuxuryCar", 2.0, 92_000, 5, FOUR, 10.8),
    Subcategory("Car", "PickUp", 1.5, 34_000, 5, FOUR, 9.2),
    Subcategory("Car", "OtherCar", 0.8, 21_000, 4, TWO, 7.0),
    Subcategory("Motorbike", "NakedBike", 2.6, 9_000, 2, NONE, 4.6),
    Subcategory("Motorbike", "Chopper", 2.0, 13_500, 2, NONE, 5.2),
    Subcategory("Motorbike", "Tourer", 1.8, 15_500, 2, NONE, 5.3),
    Subcategory("Motorbike", "Enduro", 1.6, 11_500, 2, NONE, 4.9),
    Subcategory("Motorbike", "SuperSports", 1.5, 14_500, 2, NONE, 5.9),
    Subcategory("Motorbike", "Scooter", 1.5, 3_900, 2, NONE, 3.2),
    Subcategory("Motorbike", "LightBike", 0.8, 4_200, 2, NONE, 2.6),
    Subcategory("Motorbike", "Quad", 0.5, 8_200, 2, NONE, 6.8),
    Subcategory("Motorbike", "Sidecar", 0.2, 17_000, 3, NONE, 6.5),
    Subcategory("Motorhome", "SemiIntegrated", 1.2, 61_000, 4, TWO, 10.4),
    Subcategory("Motorhome", "Integrated", 0.7, 89_000, 4, TWO, 11.6),
    Subcategory("Motorhome", "Alcove", 0.7, 52_000, 6, TWO, 11.2),
    Subcategory("Motorhome", "CamperVan", 0.9, 54_000, 4, FOUR, 8.4),
    Subcategory("Motorhome", "Caravan", 0.8, 19_000, 4, NONE, 0.0),
    Subcategory("Van", "BoxVan", 1.6, 29_000, 3, FOUR, 8.3),
    Subcategory("Van", "HighBoxVan", 1.0, 34_000, 3, FOUR, 9.1),
    Subcategory("Van", "Flatbed", 0.6, 33_000, 3, TWO, 9.6),
    Subcategory("Van", "Tipper", 0.4, 38_000, 3, TWO, 10.2),
    Subcategory("Van", "Refrigerated", 0.3, 43_000, 3, TWO, 10.0),
    Subcategory("Van", "CrewVan", 0.5, 35_000, 6, FOUR, 8.8),
    Subcategory("Truck", "SemiTractor", 0.8, 96_000, 2, TWO, 18.0),
    Subcategory("Truck", "TipperTruck", 0.4, 88_000, 2, TWO, 18.0),
    Subcategory("Truck", "BoxTruck", 0.4, 68_000, 3, TWO, 16.5),
    Subcategory("Truck", "CraneTruck", 0.2, 118_000, 2, TWO, 18.0),
    Subcategory("Truck", "SwapBody", 0.2, 84_000, 2, TWO, 17.5),
    Subcategory("Trailer", "CarTrailer", 0.4, 3_300, 0, NONE, 0.0),
    Subcategory("Trailer", "BoatTrailer", 0.2, 2_600, 0, NONE, 0.0),
    Subcategory("Trailer", "HorseTrailer", 0.2, 7_200, 0, NONE, 0.0),
    Subcategory("Trailer", "TiltTrailer", 0.3, 23_000, 0, NONE, 0.0),
)

PLACES = (
    Place("DE", "GERMANY", 52.52, 13.40, 6.5),
    Place("DE", "GERMANY", 53.55, 10.00, 6.0),
    Place("DE", "GERMANY", 48.14, 11.58, 7.5),
    Place("DE", "GERMANY", 50.94, 6.96, 8.0),
    Place("DE", "GERMANY", 51.51, 7.47, 9.0),
    Place("DE", "GERMANY", 50.11, 8.68, 7.5),
    Place("DE", "GERMANY", 48.78, 9.18, 8.0),
    Place("DE", "GERMANY", 49.45, 11.08, 5.0),
    Place("DE", "GERMANY", 51.34, 12.37, 4.0),
    Place("DE", "GERMANY", 51.05, 13.74, 3.0),
    Place("DE", "GERMANY", 52.37, 9.73, 5.5),
    Place("DE", "GERMANY", 53.08, 8.80, 4.0),
    Place("DE", "GERMANY", 54.32, 10.14, 2.0),
    Place("DE", "GERMANY", 49.01, 8.40, 4.0),
    Place("DE", "GERMANY", 51.31, 9.50, 3.0),
    Place("DE", "GERMANY", 50.98, 11.03, 2.0),
    Place("AT", "AUSTRIA", 48.21, 16.37, 2.0),
    Place("AT", "AUSTRIA", 47.27, 11.39, 0.8),
    Place("CH", "SWITZERLAND", 47.38, 8.54, 0.6),
    Place("IT", "ITALY", 45.46, 9.19, 3.0),
    Place("IT", "ITALY", 41.90, 12.50, 1.5),
    Place("FR", "FRANCE", 48.86, 2.35, 1.5),
    Place("FR", "FRANCE", 45.76, 4.84, 0.6),
    Place("NL", "GERMANY", 52.37, 4.90, 1.2),
    Place("BE", "GERMANY", 50.85, 4.35, 0.8),
    Place("PL", "POLAND", 52.23, 21.01, 1.5),
    Place("PL", "POLAND", 51.11, 17.04, 0.7),
    Place("CZ", "GERMANY", 50.08, 14.44, 0.8),
)


@dataclass(frozen=True)
class World:
    """M models of vehicles. The tables of this file are its subcategories and places."""

    make_M: Ints  # the marketplace's id of the make
    model_M: Ints  # the marketplace's id of the model
    subcategory_M: Ints  # position in SUBCATEGORIES
    kind_M: Ints  # position in KINDS
    share_M: Doubles  # of all ads; sums to 1
    price_M: Doubles  # new, in €
    diesel_M: Doubles  # share of diesel
    character_MD: Doubles


def invent(rng: np.random.Generator) -> World:
    """Draw makes and models: a few of each are common and most are rare, as in reality."""
    kind_M = np.repeat(np.arange(len(KINDS)), [kind.models for kind in KINDS])
    subcategory_M = np.concatenate([_subcategories(kind, rng) for kind in KINDS])
    make_M, makes = _makes(rng)
    level = np.exp(rng.normal(0, 0.28, makes))
    character = rng.normal(0, 0.7, (makes, CHARACTER))
    base_M = np.array([s.price for s in SUBCATEGORIES])[subcategory_M]
    diesel_M = np.array([kind.diesel for kind in KINDS])[kind_M]
    return World(
        make_M=rng.permutation(400)[make_M] * 100 + 100,
        model_M=rng.permutation(5 * len(kind_M))[: len(kind_M)] + 1,
        subcategory_M=subcategory_M,
        kind_M=kind_M,
        share_M=_shares(subcategory_M, rng),
        price_M=base_M * level[make_M] * np.exp(rng.normal(0, 0.15, len(kind_M))),
        diesel_M=np.clip(diesel_M + (base_M - 28_000) / 80_000 * (diesel_M > 0), 0, 0.99),
        character_MD=character[make_M] + rng.normal(0, 0.7, (len(kind_M), CHARACTER)),
    )


def _subcategories(kind: Kind, rng: np.random.Generator) -> Ints:
    """Give each subcategory of a kind one model, and the rest by share."""
    own = np.array([g for g, s in enumerate(SUBCATEGORIES) if s.category == kind.category])
    weights = np.sqrt([SUBCATEGORIES[g].share for g in own])
    rest = rng.choice(own, kind.models - len(own), p=weights / weights.sum())
    return np.concatenate([own, rest])


def _makes(rng: np.random.Generator) -> tuple[Ints, int]:
    """Return the make of each model, numbered over all kinds, and how many makes there are."""
    made, makes = [], 0
    for kind in KINDS:
        weights = 1 / np.arange(2, kind.makes + 2)
        made.append(makes + rng.choice(kind.makes, kind.models, p=weights / weights.sum()))
        makes += kind.makes
    return np.concatenate(made), makes


def _shares(subcategory_M: Ints, rng: np.random.Generator) -> Doubles:
    """Spread the share of each subcategory over its models, heavy-tailed."""
    weights_M = np.exp(rng.normal(0, 1.1, len(subcategory_M)))
    totals_G = np.bincount(subcategory_M, weights_M, minlength=len(SUBCATEGORIES))
    shares_G = np.array([s.share for s in SUBCATEGORIES])
    share_M: Doubles = weights_M * (shares_G / totals_G / shares_G.sum())[subcategory_M]
    return share_M
