"""TableEncoding: the rows of a table, of items or of users, as the networks take them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from dlrs.arrays import Bools, Doubles, Floats, Ints
from dlrs.data.values import numbers_of, values_of
from dlrs.features.rows import EncodedRows
from dlrs.features.scaler import Scaler
from dlrs.schema import Features


class Entries(NamedTuple):
    """Weighted values of one feature: E entries of rows and of positions in the vocabulary."""

    row_E: Ints
    code_E: Ints  # −1 where the vocabulary lacks the value
    weight_E: Doubles

    def take(self, chosen: Ints | Bools) -> Entries:
        """Return some of the entries, by position or by mask."""
        return Entries(self.row_E[chosen], self.code_E[chosen], self.weight_E[chosen])


@dataclass(frozen=True)
class TableEncoding:
    """Vocabularies and scales, fitted once on the rows that training may see."""

    features: Features
    vocabularies: Mapping[str, pa.Array]  # discrete feature -> its values, lexicographic
    scaler: Scaler

    @classmethod
    def fit(cls, features: Features, table: pa.Table) -> TableEncoding:
        """Learn vocabularies and scales. Rows of a later time are the caller's to leave out."""
        vocabularies = {
            name: _distinct(values_of(table, name, features).value_E) for name in features.discrete
        }
        return cls(features, vocabularies, Scaler.fit(numbers_of(table, features)))

    @property
    def sizes_F(self) -> tuple[int, ...]:
        """Columns of each discrete feature. One without any known value keeps one, for ever empty."""
        return tuple(max(1, len(values)) for values in self.vocabularies.values())

    def encode(self, table: pa.Table) -> EncodedRows:
        """Encode raw features: the weights of each known feature sum to 1 in a row."""
        entries = []
        for name in self.vocabularies:
            values = values_of(table, name, self.features)
            entries.append(Entries(values.row_E, self.codes(name, values.value_E), values.share_E))
        numbers_NC = self.scaler.apply(numbers_of(table, self.features))
        return pack(entries, self.sizes_F, numbers_NC)

    def codes(self, name: str, values: pa.ChunkedArray | pa.Array) -> Ints:
        """Return each value's position in the feature's vocabulary; −1 for missing or unknown."""
        found = pc.index_in(values, value_set=self.vocabularies[name])
        if isinstance(found, pa.ChunkedArray):
            found = found.combine_chunks()
        codes: Ints = found.fill_null(-1).to_numpy(zero_copy_only=False).astype(np.int64)
        return codes

    def to_json(self) -> dict[str, Any]:
        """Return everything as JSON knows it."""
        return {
            "features": self.features.model_dump(mode="json"),
            "vocabularies": {name: values.to_pylist() for name, values in self.vocabularies.items()},
            "scaler": self.scaler.to_json(),
        }

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> TableEncoding:
        """Read what `to_json` gave."""
        vocabularies = {name: pa.array(v, pa.string()) for name, v in content["vocabularies"].items()}
        features = Features.model_validate(content["features"])
        return cls(features, vocabularies, Scaler.from_json(content["scaler"]))


def pack(entries_F: Sequence[Entries], sizes_F: Sequence[int], numbers_NC: Floats) -> EncodedRows:
    """Lay the entries of F features side by side, the weights of each (row, feature) scaled to sum 1.

    Entries that the vocabulary lacks are left out before.
    """
    known_F = [entries.take(entries.code_E >= 0) for entries in entries_F]
    rows, F = len(numbers_NC), len(known_F)
    counts_NF = np.zeros((rows, F), dtype=np.int64)
    for feature, entries in enumerate(known_F):
        counts_NF[:, feature] = np.bincount(entries.row_E, minlength=rows)
    offsets = np.concatenate(([0], np.cumsum(counts_NF.ravel())))
    columns_E = np.empty(offsets[-1], dtype=np.int32)
    weights_E = np.empty(offsets[-1], dtype=np.float32)
    start = 0
    for feature, (entries, size) in enumerate(zip(known_F, sizes_F, strict=True)):
        in_order = np.argsort(entries.row_E * size + entries.code_E, kind="stable")  # mostly it is so already
        row_E, code_E, weight_E = entries.take(in_order)
        before_N = np.cumsum(counts_NF[:, feature]) - counts_NF[:, feature]
        at_E = offsets[row_E * F + feature] + np.arange(len(row_E)) - before_N[row_E]
        columns_E[at_E] = start + code_E
        weights_E[at_E] = weight_E / np.bincount(row_E, weights=weight_E, minlength=rows)[row_E]
        start += size
    return EncodedRows(numbers_NC, offsets, columns_E, weights_E)


def _distinct(values: pa.Array) -> pa.Array:
    # Python sorts text by code point, which is the lexicographic order of UTF-8 bytes
    return pa.array(sorted(pc.unique(values).to_pylist()), pa.string())
