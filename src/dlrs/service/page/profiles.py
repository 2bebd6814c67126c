"""A profile for people: a distribution for each discrete feature, a range for each number."""

from __future__ import annotations

from dataclasses import dataclass

from dlrs.features.words import range_in_words
from dlrs.schema import Features
from dlrs.service.seams import Profile

MOST = 4
"""Values of a feature that are shown."""


@dataclass(frozen=True)
class Bar:
    """A value and its share."""

    value: str
    percent: float


@dataclass(frozen=True)
class Distribution:
    """The likeliest values of a feature, and in what share of the events it was known."""

    name: str
    known: float  # percent
    bars: tuple[Bar, ...]
    others: float  # percent


def distributions(profile: Profile, features: Features) -> list[Distribution]:
    """Return a distribution for each discrete feature that is known, but for free texts."""
    found = []
    for name, counts in profile.values.items():
        total = sum(counts.values())
        if name in features.text or not total:
            continue
        likeliest = sorted(counts.items(), key=lambda counted: (-counted[1], counted[0]))[:MOST]
        bars = tuple(Bar(value, 100 * count / total) for value, count in likeliest)
        rest = max(0.0, 100 - sum(bar.percent for bar in bars))
        found.append(Distribution(name, 100 * profile.known.get(name, 0.0), bars, rest))
    return found


def ranges(profile: Profile, features: Features) -> dict[str, str]:
    """Return the numbers in the units of the table."""
    return {
        name: range_in_words(number.mean, number.std, features.continuous[name])
        for name, number in profile.numbers.items()
        if name in features.continuous
    }
