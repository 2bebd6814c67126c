"""Encoded: one profile as UserNet takes it, and as bytes that a decision keeps."""

from __future__ import annotations

from dataclasses import fields

import numpy as np
import pyarrow as pa
from safetensors.numpy import load, save

from dlrs.arrays import Doubles
from dlrs.features.encoding import Encoding
from dlrs.features.rows import EncodedRows
from dlrs.profiles.profile import ProfileFacts, Profiles, ValueCounts
from dlrs.service.ranking.tables import table_of
from dlrs.service.seams import Number, Profile


def encode(profile: Profile, encoding: Encoding) -> EncodedRows:
    """Return one row: what is not known of the user is the average, or nothing."""
    rows = encoding.encode_profiles(Profiles(_facts(profile, encoding), _counts(profile, encoding)))
    if encoding.users is None:
        return rows
    own = encoding.users.encode(table_of([profile.own or {}], encoding.users.features))
    return rows.beside(own, encoding.space)


def decode(rows: EncodedRows, encoding: Encoding) -> Profile:
    """Return a profile that another encoding can take: shares in place of counts, features of the user's own
    left out. Numbers that were not known are average.
    """
    means_C, stds_C = np.split(_unscaled(rows, encoding), 2)
    names = encoding.items.features.continuous
    numbers = {n: Number(m, s) for n, m, s in zip(names, means_C, stds_C, strict=True) if np.isfinite(m + s)}
    values = {name: _shares(rows, feature, encoding) for feature, name in enumerate(encoding.vocabularies)}
    return Profile(None, "", 1, {}, {name: found for name, found in values.items() if found}, numbers, (), ())


def to_bytes(rows: EncodedRows) -> bytes:
    """Return encoded rows as safetensors."""
    return save({field.name: np.ascontiguousarray(getattr(rows, field.name)) for field in fields(rows)})


def from_bytes(content: bytes) -> EncodedRows:
    """Read what `to_bytes` wrote."""
    return EncodedRows(**load(content))


def _unscaled(rows: EncodedRows, encoding: Encoding) -> Doubles:
    scaler = encoding.profile_scaler
    std_C = np.where(np.isfinite(scaler.std_C), scaler.std_C, np.nan)
    unscaled_C: Doubles = rows.continuous_NC[0, : len(std_C)] * std_C + scaler.mean_C
    return unscaled_C


def _shares(rows: EncodedRows, feature: int, encoding: Encoding) -> dict[str, float]:
    bag = slice(rows.offsets[feature], rows.offsets[feature + 1])
    codes = rows.columns_E[bag] - encoding.space.starts_F[feature]
    values = list(encoding.vocabularies.values())[feature].take(pa.array(codes)).to_pylist()
    return dict(zip(values, rows.weights_E[bag].tolist(), strict=True))


def _facts(profile: Profile, encoding: Encoding) -> ProfileFacts:
    one, names = np.zeros(1, dtype=np.int64), encoding.items.features.continuous
    numbers_2C = np.full((2, len(names)), np.nan)
    for column, name in enumerate(names):
        if (number := profile.numbers.get(name)) is not None:
            numbers_2C[:, column] = number.mean, number.std
    known_PF = np.zeros((1, len(encoding.vocabularies)), dtype=np.float32)  # no input of UserNet
    return ProfileFacts(one, one, one + profile.events, known_PF, numbers_2C[:1], numbers_2C[1:])


def _counts(profile: Profile, encoding: Encoding) -> dict[str, ValueCounts]:
    return {name: _value_counts(profile, name) for name in encoding.vocabularies}


def _value_counts(profile: Profile, name: str) -> ValueCounts:
    counts = profile.values.get(name, {})
    return ValueCounts(
        np.zeros(len(counts), dtype=np.int64),
        pa.array(list(counts), pa.string()),
        np.array(list(counts.values()), dtype=np.float64),
    )
