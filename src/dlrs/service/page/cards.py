"""Cards: what is shown of an item, whatever the marketplace.

The title is the most telling discrete feature, the one with most values; the price is the number called so,
or the first one. A drawing stands where a marketplace has a photo.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass

from dlrs.features.encoding import Encoding
from dlrs.features.words import item_in_words
from dlrs.schema import Features
from dlrs.service.seams import Raw

PLACES = ("latitude", "longitude")
MISSING = "–"

PAINTS = {
    "BLACK": "#2b2d31", "GREY": "#7d838c", "GRAY": "#7d838c", "SILVER": "#b9bec6", "WHITE": "#e9e7e1",
    "RED": "#b4372f", "BLUE": "#2f5d9f", "GREEN": "#3d7a4f", "YELLOW": "#d9b02f", "ORANGE": "#d07a2d",
    "BROWN": "#7a5a3f", "BEIGE": "#cdbb98", "GOLD": "#b8974a", "VIOLET": "#71508f", "PURPLE": "#71508f",
}  # fmt: skip
"""Colours by the names that marketplaces of vehicles have for them."""


@dataclass(frozen=True)
class Card:
    """An item in words."""

    id: str
    title: str
    price: str | None
    facts: Mapping[str, str]  # feature -> value: numbers, then what tells most; what is missing left out
    place: str | None
    paint: str  # of the drawing
    is_car: bool


def card(id: str, raw: Raw, encoding: Encoding) -> Card:
    """Return what is shown of an item."""
    features = encoding.items.features
    words = item_in_words({name: raw.get(name) for name in features.names}, features)
    title_name, price_name = title_feature(encoding), price_feature(features)
    title = words.get(title_name, MISSING) if title_name else MISSING
    place = None
    if all(isinstance(raw.get(name), float) for name in PLACES):
        place = f"{raw['latitude']:.2f}°, {raw['longitude']:.2f}°"
    hidden = {title_name, price_name, *PLACES}
    sizes = {name: len(values) for name, values in encoding.vocabularies.items()}
    telling = sorted(features.discrete, key=lambda name: -sizes[name])
    names = [*features.continuous, *(name for name in telling if sizes[name] > 1)]
    return Card(
        id=id,
        title=id if title == MISSING else title,
        price=None if price_name is None or words[price_name] == MISSING else words[price_name],
        facts={name: words[name] for name in names if name not in hidden and words[name] != MISSING},
        place=place,
        paint=paint(id, raw),
        is_car="Car" in raw.values(),
    )


def title_feature(encoding: Encoding) -> str | None:
    """Return the free text that there is, or else the single-valued feature with most values."""
    features = encoding.items.features
    if features.text:
        return next(iter(features.text))
    sizes = {name: len(encoding.vocabularies[name]) for name in features.categorical}
    return max(sizes, key=sizes.__getitem__, default=None)


def price_feature(features: Features) -> str | None:
    """Return the number that an item costs, or else the first number."""
    numbers = [name for name, feature in features.continuous.items() if feature.kind == "number"]
    priced = [name for name in numbers if "price" in name.lower()]
    others = [name for name in numbers if name not in PLACES]
    return next(iter([*priced, *others]), None)


def paint(id: str, raw: Raw) -> str:
    """Return the item's own colour where it has one, else one that its id always gets."""
    for name in ("color", "colour"):
        if isinstance(named := raw.get(name), str) and named.upper() in PAINTS:
            return PAINTS[named.upper()]
    return f"hsl({hashlib.sha256(id.encode()).digest()[0] * 360 // 256} 35% 45%)"
