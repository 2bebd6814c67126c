"""Encoding: one-hot, one-many and z-normalised numbers; fitted once, the same online and offline.

Profiles share the vocabulary of the items, so that column j means the same for a user and for an
item; continuous features are z-normalised, users' and items' apart (method §3). Features of the
users' own have columns of their own behind those.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import pyarrow as pa

from dlrs.arrays import Bools
from dlrs.data.values import ColumnTable
from dlrs.data.versions import Versions
from dlrs.features.rows import EncodedRows, FeatureSpace
from dlrs.features.scaler import Scaler
from dlrs.features.table import Entries, TableEncoding, pack
from dlrs.profiles.profile import ProfileFacts, Profiles, ValueCounts
from dlrs.schema import Features


@dataclass(frozen=True)
class Encoding:
    """Everything that turns raw features into `EncodedRows`. It travels in the bundle."""

    items: TableEncoding
    users: TableEncoding | None  # features of the users' own, if they have any
    profile_scaler: Scaler  # of means ⊕ standard deviations

    @cached_property
    def space(self) -> FeatureSpace:
        """Where each feature's columns lie."""
        items, users = self.items, self.users
        return FeatureSpace(
            tuple(items.features.continuous),
            tuple(items.vocabularies),
            items.sizes_F,
            own_continuous=tuple(users.features.continuous) if users else (),
            own_categorical=tuple(users.vocabularies) if users else (),
            own_sizes_F=users.sizes_F if users else (),
        )

    @property
    def vocabularies(self) -> Mapping[str, pa.Array]:
        """The values of each discrete feature that users and items have in common."""
        return self.items.vocabularies

    def write_items(self, versions: Versions, folder: Path) -> EncodedRows:
        """Encode all versions into a folder, some at a time."""
        features = self.items.features
        single = set(features.discrete) == set(features.single_valued)
        few = single and versions.num_rows * len(features.discrete) <= np.iinfo(np.int32).max
        parts = (self.encode_items(part) for part in versions.parts())
        return EncodedRows.write(folder, parts, np.int32 if few else np.int64)

    def encode_items(self, table: pa.Table) -> EncodedRows:
        """Encode raw features, one row an item version."""
        return self.items.encode(table)

    def encode_profiles(self, profiles: Profiles, own: EncodedRows | None = None) -> EncodedRows:
        """Encode profiles: relative frequencies over the known values of each feature sum to 1.

        `own` are the encoded features of each profile's user, where users have any.
        """
        entries = (self._entries(name, profiles.counts[name]) for name in self.vocabularies)
        numbers_NC = self.profile_scaler.apply(profiles.facts.numbers)
        rows = pack(entries, self.items.sizes_F, numbers_NC)
        return rows if own is None else rows.beside(own, self.space)

    def _entries(self, name: str, counts: ValueCounts) -> Entries:
        return Entries(counts.profile_E, self.items.codes(name, counts.value_E), counts.weight_E)

    @property
    def hash(self) -> str:
        """Return 12 hexadecimal digits that change when a column or a scale means something else."""
        return hashlib.sha256(self._to_json().encode()).hexdigest()[:12]

    def save(self, file: Path) -> None:
        """Write everything as JSON."""
        file.write_text(self._to_json(), encoding="utf-8")

    def _to_json(self) -> str:
        content = {
            "items": self.items.to_json(),
            "users": self.users.to_json() if self.users else None,
            "profiles": self.profile_scaler.to_json(),
        }
        return json.dumps(content, ensure_ascii=False)

    @classmethod
    def load(cls, file: Path) -> Encoding:
        """Read what `save` wrote."""
        content = json.loads(file.read_text(encoding="utf-8"))
        return cls(
            items=TableEncoding.from_json(content["items"]),
            users=TableEncoding.from_json(content["users"]) if content["users"] else None,
            profile_scaler=Scaler.from_json(content["profiles"]),
        )


def fit_encoding(
    features: Features,
    versions: ColumnTable,
    profiles: ProfileFacts,
    own: TableEncoding | None = None,
    *,
    fitting_V: Bools | None = None,
) -> Encoding:
    """Learn vocabularies and scalers from the item versions and profiles that training may see.

    All must end before the cut: the caller leaves later profiles out, says which versions are to be
    fitted on, and leaves later users out of what `own` was fitted on. What users met is a subset of the
    versions, so the union vocabulary is the versions' own.
    """
    items = TableEncoding.fit(features, versions, fitting_V)
    return Encoding(items, own, profile_scaler=Scaler.fit(profiles.numbers.T))
