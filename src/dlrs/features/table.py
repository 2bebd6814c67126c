"""TableEncoding: the rows of a table, of items or of users, as the networks take them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa

from dlrs.arrays import AnyArray, Bools, Doubles, Floats, Ints, gather_ranges
from dlrs.data.values import ColumnTable, coded, number_of, numbers_of, positions_of, values_of
from dlrs.features.rows import EncodedRows
from dlrs.features.scaler import Scaler
from dlrs.schema import Features


class Entries(NamedTuple):
    """Weighted values of one feature: E entries of rows and of positions in the vocabulary."""

    row_E: AnyArray
    code_E: AnyArray  # −1 where the vocabulary lacks the value
    weight_E: Doubles

    def take(self, chosen: Ints | Bools) -> Entries:
        """Return some of the entries, by position or by mask."""
        return Entries(self.row_E[chosen], self.code_E[chosen], self.weight_E[chosen])

    def in_order(self, size: int) -> Entries:
        """Return the known ones by (row, code), as they mostly are; `size` is the vocabulary's."""
        known = self if self.code_E.min(initial=0) >= 0 else self.take(self.code_E >= 0)
        keys_E = known.row_E.astype(np.int64) * size + known.code_E
        return known if np.all(keys_E[1:] >= keys_E[:-1]) else known.take(np.argsort(keys_E, kind="stable"))


@dataclass(frozen=True)
class TableEncoding:
    """Vocabularies and scales, fitted once on the rows that training may see."""

    features: Features
    vocabularies: Mapping[str, pa.Array]  # discrete feature -> its values, lexicographic
    scaler: Scaler

    @classmethod
    def fit(cls, features: Features, table: ColumnTable, fitting_N: Bools | None = None) -> TableEncoding:
        """Learn vocabularies and scales from some rows or all. Later ones are the caller's to leave out."""
        if fitting_N is None:
            fitting_N = np.ones(table.num_rows, dtype=np.bool_)
        vocabularies = {}
        for name in features.discrete:
            values = values_of(table, name, features)
            codes = np.flatnonzero(np.bincount(values.code_E[fitting_N[values.row_E]]))
            vocabularies[name] = values.values_X.take(pa.array(codes))
        numbers = [number_of(table, name, features)[fitting_N] for name in features.continuous]
        return cls(features, vocabularies, Scaler.fit(numbers))

    @property
    def sizes_F(self) -> tuple[int, ...]:
        """ColumnTable of each discrete feature. One without any known value keeps one, for ever empty."""
        return tuple(max(1, len(values)) for values in self.vocabularies.values())

    def encode(self, table: ColumnTable) -> EncodedRows:
        """Encode raw features: the weights of each known feature sum to 1 in a row."""
        numbers_NC = self.scaler.apply(numbers_of(table, self.features))
        return pack((self._entries(table, name) for name in self.vocabularies), self.sizes_F, numbers_NC)

    def _entries(self, table: ColumnTable, name: str) -> Entries:
        values = values_of(table, name, self.features)
        code_E = positions_of(values.values_X, self.vocabularies[name])[values.code_E]
        return Entries(values.row_E, code_E, values.share_E)

    def codes(self, name: str, values: pa.ChunkedArray | pa.Array) -> Ints:
        """Return each value's position in the feature's vocabulary; −1 for missing or unknown."""
        code_N, values_X = coded(values)
        return np.append(positions_of(values_X, self.vocabularies[name]), -1)[code_N].astype(np.int64)

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


def pack(entries_F: Iterable[Entries], sizes_F: Sequence[int], numbers_NC: Floats) -> EncodedRows:
    """Lay the entries of F features side by side, the weights of each (row, feature) scaled to sum 1.

    Entries that the vocabulary lacks are left out before. Of the features' entries only one's are
    needed at a time: they may be made on the way.
    """
    rows, F = len(numbers_NC), len(sizes_F)
    counts_NF = np.zeros((rows, F), dtype=np.int32)
    parts = []
    starts = np.cumsum([0, *sizes_F])
    for feature, (entries, size) in enumerate(zip(entries_F, sizes_F, strict=True)):
        row_E, code_E, weight_E = entries.in_order(size)
        counts_NF[:, feature] = np.bincount(row_E, minlength=rows)
        sum_N = np.bincount(row_E, weights=weight_E, minlength=rows)
        columns_E = code_E.astype(np.int32) + np.int32(starts[feature])
        parts.append((columns_E, (weight_E / sum_N[row_E]).astype(np.float32)))
    offsets = np.concatenate(([0], np.cumsum(counts_NF.ravel())))
    columns_E = np.empty(offsets[-1], dtype=np.int32)
    weights_E = np.empty(offsets[-1], dtype=np.float32)
    for feature, part in enumerate(parts):
        at_E = gather_ranges(offsets[feature:-1:F], counts_NF[:, feature])
        columns_E[at_E], weights_E[at_E] = part
    return EncodedRows(numbers_NC, offsets, columns_E, weights_E)
