"""Kinds: which features can be filtered by, and how; filters that do not fit are refused."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from typing import Literal, assert_never

from dlrs.candidates.filtering.filters import AnyOf, Between, Filter, NoneOf, Within
from dlrs.errors import RequestError
from dlrs.schema import ITEM, Features

Kind = Literal["number", "time", "value", "values"]
Kinds = Mapping[str, Kind]
"""Features by name: one number, one time (seconds since 1970), at most one text, several texts."""


def kinds_of(features: Features) -> dict[str, Kind]:
    """Return the kind of each feature that can be filtered by, and of the ids. Free text cannot.

    Where a column is read as a time and in parts, the time goes by its name, the parts by theirs.
    """
    kinds: dict[str, Kind] = {ITEM: "value"}
    kinds.update(dict.fromkeys(features.single_valued, "value"))
    kinds.update(dict.fromkeys(features.multi_valued, "values"))
    kinds.update({n: "time" if c.kind == "time" else "number" for n, c in features.continuous.items()})
    return kinds


def check(filters: Iterable[Filter], kinds: Kinds, *, source: str = "filters") -> None:
    """Make sure that each filter asks for a feature that there is, and for what it has.

    Raises:
        RequestError: one of them does not; `source` names the place.
    """
    for number, wanted in enumerate(filters):
        place = f"{source}[{number}]"
        match wanted:
            case Between():
                _expect(place, wanted.feature, kinds, ("number", "time"), "min and max")
                if wanted.has_times and kinds[wanted.feature] == "number":
                    raise RequestError(
                        f"{place}: expected numbers, as '{wanted.feature}' has, received a time. "
                        "Give min and max as numbers."
                    )
            case AnyOf():
                _expect(place, wanted.feature, kinds, ("value", "values"), "any_of")
            case NoneOf():
                _expect(place, wanted.feature, kinds, ("value", "values"), "none_of")
            case Within():
                for name in (wanted.latitude_feature, wanted.longitude_feature):
                    _expect(place, name, kinds, ("number",), "within_km")
            case _:
                assert_never(wanted)


def _expect(place: str, name: str, kinds: Kinds, allowed: tuple[Kind, ...], key: str) -> None:
    fitting = [known for known, kind in kinds.items() if kind in allowed]
    if name not in kinds:
        near = get_close_matches(name, fitting, n=1)
        mend = f"Did you mean '{near[0]}'?" if near else "Name one of these."
        raise RequestError(
            f"{place}: expected a feature for {key} ({', '.join(fitting) or 'none'}), received '{name}', "
            f"by which nothing can be filtered. {mend}"
        )
    if kinds[name] not in allowed:
        takes = "min and max" if kinds[name] in ("number", "time") else "any_of or none_of"
        raise RequestError(
            f"{place}: expected a feature for {key} ({', '.join(fitting) or 'none'}), received '{name}', "
            f"of kind '{kinds[name]}'. Filter it with {takes}."
        )
