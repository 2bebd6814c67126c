"""BundleNets: the networks of a bundle over prepared data, be it of the bundle's encoding or of another.

A later preparation has other vocabularies and scales. Items are then encoded anew from their raw features,
and profiles from what their encoded rows say; values that one of the encodings lacks are left out.

    U users or profiles    A items    E entries
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from typing import Self

import numpy as np
import pyarrow as pa

from dlrs.arrays import Ints, gather_ranges
from dlrs.bundle import Folder
from dlrs.candidates.histories import Histories, histories_before
from dlrs.features.encoding import Encoding
from dlrs.features.rows import EncodedRows
from dlrs.model.nets import AnyNets, open_nets
from dlrs.prepared import Prepared
from dlrs.profiles.profile import Profiles, ValueCounts
from dlrs.ranking.moment_ranker import MomentRanker
from dlrs.recipe import Recipe, parse_recipe
from dlrs.settings.candidates import Candidates


@dataclass(frozen=True)
class BundleNets:
    """The networks of one bundle, and what they need."""

    encoding: Encoding
    nets: AnyNets
    recipe: Recipe
    ranker: MomentRanker | None = None

    @classmethod
    def load(cls, bundle: Folder) -> Self:
        """Read them. ArtifactError if they are damaged."""
        content = json.loads((bundle / "recipe.json").read_text(encoding="utf-8"))
        recipe = parse_recipe(content, source=str(bundle / "recipe.json"))
        ranker = MomentRanker.load_if_there(bundle.path)
        return cls(Encoding.load(bundle / "encoding.json"), open_nets(bundle.path), recipe, ranker)

    @property
    def settings(self) -> Candidates:
        """How candidates are found."""
        return self.recipe.candidates

    def profiles(self, prepared: Prepared, rows_U: Ints) -> EncodedRows:
        """Return prepared profiles in the columns and scales of these networks."""
        encoded, encoding = prepared.profiles.take(rows_U), prepared.encoding
        if encoding.hash == self.encoding.hash:
            return encoded
        counts = {
            name: _counts(encoded, feature, values, int(encoding.space.starts_F[feature]))
            for feature, (name, values) in enumerate(encoding.vocabularies.items())
        }
        facts = prepared.profile_facts
        chosen = replace(facts, **{name: getattr(facts, name)[rows_U] for name in vars(facts)})
        return self.encoding.encode_profiles(Profiles(chosen, counts))

    def items(self, prepared: Prepared, versions_A: Ints) -> EncodedRows:
        """Return item versions in the columns and scales of these networks."""
        if prepared.encoding.hash == self.encoding.hash:
            return prepared.encoded_versions.take(versions_A)
        return self.encoding.encode_items(prepared.versions.take(versions_A))

    def histories(self, prepared: Prepared, users_U: Ints) -> Histories | None:
        """Return what users did in the window before the cut, if strategy or networks ask for it."""
        if not self.recipe.needs_histories:
            return None
        known = histories_before(prepared, int(prepared.starts_Q[-1])).take(users_U)
        versions, version_E = np.unique(known.version_E, return_inverse=True)
        return replace(known, version_E=version_E, versions=self.items(prepared, versions))


def _counts(encoded: EncodedRows, feature: int, values: pa.Array, start: int) -> ValueCounts:
    """Return what encoded profiles say of one feature, in its values."""
    bags_U = np.arange(len(encoded)) * encoded.features + feature
    starts_U = encoded.offsets[bags_U]
    lengths_U = encoded.offsets[bags_U + 1] - starts_U
    row_E, entries = np.repeat(np.arange(len(encoded)), lengths_U), gather_ranges(starts_U, lengths_U)
    codes = pa.array(encoded.columns_E[entries] - start)
    return ValueCounts(row_E, values.take(codes), encoded.weights_E[entries].astype(np.float64))
