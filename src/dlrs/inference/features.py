"""Guesses: what kind of feature a column is, or why it is none."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from dlrs.inference.columns import ISO, Numbers, Seen
from dlrs.inference.names import speaks_of

FEW = 12
"""Whole numbers with no more values than this are names of kinds, like doors and seats."""

CODE_WORDS = ("id", "code", "type", "category", "kind", "class", "group", "brand", "make", "model", "region")

OFTEN = 4
"""A category must come so often, on average."""

LONG_TAIL = 5
"""A number that only 1 in 200 exceed, so many times the median, means a long tail: take the logarithm."""


@dataclass
class Guesses:
    """Lines of TOML by kind of feature, and the columns that were left out, with the reason."""

    categorical: dict[str, str] = field(default_factory=dict)  # name -> why
    continuous: list[str] = field(default_factory=list)
    dates: list[str] = field(default_factory=list)
    multi_valued: list[str] = field(default_factory=list)
    text: list[str] = field(default_factory=list)
    left_out: dict[str, str] = field(default_factory=dict)


def guess_features(columns: Iterable[Seen], taken: Mapping[str, str]) -> Guesses:
    """Guess what each column is; `taken` are those that play another part, and which."""
    guesses = Guesses()
    for column in columns:
        if column.name not in taken:
            _add(guesses, column)
    return guesses


def _add(guesses: Guesses, column: Seen) -> None:
    key = column.name if re.fullmatch(r"[A-Za-z0-9_-]+", column.name) else json.dumps(column.name)
    if column.distinct <= 1:
        guesses.left_out[column.name] = "it has one value at most"
    elif column.times:
        pattern = f", format = {json.dumps(column.times.format)}" if column.times.format != ISO else ""
        span = f"# seen: {column.times.since:%Y-%m-%d} to {column.times.until:%Y-%m-%d}"
        guesses.continuous.append(f'{key} = {{ kind = "time"{pattern} }}  {span}')
        guesses.dates.append(f'# {key} = {{ parts = ["month", "weekday"]{pattern} }}  # if seasons matter')
    elif column.is_list:
        guesses.multi_valued.append(f"{key} = {{}}  # for example {_examples(column)}")
    elif column.numbers and not _is_code(column):
        guesses.continuous.append(_number(key, column.numbers))
    elif column.separator:
        separator = json.dumps(column.separator)
        guesses.multi_valued.append(f"{key} = {{ separator = {separator} }}  # like {_examples(column)}")
    elif column.filled >= OFTEN * column.distinct or column.distinct <= FEW:
        guesses.categorical[column.name] = f"{column.distinct:,} values: {_examples(column)}"
    elif column.words >= 2:
        guesses.text.append(f"{key} = {{ ngrams = 2 }}  # like {_examples(column, 1)}")
    else:
        guesses.left_out[column.name] = f"nearly every row has its own value, like {_examples(column, 1)}"


def _is_code(column: Seen) -> bool:
    """Tell whether whole numbers are names of kinds: few of them, or called so and coming again."""
    if column.numbers is None or not column.numbers.whole:
        return False
    called = any(speaks_of(column, word) for word in CODE_WORDS)
    return column.distinct <= FEW or (called and column.filled >= OFTEN * column.distinct)


def _number(key: str, numbers: Numbers) -> str:
    seen = (
        f"# {numbers.low:,.10g} to {numbers.high:,.10g}, "
        f"99 % within {numbers.inner_low:,.6g} and {numbers.inner_high:,.6g}"
    )
    if numbers.inner_low >= 0 and numbers.inner_high > LONG_TAIL * max(numbers.middle, 1.0):
        return f'{key} = {{ transform = "log", min = 0 }}  {seen}'
    return f"{key} = {{}}  {seen}"


def _examples(column: Seen, count: int = 3) -> str:
    shown = [value if len(value) <= 40 else value[:37] + "…" for value in column.common[:count]]
    return " ".join(", ".join(shown).split())
