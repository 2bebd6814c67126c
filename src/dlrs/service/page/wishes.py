"""Wishes: the filter panel, from a recipe's features to fields and from fields to filters."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from dlrs.candidates.filtering.filters import AnyOf, Between, Filter, NoneOf, Within, parse_filters
from dlrs.errors import RequestError
from dlrs.features.encoding import Encoding
from dlrs.service.page.cards import PLACES

FEW = 40
"""Values of a feature that a list to choose from may have."""


@dataclass(frozen=True)
class Field:
    """A feature that can be filtered by: a range, or some values."""

    name: str
    values: tuple[str, ...] = ()  # none: a range of numbers
    low: str = ""
    high: str = ""
    chosen: str = ""


def fields(encoding: Encoding, given: Mapping[str, str]) -> list[Field]:
    """Return the fields of a marketplace, filled with what was given."""
    features = encoding.items.features
    numbers = [n for n, f in features.continuous.items() if f.kind == "number" and n not in PLACES]
    found = [
        Field(n, low=given.get(f"{n}.min", ""), high=given.get(f"{n}.max", ""))
        for n in sorted(numbers, key=lambda name: "price" not in name.lower())
    ]
    for name in (*features.single_valued, *features.multi_valued):
        values = tuple(encoding.vocabularies[name].to_pylist())
        if 1 < len(values) <= FEW:
            found.append(Field(name, values, chosen=given.get(name, "")))
    return found


def has_places(encoding: Encoding) -> bool:
    """Tell whether items have a place to be near to."""
    return all(name in encoding.items.features.continuous for name in PLACES)


def filters(given: Mapping[str, str], encoding: Encoding) -> tuple[Filter, ...]:
    """Return the filters that were filled in; empty fields ask for nothing.

    Raises:
        RequestError: a number is none, or a range is upside down.
    """
    wanted: list[dict[str, Any]] = []
    for field in fields(encoding, given):
        if field.values and field.chosen:
            wanted.append({"feature": field.name, "any_of": [field.chosen]})
        ends = {
            key: number(text, field.name) for key, text in (("min", field.low), ("max", field.high)) if text
        }
        if ends:
            wanted.append({"feature": field.name, **ends})
    around = {key: given.get(key, "").strip() for key in ("km", *PLACES)}
    if any(around.values()):
        km, latitude, longitude = (number(around[key], key) for key in ("km", *PLACES))
        wanted.append({"within_km": km, "latitude": latitude, "longitude": longitude})
    return parse_filters(wanted)


def number(text: str, name: str) -> float:
    """Read a number as people write it. RequestError if it is none."""
    try:
        return float(text.replace(",", "").replace(" ", ""))
    except ValueError:
        raise RequestError(f"{name}: expected a number like 15000, received '{text}'.") from None


def in_words(wanted: Filter) -> str:
    """Say what a filter asks for."""
    match wanted:
        case Between(feature=feature, min=low, max=high):
            ends = [
                f"≥ {_plain(low)}" if low is not None else "",
                f"≤ {_plain(high)}" if high is not None else "",
            ]
            return f"{feature} {' and '.join(filter(None, ends))}"
        case AnyOf(feature=feature, any_of=values):
            return f"{feature}: {' or '.join(values)}"
        case NoneOf(feature=feature, none_of=values):
            return f"never {feature} {' or '.join(values)}"
        case Within(within_km=km, latitude=latitude, longitude=longitude):
            return f"within {_plain(km)} km of {latitude:.2f}°, {longitude:.2f}°"


def never(given: Mapping[str, str], before: Sequence[Filter]) -> list[Filter]:
    """Return a user's overrides with one more: `never` names a feature and a value, `at_most` a number.

    Raises:
        RequestError: it names none.
    """
    wanted: dict[str, Any]
    feature, _, value = given.get("never", "").partition("=")
    if value:
        wanted = {"feature": feature, "none_of": [value]}
    elif given.get("at_most", "").strip() and given.get("of"):
        wanted = {"feature": given["of"], "max": number(given["at_most"], given["of"])}
    else:
        raise RequestError("overrides: expected a value never to be shown, or a limit, received neither.")
    [one] = parse_filters([wanted])
    return [*(other for other in before if other != one), one]


def _plain(end: object) -> str:
    return f"{end:,.10g}" if isinstance(end, float) else str(end)
