"""Reading: the features of an item as JSON brings them, as the item table's cells would be read.

The rules are those of tables, `data.rules`: a number may come as text, a time is ISO 8601 or of its
column's format, an empty text is no value. What `Published.items` holds may be sent again as it is: seconds
for a time without a format, and parts of dates by their own names.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from difflib import get_close_matches
from typing import Any

from dlrs.data.rules import CALENDAR, EXPECTED, LARGEST, PATTERNS
from dlrs.errors import DataError
from dlrs.schema import Continuous, Features
from dlrs.schema.description import EPOCH_UNITS

NUMERAL = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?")
"""Each text fits in one way at most: with two, a long one that fits in none would take for ever."""
LONGEST_TEXT = 100_000
MOST_VALUES = 1_000
SHOWN = 60
"""Characters of a wrong value that the message shows."""

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class _WrongError(ValueError):
    """A value is not what its feature expects."""


def read_features(
    features: Features, content: Mapping[str, Any], *, item: str, whole: bool = True
) -> dict[str, Any]:
    """Return checked features by name, as `Published.items` has them; what was not named is missing.

    With `whole` false only what was named is returned, for a change of some features.

    Raises:
        DataError: names the item and all that is wrong with it.
    """
    read: dict[str, Any] = dict(missing(features)) if whole else {}
    problems = []
    for name, value in content.items():
        try:
            read |= _read(features, name, value)
        except _WrongError as wrong:
            problems.append(f"'{name[:SHOWN]}' expected {wrong}, received {_shown(value)}")
    if problems:
        raise DataError(
            f"item '{item[:SHOWN]}': {'; '.join(problems)}. Mend the features, or leave them out; "
            "nothing of this item was taken."
        )
    return read


def missing(features: Features) -> dict[str, Any]:
    """Return the features of an item of which nothing is known."""
    return {name: [] if name in features.multi_valued else None for name in features.names}


def _read(features: Features, name: str, value: Any) -> dict[str, Any]:
    read: dict[str, Any] = {}
    if name in features.continuous:
        read[name] = _continuous(features.continuous[name], value)
    elif name in features.multi_valued:
        read[name] = _values(value, features.multi_valued[name].separator)
    elif name in features.single_valued or name in features.text:
        read[name] = _text(value)
    if name in features.dates:
        time = _time(value, features.dates[name].format)
        for part_name, (column, part) in features.date_parts.items():
            if column == name:
                read[part_name] = None if time is None else time.strftime(PATTERNS[part])
    if not read:
        known = [*dict.fromkeys((*features.names, *features.dates))]
        near = get_close_matches(name, known, n=1)
        raise _WrongError(f"a feature of the marketplace{f' (did you mean {near[0]!r}?)' if near else ''}")
    return read


def _continuous(feature: Continuous, value: Any) -> float | None:
    number = _seconds(value, feature.format) if feature.kind == "time" else _number(value)
    if number is None:
        return None
    low, high = feature.bounds
    if not math.isfinite(number) or abs(number) > LARGEST:
        raise _WrongError(f"a number within ±{LARGEST:g}")
    if low is not None and number < low:
        raise _WrongError(f"at least {feature.min}")
    if high is not None and number > high:
        raise _WrongError(f"at most {feature.max}")
    return number


def _number(value: Any) -> float | None:
    if _empty(value):
        return None
    if isinstance(value, int | float):
        return _as_float(value)
    if isinstance(value, str) and NUMERAL.fullmatch(value.strip()):
        return float(value)
    raise _WrongError(EXPECTED["number"])


def _as_float(value: float) -> float | None:
    try:
        number = float(value)
    except OverflowError:
        return math.inf
    return None if math.isnan(number) else number


def _seconds(value: Any, pattern: str | None) -> float | None:
    if pattern is None and isinstance(value, int | float) and not isinstance(value, bool):
        return _as_float(value)
    time = _time(value, pattern)
    return None if time is None else (time - EPOCH) / timedelta(seconds=1)


def _time(value: Any, pattern: str | None) -> datetime | None:
    if _empty(value):
        return None
    expected = EXPECTED["time"] + (f" in the format {pattern}" if pattern else "")
    try:
        time = _parsed(value, pattern)
    except (ValueError, TypeError, OverflowError) as error:
        raise _WrongError(expected) from error
    if not CALENDAR[0] <= time <= CALENDAR[1]:
        raise _WrongError(expected)
    return time


def _parsed(value: Any, pattern: str | None) -> datetime:
    if pattern in EPOCH_UNITS:
        number = _number(value)
        if number is None:
            raise ValueError("expected a number")
        return EPOCH + timedelta(microseconds=round(number * (1_000_000 // EPOCH_UNITS[pattern])))
    if pattern is not None:
        text = _text(value)
        time = datetime.strptime(text or "", pattern)
    elif isinstance(value, str):
        time = datetime.fromisoformat(value.strip())
    else:
        time = EPOCH + timedelta(seconds=_plain(value))
    return time.replace(tzinfo=UTC) if time.tzinfo is None else time.astimezone(UTC)


def _plain(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError("expected a number")
    return value


def _text(value: Any) -> str | None:
    match value:
        case None | "":
            return None
        case bool():
            return "true" if value else "false"
        case float():
            if not math.isfinite(value):
                return None if math.isnan(value) else str(value)
            return str(int(value)) if value.is_integer() and abs(value) < 2**63 else str(value)
        case int():
            return str(value)
        case str():
            return _sound(value)
    raise _WrongError(EXPECTED["text"])


def _sound(text: str) -> str:
    if len(text) > LONGEST_TEXT:
        raise _WrongError(f"text of {LONGEST_TEXT:,} characters at most")
    if "\0" in text or any("\ud800" <= letter <= "\udfff" for letter in text):
        raise _WrongError("text without NUL and halves of surrogate pairs")
    return text


def _values(value: Any, separator: str) -> list[str]:
    if value is None or value == "":
        return []
    if isinstance(value, str):
        value = _listed(value) if value.strip().startswith("[") else value.split(separator)
    if not isinstance(value, list):
        raise _WrongError(EXPECTED["values"])
    if len(value) > MOST_VALUES:
        raise _WrongError(f"{MOST_VALUES:,} values at most")
    texts = [text.strip() for text in map(_text, value) if text is not None]
    return sorted({text for text in texts if text})


def _listed(text: str) -> Any:
    read: Callable[[str], Any] = json.loads
    try:
        return read(text)
    except (ValueError, RecursionError) as error:
        raise _WrongError(EXPECTED["values"]) from error


def _empty(value: Any) -> bool:
    if isinstance(value, str):
        return value.strip().lower() in ("", "nan")
    return value is None or (isinstance(value, float) and math.isnan(value))


def _shown(value: Any) -> str:
    text = ascii(value[:SHOWN] if isinstance(value, str) else value)
    return text if len(text) <= SHOWN else f"{text[:SHOWN]}…"
