"""Ad words: what tables of ads call fuels, gears and bodies, in English and German; in small letters."""

from __future__ import annotations

from dlrs.simulator.builds import AUTOMATIC, MANUAL, SEMIAUTOMATIC
from dlrs.simulator.vehicles import CAR, CATEGORIES, DIESEL, ELECTRICITY, HYBRID, LPG, PETROL, SUBCATEGORIES

FUEL_WORDS = {
    "petrol": PETROL, "gasoline": PETROL, "benzin": PETROL, "gas": PETROL, "diesel": DIESEL, "lpg": LPG,
    "cng": LPG, "hybrid": HYBRID, "electric/gasoline": HYBRID, "electric/diesel": HYBRID,
    "electric": ELECTRICITY, "electricity": ELECTRICITY, "elektro": ELECTRICITY, "hydrogen": ELECTRICITY,
}  # fmt: skip
GEAR_WORDS = {
    "manual": MANUAL, "manual_gear": MANUAL, "manuell": MANUAL, "schaltgetriebe": MANUAL,
    "automatic": AUTOMATIC, "automatic_gear": AUTOMATIC, "automatik": AUTOMATIC,
    "semi-automatic": SEMIAUTOMATIC, "semi-auto": SEMIAUTOMATIC, "semiautomatic_gear": SEMIAUTOMATIC,
}  # fmt: skip
_BODY_WORDS = {
    "sedan": "Limousine", "saloon": "Limousine", "suv": "OffRoad", "hatchback": "CompactCar",
    "wagon": "EstateCar", "estate": "EstateCar", "kombi": "EstateCar", "coupe": "SportsCar",
    "convertible": "Cabrio", "mini-van": "FamilyVan", "van": "FamilyVan", "pickup": "PickUp",
    "truck": "PickUp", "bus": "Minibus",
}  # fmt: skip

_BODIES = {s.name: row for row, s in enumerate(SUBCATEGORIES) if s.category == CATEGORIES[CAR]}
BODY_WORDS = {name.lower(): row for name, row in _BODIES.items()} | {
    word: _BODIES[name] for word, name in _BODY_WORDS.items()
}
"""Word → position in SUBCATEGORIES."""
