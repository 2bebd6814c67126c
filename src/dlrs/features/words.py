"""Words: an encoded profile and an item as a person would read them."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

import numpy as np

from dlrs.features.encoding import Encoding
from dlrs.features.rows import EncodedRows
from dlrs.profiles.profile import ProfileFacts
from dlrs.schema import Continuous, Features

YEAR = timedelta(days=365.25).total_seconds()

LONGEST = 80
"""Characters of a text that are shown."""


def profile_in_words(
    facts: ProfileFacts,
    profile: EncodedRows,
    row: int,
    encoding: Encoding,
    features: Features,
    *,
    most: int = 3,
) -> list[str]:
    """Describe the profile in row `row` of `facts`: each feature's mean, or its `most` likeliest values.

    `profile` is that row alone, encoded.
    """
    lines = [f"{facts.events_P[row]:,} events"]
    for name, mean, std in zip(features.continuous, facts.mean_PC[row], facts.std_PC[row], strict=True):
        if not np.isnan(mean):
            lines.append(f"{name}: {range_in_words(mean, std, features.continuous[name])}")
    for feature, name in enumerate(encoding.vocabularies):
        if name in features.text:
            continue  # hashes are no words
        bag = slice(profile.offsets[feature], profile.offsets[feature + 1])
        weights, columns = profile.weights_E[bag], profile.columns_E[bag]
        likeliest = np.argsort(-weights, kind="stable")[:most]
        values = encoding.vocabularies[name].take(columns[likeliest] - encoding.space.starts_F[feature])
        shares = zip(values.to_pylist(), weights[likeliest], strict=True)
        if text := ", ".join(f"{value} {share:.0%}" for value, share in shares):
            lines.append(f"{name}: {text}")
    return lines


def item_in_words(item: Mapping[str, object], features: Features) -> dict[str, str]:
    """Return an item's raw features as text, `–` where missing."""
    return {name: _value(item[name], features, name) for name in features.names}


def _value(value: object, features: Features, name: str) -> str:
    match value:
        case None | [] | "":
            return "–"
        case float():
            return _date(value) if features.continuous[name].kind == "time" else _number(value)
        case list():
            return ", ".join(value)
    return textwrap.shorten(str(value), LONGEST, placeholder=" …")


def range_in_words(mean: float, std: float, feature: Continuous) -> str:
    """Return a mean and a deviation, as the model sees them, in the units of the table."""
    if feature.kind == "time":
        return f"{_date(mean)} ± {std / YEAR:.1f} years"
    if feature.transform == "log":  # a deviation of logarithms is a factor
        return f"{_number(np.expm1(mean))} ×÷ {np.exp(std):.2f}"
    return f"{_number(mean)} ± {_number(std)}"


def _number(value: float) -> str:
    """Return the number to the unit where it has hundreds, else to three digits."""
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def _date(seconds: float) -> str:
    return f"{datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=seconds):%Y-%m-%d}"
