"""Filters: what a request wants of an item, in Python and in JSON.

    {"feature": "price", "min": 1000, "max": 5000}               Between
    {"feature": "fuel", "any_of": ["DIESEL", "HYBRID"]}          AnyOf
    {"feature": "item_id", "none_of": ["240000013"]}             NoneOf
    {"within_km": 50, "latitude": 52.52, "longitude": 13.405}    Within

An item has to pass all filters of a request. A missing value passes `NoneOf` and nothing else.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Annotated, Any, Self

from pydantic import (
    BeforeValidator,
    Discriminator,
    Field,
    Strict,
    StringConstraints,
    Tag,
    TypeAdapter,
    ValidationError,
)
from pydantic import model_validator as check_after

from dlrs.errors import RequestError
from dlrs.schema import Description, Instant

Number = Annotated[float, Strict(), Field(allow_inf_nan=False)]
Name = Annotated[str, StringConstraints(min_length=1)]


NUMERAL = re.compile(r"\s*[-+]?[\d.]+\s*")


def _no_number(value: object) -> object:
    if isinstance(value, str) and NUMERAL.fullmatch(value):  # else '2017' were 33 minutes past 1970
        raise ValueError(f"expected a time like 2017-10-14T03:00:00Z, received {value!r}")
    return value


def _is_time(value: object) -> str:
    return "time" if isinstance(value, str | datetime) else "number"


Time = Annotated[Instant, BeforeValidator(_no_number)]
End = Annotated[Annotated[Number, Tag("number")] | Annotated[Time, Tag("time")], Discriminator(_is_time)]
"""An end of a range: in JSON a time is text."""

FORMS = (
    '{"feature": "price", "min": 1000, "max": 5000}, {"feature": "fuel", "any_of": ["DIESEL"]}, '
    '{"feature": "item_id", "none_of": ["17"]} or {"within_km": 50, "latitude": 52.5, "longitude": 13.4}'
)
"""What filters look like, for error messages."""


class Between(Description):
    """A number or a time from `min` to `max`, both included; one of them may be left out."""

    feature: Name
    min: End | None = None
    max: End | None = None

    @property
    def bounds(self) -> tuple[float, float]:
        """Both ends as numbers, times in seconds since 1970; infinite where open."""
        return _seconds(self.min, -math.inf), _seconds(self.max, math.inf)

    @property
    def has_times(self) -> bool:
        """Whether an end is given as a time."""
        return isinstance(self.min, datetime) or isinstance(self.max, datetime)

    @check_after(mode="after")
    def _ordered(self) -> Self:
        if self.min is None and self.max is None:
            raise ValueError("expected min, max or both, received neither")
        low, high = self.bounds
        if low > high:
            raise ValueError(f"expected min ≤ max, received min {self.min} and max {self.max}")
        return self


class AnyOf(Description):
    """At least one of some values: of a categorical or multi-valued feature, or of the ids."""

    feature: Name
    any_of: tuple[str, ...] = Field(min_length=1)


class NoneOf(Description):
    """None of some values; items without any value pass."""

    feature: Name
    none_of: tuple[str, ...]


class Within(Description):
    """So near to a point on the earth, as the crow flies."""

    within_km: Number = Field(gt=0)
    latitude: Number = Field(ge=-90, le=90, description="degrees north")
    longitude: Number = Field(ge=-180, le=180, description="degrees east")
    latitude_feature: Name = "latitude"
    longitude_feature: Name = "longitude"


Filter = Between | AnyOf | NoneOf | Within


def form_of(value: object, forms: Mapping[str, type]) -> str | None:
    """Tell by its keys what is meant, so that an error speaks of that form only."""
    if isinstance(value, tuple(forms.values())):
        return type(value).__name__
    if not isinstance(value, Mapping):
        return None
    return next((form.__name__ for key, form in forms.items() if key in value), None)


def _form(value: object) -> str | None:
    keys = {"any_of": AnyOf, "none_of": NoneOf, "within_km": Within, "min": Between, "max": Between}
    return form_of(value, keys)


AnyFilter = Annotated[
    Annotated[Between, Tag("Between")]
    | Annotated[AnyOf, Tag("AnyOf")]
    | Annotated[NoneOf, Tag("NoneOf")]
    | Annotated[Within, Tag("Within")],
    Discriminator(
        _form,
        custom_error_type="filter",
        custom_error_message="expected an object with min, max, any_of, none_of or within_km",
    ),
]
"""A filter as a field of a request."""

_BRANCHES = {"Between", "AnyOf", "NoneOf", "Within", "Reach", "Widen", "Extend", "Drop", "number", "time"}
"""What pydantic puts into a place to say which branch of a union it took."""

_FILTERS: TypeAdapter[tuple[Filter, ...]] = TypeAdapter(tuple[AnyFilter, ...])


def parse_filters(content: Sequence[Any], *, source: str = "filters") -> tuple[Filter, ...]:
    """Read filters from what JSON holds; `source` names the place in errors.

    Raises:
        RequestError: one of them is no filter.
    """
    try:
        return _FILTERS.validate_python(content)
    except ValidationError as error:
        raise RequestError(explained(error, source, f"A filter is {FORMS}.")) from error


def explained(error: ValidationError, source: str, forms: str) -> str:
    """Return what is wrong with filters or steps, a line for each problem, and what they look like."""
    lines = [_line(problem, source) for problem in error.errors()]
    return "\n".join([*dict.fromkeys(lines), forms])


def _line(problem: Mapping[str, Any], source: str) -> str:
    parts = [part for part in problem["loc"] if part not in _BRANCHES]
    place = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in parts)
    message = str(problem["msg"]).removeprefix("Value error, ").replace("Input should be", "expected")
    message = message.replace("a valid tuple", "a list")
    received = "" if problem["type"] in ("missing", "value_error") else f", received {problem['input']!r}"
    return f"{source}{place}: {message}{received}."


def _seconds(end: float | datetime | None, otherwise: float) -> float:
    if end is None:
        return otherwise
    return end.timestamp() if isinstance(end, datetime) else end
