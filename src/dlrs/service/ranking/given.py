"""Given: a profile that comes with the request instead of events."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping

import orjson

from dlrs.errors import RequestError
from dlrs.schema import Features
from dlrs.service.seams import Number, Profile


def given_profile(
    values: Mapping[str, Mapping[str, float]], numbers: Mapping[str, Number], features: Features
) -> Profile:
    """Return the profile of a guest of whom this is known; without numbers and values nothing is.

    Raises:
        RequestError: there is no such feature, or it is of another kind.
    """
    _require("values", values, features.discrete)
    _require("numbers", numbers, features.continuous)
    content = orjson.dumps([values, numbers], option=orjson.OPT_SORT_KEYS | orjson.OPT_SERIALIZE_DATACLASS)
    events = 1 if any(values.values()) or numbers else 0
    some = {name: counts for name, counts in values.items() if counts}
    known = dict.fromkeys([*some, *numbers], 1.0)
    return Profile(None, hashlib.sha256(content).hexdigest(), events, known, some, numbers, (), ())


def _require(place: str, names: Iterable[str], there: Iterable[str]) -> None:
    there = list(there)
    for name in names:
        if name not in there:
            raise RequestError(
                f"profile.{place}: expected some of {', '.join(there) or 'no features'}; received '{name}'. "
                "Leave it out, or name one of these."
            )
