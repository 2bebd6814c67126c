"""Encoding: one-hot, one-many and z-normalised numbers; fitted once, the same online and offline.

Both sides share the union vocabulary, values in lexicographic order, so that column j means the
same for a user and for an item. Continuous features are z-normalised, users' and items' apart, by
the sample standard deviation (method §3).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from dlrs.arrays import Bools, Columns, Doubles, Floats, Ints
from dlrs.features.rows import EncodedRows, FeatureSpace
from dlrs.profiles.profile import ProfileFacts, Profiles
from dlrs.schema import Features

ROUNDING = 1e-12
"""A deviation that is a smaller share of the mean comes from rounding: 0.1 has no exact double."""

FARTHEST = 1e6
"""Deviations from the mean: what lies farther is a typing error, and would overflow the networks."""


@dataclass(frozen=True)
class Scaler:
    """z-normalisation of C numbers; a missing one (NaN) becomes 0, and all of a constant feature.

    A feature that did not vary when the scaler was fitted says nothing, later values included: its
    deviation is infinite.
    """

    mean_C: Doubles
    std_C: Doubles

    @classmethod
    def fit(cls, values_NC: Doubles) -> Scaler:
        """Learn means and sample standard deviations, leaving NaN out."""
        known_NC: Bools = ~np.isnan(values_NC)
        count_C = known_NC.sum(axis=0)
        mean_C = np.where(known_NC, values_NC, 0).sum(axis=0) / np.maximum(count_C, 1)
        square_C = (np.where(known_NC, values_NC - mean_C, 0) ** 2).sum(axis=0)
        std_C = np.sqrt(square_C / np.maximum(count_C - 1, 1))
        varies_C = std_C > ROUNDING * np.maximum(1.0, np.abs(mean_C))
        return cls(mean_C, np.where(varies_C, std_C, np.inf))

    def apply(self, values_NC: Doubles) -> Floats:
        """Return (x − mean) / std as float32, no farther from 0 than `FARTHEST`."""
        scaled_NC = np.clip((values_NC - self.mean_C) / self.std_C, -FARTHEST, FARTHEST)
        return np.nan_to_num(scaled_NC, nan=0.0).astype(np.float32)


@dataclass(frozen=True)
class Encoding:
    """Everything that turns raw features into `EncodedRows`. It travels in the bundle."""

    continuous: tuple[str, ...]
    vocabularies: Mapping[str, pa.Array]  # categorical feature -> its values, lexicographic
    item_scaler: Scaler
    user_scaler: Scaler  # of means ⊕ standard deviations

    @cached_property
    def space(self) -> FeatureSpace:
        """Where each feature's columns lie. A feature without any known value keeps one empty column."""
        sizes = tuple(max(1, len(values)) for values in self.vocabularies.values())
        return FeatureSpace(self.continuous, tuple(self.vocabularies), sizes)

    def encode_items(self, features: pa.Table) -> EncodedRows:
        """Encode raw features, one row an item version: numbers as doubles, categories as text."""
        code_NF = np.stack([self.codes(name, features[name]) for name in self.vocabularies], axis=1)
        known_NF = code_NF >= 0
        columns_NF = code_NF + self.space.starts_F[:-1]
        return EncodedRows(
            continuous_NC=self.item_scaler.apply(numbers(features, self.continuous)),
            offsets=np.concatenate(([0], np.cumsum(known_NF.ravel()))),
            columns_E=columns_NF[known_NF].astype(np.int32),
            weights_E=np.ones(int(known_NF.sum()), dtype=np.float32),
        )

    def encode_profiles(self, profiles: Profiles) -> EncodedRows:
        """Encode profiles: relative frequencies over the known values of each feature sum to 1."""
        F, P = len(self.vocabularies), len(profiles)
        parts = [self._frequencies(i, name, profiles) for i, name in enumerate(self.vocabularies)]
        bag_E, columns_E, weights_E = (np.concatenate(arrays) for arrays in zip(*parts, strict=True))
        order = np.argsort(bag_E * self.space.columns + columns_E, kind="stable")
        return EncodedRows(
            continuous_NC=self.user_scaler.apply(profiles.facts.numbers),
            offsets=np.concatenate(([0], np.cumsum(np.bincount(bag_E, minlength=P * F)))),
            columns_E=columns_E[order].astype(np.int32),
            weights_E=weights_E[order].astype(np.float32),
        )

    def codes(self, name: str, values: pa.ChunkedArray | pa.Array) -> Ints:
        """Return each value's position in the feature's vocabulary; −1 for missing or unknown."""
        found = pc.index_in(values, value_set=self.vocabularies[name])
        if isinstance(found, pa.ChunkedArray):
            found = found.combine_chunks()
        codes: Ints = found.fill_null(-1).to_numpy(zero_copy_only=False).astype(np.int64)
        return codes

    def _frequencies(self, feature: int, name: str, profiles: Profiles) -> tuple[Ints, Columns, Doubles]:
        counts = profiles.counts[name]
        codes_E = self.codes(name, counts.value_E)
        known = codes_E >= 0
        profile_E, weight_E = counts.profile_E[known], counts.weight_E[known]
        total_P = np.bincount(profile_E, weights=weight_E, minlength=len(profiles))
        bag_E = profile_E * len(self.vocabularies) + feature
        return bag_E, self.space.starts_F[feature] + codes_E[known], weight_E / total_P[profile_E]

    @property
    def hash(self) -> str:
        """Return 12 hexadecimal digits that change when a column or a scale means something else."""
        return hashlib.sha256(self._to_json().encode()).hexdigest()[:12]

    def save(self, file: Path) -> None:
        """Write everything as JSON."""
        file.write_text(self._to_json(), encoding="utf-8")

    def _to_json(self) -> str:
        content = {
            "continuous": self.continuous,
            "vocabularies": {name: values.to_pylist() for name, values in self.vocabularies.items()},
            "item_scaler": _scaler_to_json(self.item_scaler),
            "user_scaler": _scaler_to_json(self.user_scaler),
        }
        return json.dumps(content, ensure_ascii=False)

    @classmethod
    def load(cls, file: Path) -> Encoding:
        """Read what `save` wrote."""
        content = json.loads(file.read_text(encoding="utf-8"))
        return cls(
            continuous=tuple(content["continuous"]),
            vocabularies={name: pa.array(v, pa.string()) for name, v in content["vocabularies"].items()},
            item_scaler=_scaler_from_json(content["item_scaler"]),
            user_scaler=_scaler_from_json(content["user_scaler"]),
        )


