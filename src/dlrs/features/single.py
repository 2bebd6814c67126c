"""Single: a profile, or some items, encoded as requests come: as `encode_profiles` and `encode_items` do it.

Encoding many at once goes through tables; for a few, looking each value up in a dictionary is quicker.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import numpy as np

from dlrs.arrays import Doubles
from dlrs.data.one_row import UNKNOWN, OneRow, Shares
from dlrs.features.encoding import Encoding
from dlrs.features.rows import EncodedRows
from dlrs.features.table import TableEncoding
from dlrs.schema import Features


class Spread(Protocol):
    """A number of a profile, as the model sees it: transformed, not scaled."""

    @property
    def mean(self) -> float:
        """Weighted mean."""
        ...

    @property
    def std(self) -> float:
        """Weighted standard deviation."""
        ...


class SingleEncoding:
    """Encodes one profile at a time. Reading only: shared by threads."""

    def __init__(self, encoding: Encoding) -> None:
        self._encoding = encoding
        self._shared, self._item = _Columns(encoding.items), OneRow(encoding.items.features)
        self._own = _Columns(encoding.users) if encoding.users is not None else None
        self._own_row = OneRow(encoding.users.features) if encoding.users is not None else None

    def profile(
        self,
        values: Mapping[str, Shares],
        numbers: Mapping[str, Spread],
        own: Mapping[str, Any] | None = None,
    ) -> EncodedRows:
        """Encode one profile: 1 row.

        Args:
            values: the weighted counts of each discrete feature's values; those that the vocabulary lacks are
                left out.
            numbers: the continuous features that are known.
            own: raw features of the user's own; None if nothing is known of them, or there are none.
        """
        names = self._encoding.space.continuous
        unknown = float("nan")
        known = [numbers.get(name) for name in names]
        means = [unknown if number is None else number.mean for number in known]
        deviations = [unknown if number is None else number.std for number in known]
        row = self._shared.rows([values], self._encoding.profile_scaler.apply(np.array([means + deviations])))
        if self._own is None or self._own_row is None or self._encoding.users is None:
            return row
        raw = own or {}
        scaled = self._encoding.users.scaler.apply(_numbers([raw], self._encoding.users.features))
        return row.beside(self._own.rows([self._own_row.shares(raw)], scaled), self._encoding.space)

    def items(self, raws: Sequence[Mapping[str, Any]]) -> EncodedRows:
        """Encode raw features of some items, one row an item: number, text, list of texts, or None."""
        table = self._encoding.items
        scaled = table.scaler.apply(_numbers(raws, table.features))
        return self._shared.rows([self._item.shares(raw) for raw in raws], scaled)


class _Columns:
    """Where each value of each feature stands."""

    def __init__(self, table: TableEncoding) -> None:
        starts = np.cumsum([0, *table.sizes_F]).tolist()
        self._columns = [
            (name, {value: start + code for code, value in enumerate(values.to_pylist())})
            for (name, values), start in zip(table.vocabularies.items(), starts, strict=False)
        ]

    def rows(self, values_N: Sequence[Mapping[str, Shares]], numbers_NC: Any) -> EncodedRows:
        """Lay out a few rows, the weights of each feature scaled to sum 1: see `table.pack`."""
        columns: list[int] = []
        weights: list[float] = []
        lengths = []
        for values in values_N:
            for name, column_of in self._columns:
                before = len(columns)
                for value, weight in values.get(name, UNKNOWN).items():
                    column = column_of.get(value)
                    if column is not None:
                        columns.append(column)
                        weights.append(weight)
                lengths.append(len(columns) - before)
        feature_E = np.repeat(np.arange(len(lengths)), lengths)  # of each row: features follow each other
        columns_E = np.array(columns, dtype=np.int32)
        order = np.lexsort((columns_E, feature_E))
        weights_E: Doubles = np.array(weights, dtype=np.float64)[order]
        sum_F = np.bincount(feature_E, weights=weights_E, minlength=len(lengths))
        return EncodedRows(
            continuous_NC=numbers_NC,
            offsets=np.cumsum([0, *lengths]),
            columns_E=columns_E[order],
            weights_E=(weights_E / sum_F[feature_E]).astype(np.float32),
        )


def _numbers(raws: Sequence[Mapping[str, Any]], features: Features) -> Doubles:
    """Return the continuous features of some rows as the model sees them: (N, C), NaN where missing."""
    names = list(features.continuous)
    known = [[raw.get(name) for name in names] for raw in raws]
    numbers_NC = np.array(known, dtype=np.float64).reshape(len(raws), len(names))  # None is NaN
    logged = [feature.transform == "log" for feature in features.continuous.values()]
    numbers_NC[:, logged] = np.log1p(numbers_NC[:, logged])
    return numbers_NC
