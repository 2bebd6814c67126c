"""Relaxing: what a request gives up, one step after the other, rather than get a short list.

    {"within_km": 100}                       the radius becomes 100 km
    {"within_km": null}                      … or none at all
    {"feature": "price", "widen": 0.1}       a tenth less at the lower end, a tenth more at the upper one
    {"feature": "released", "by": 86400}     so much less and so much more: numbers, or seconds of a time
    {"feature": "fuel", "drop": true}        the filters of this feature no longer count

Steps add up, but each relaxes what was first asked for: after ±10 % and ±20 % it is ±20 %.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Annotated, Any, Literal

from pydantic import Discriminator, Field, Tag, TypeAdapter, ValidationError

from dlrs.candidates.filtering.filters import (
    AnyOf,
    Between,
    Filter,
    Name,
    NoneOf,
    Number,
    Within,
    explained,
    form_of,
)
from dlrs.errors import RequestError
from dlrs.schema import Description


class Reach(Description):
    """A longer radius, or none."""

    within_km: Number | None


class Widen(Description):
    """A wider range, by a share of each end."""

    feature: Name
    widen: Number = Field(gt=0)


class Extend(Description):
    """A wider range, by so much at each end."""

    feature: Name
    by: Number = Field(gt=0)


class Drop(Description):
    """No filter of this feature."""

    feature: Name
    drop: Literal[True]


Step = Reach | Widen | Extend | Drop
FORMS = (
    '{"within_km": 100}, {"within_km": null}, {"feature": "price", "widen": 0.1}, '
    '{"feature": "price", "by": 500} or {"feature": "fuel", "drop": true}'
)


def _form(value: object) -> str | None:
    return form_of(value, {"within_km": Reach, "widen": Widen, "by": Extend, "drop": Drop})


AnyStep = Annotated[
    Annotated[Reach, Tag("Reach")]
    | Annotated[Widen, Tag("Widen")]
    | Annotated[Extend, Tag("Extend")]
    | Annotated[Drop, Tag("Drop")],
    Discriminator(
        _form,
        custom_error_type="step",
        custom_error_message="expected an object with within_km, widen, by or drop",
    ),
]
"""A step as a field of a request."""

_STEPS: TypeAdapter[tuple[Step, ...]] = TypeAdapter(tuple[AnyStep, ...])


def parse_steps(content: Sequence[Any], *, source: str = "relax") -> tuple[Step, ...]:
    """Read steps from what JSON holds. RequestError if one of them is none; `source` names the place."""
    try:
        return _STEPS.validate_python(content)
    except ValidationError as error:
        raise RequestError(explained(error, source, f"A step is {FORMS}.")) from error


def ladder(
    filters: Sequence[Filter], steps: Sequence[Step], *, source: str = "relax"
) -> list[tuple[Filter, ...]]:
    """Return the filters that hold after 0, 1, … and all steps.

    Raises:
        RequestError: a step relaxes nothing: no filter is of its feature, the radius becomes no longer, or
            earlier steps gave up more.
    """
    left: list[Filter | None] = list(filters)
    rungs = [tuple(filters)]
    for number, step in enumerate(steps):
        places = [
            p for p, wanted in enumerate(filters) if _concerns(step, wanted) and _wider(step, wanted, left[p])
        ]
        if not places:
            raise RequestError(
                f"{source}[{number}]: expected a step that relaxes one of the filters, received "
                f"{step.model_dump_json()}, which fits none. Leave it out, or name what is filtered by."
            )
        for place in places:
            left[place] = _relaxed(step, filters[place])
        rungs.append(tuple(wanted for wanted in left if wanted is not None))
    return rungs


def _concerns(step: Step, wanted: Filter) -> bool:
    match step, wanted:
        case Reach(), Within():
            return step.within_km is None or step.within_km > wanted.within_km
        case ((Widen() | Extend()), Between()):
            return step.feature == wanted.feature
        case Drop(), (Between() | AnyOf() | NoneOf()):
            return step.feature == wanted.feature
        case _:
            return False


def _wider(step: Step, asked: Filter, now: Filter | None) -> bool:
    """Tell whether a step takes nothing back of what earlier ones made of a filter."""
    match _relaxed(step, asked), now:
        case _, None:
            return False
        case Within(within_km=far), Within(within_km=near):
            return far > near
        case Between(bounds=(low, high)), Between(bounds=(least, most)):
            return low <= least and high >= most
        case _:
            return True


def _relaxed(step: Step, wanted: Filter) -> Filter | None:
    match step, wanted:
        case Reach(within_km=float(km)), Within():
            return wanted.model_copy(update={"within_km": km})
        case Widen(), Between():
            low, high = wanted.bounds
            return _between(wanted, low - step.widen * abs(low), high + step.widen * abs(high))
        case Extend(), Between():
            low, high = wanted.bounds
            return _between(wanted, low - step.by, high + step.by)
        case _:
            return None


def _between(wanted: Between, low: float, high: float) -> Between:
    ends = {"min": low if math.isfinite(low) else None, "max": high if math.isfinite(high) else None}
    return wanted.model_copy(update=ends)