def fit_encoding(features: Features, versions: pa.Table, profiles: ProfileFacts) -> Encoding:
    """Learn vocabularies and scalers from the item versions and profiles that training may see.

    Both must end before the cut: the caller leaves later versions and the test's profiles out. What
    users met is a subset of the versions, so the union vocabulary is the versions' own.
    """
    continuous = tuple(features.continuous)
    return Encoding(
        continuous=continuous,
        vocabularies={name: _distinct(versions[name]) for name in features.categorical},
        item_scaler=Scaler.fit(numbers(versions, continuous)),
        user_scaler=Scaler.fit(profiles.numbers),
    )


def numbers(features: pa.Table, names: Sequence[str]) -> Doubles:
    """Return numeric columns side by side, (N, C), NaN where missing."""
    columns = [features[name].cast(pa.float64()).fill_null(np.nan).to_numpy() for name in names]
    return np.stack(columns, axis=1) if columns else np.empty((features.num_rows, 0))


def _distinct(values: pa.ChunkedArray) -> pa.Array:
    # Python sorts text by code point, which is the lexicographic order of UTF-8 bytes
    return pa.array(sorted(pc.unique(values).drop_null().to_pylist()), pa.string())


def _scaler_to_json(scaler: Scaler) -> dict[str, Any]:
    deviations = [std if np.isfinite(std) else None for std in scaler.std_C.tolist()]  # JSON has no infinity
    return {"mean": scaler.mean_C.tolist(), "std": deviations}


def _scaler_from_json(content: Mapping[str, Any]) -> Scaler:
    deviations = [np.inf if std is None else std for std in content["std"]]
    return Scaler(np.array(content["mean"], dtype=np.float64), np.array(deviations, dtype=np.float64))
