"""The world of vehicles: kinds, subcategories, places, and the models that there are.

Cars are those of the real market (`car_facts`); all other kinds are invented, and their small tables are
below. Shapes: M models, G subcategories, B bands of age, F fuels, D width of the hidden character.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from dlrs.arrays import AnyArray, Doubles, Ints

FUELS = ("PETROL", "DIESEL", "LPG", "HYBRID", "ELECTRICITY")
PETROL, DIESEL, LPG, HYBRID, ELECTRICITY = range(len(FUELS))


class Kind(NamedTuple):
    """An invented category of vehicles."""

    category: str
    makes: int
    models: int
    yearly_km: float
    yearly_fade: float  # log loss of value a year
    diesel: float  # share; the rest runs on petrol
    power: float  # usual, kW; 0: no engine
    automatic: float  # share


class Subcategory(NamedTuple):
    """A body type within a category."""

    category: str
    name: str
    share: float  # of all ads, in percent; of cars only the sum counts
    price: float  # new, in €, of an average make; of cars their models tell
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


INVENTED = (
    Kind("Motorbike", 12, 90, 4_000, 0.09, 0.0, 55, 0.05),
    Kind("Motorhome", 8, 40, 9_000, 0.06, 0.97, 105, 0.2),
    Kind("Van", 8, 40, 21_000, 0.13, 0.93, 90, 0.15),
    Kind("Truck", 6, 30, 60_000, 0.14, 0.99, 300, 0.8),
    Kind("Trailer", 6, 24, 0, 0.06, 0.0, 0, 0.0),
)
CATEGORIES = ("Car", *(kind.category for kind in INVENTED))
CAR = 0

TWO, FOUR, SIX, NONE = "TWO_OR_THREE", "FOUR_OR_FIVE", "SIX_OR_SEVEN", ""
SUBCATEGORIES = (
    Subcategory("Car", "CityCar", 5.0, 12_500, 4, FOUR, 5.0),
    Subcategory("Car", "SmallCar", 6.5, 15_500, 5, FOUR, 5.4),
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
    """M models of vehicles, a car model once for each of its bodies."""

    make_M: AnyArray  # the marketplace's name of the make
    model_M: AnyArray  # the marketplace's name of the model; it begins with the make
    subcategory_M: Ints  # position in SUBCATEGORIES
    kind_M: Ints  # position in CATEGORIES
    share_BM: Doubles  # of the ads in a band of age; each kind's sum is its share of all
    price_M: Doubles  # new, in €
    power_M: Doubles  # usual, kW; 0: no engine
    power_spread_M: Doubles  # of the log power
    automatic_M: Doubles  # share
    fuel_MF: Doubles  # shares
    character_MD: Doubles
