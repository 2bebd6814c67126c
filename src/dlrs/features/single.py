"""Single: one profile encoded at a time, as requests come; the same as `Encoding.encode_profiles`.

Encoding many at once goes through tables; for one, looking each value up in a dictionary is quicker.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

import numpy as np

from dlrs.arrays import Doubles
from dlrs.data.one_row import OneRow, Shares
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
        self._shared = _Columns(encoding.items)
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
        row = self._shared.row(values, self._encoding.profile_scaler.apply(np.array([means + deviations])))
        if self._own is None or self._own_row is None or self._encoding.users is None:
            return row
        raw = own or {}
        scaled = self._encoding.users.scaler.apply(_numbers(raw, self._encoding.users.features))
        return row.beside(self._own.row(self._own_row.shares(raw), scaled), self._encoding.space)


class _Columns:
    """Where each value of each feature stands."""

    def __init__(self, table: TableEncoding) -> None:
        starts = np.cumsum([0, *table.sizes_F]).tolist()
        self._columns = [
            (name, {value: start + code for code, value in enumerate(values.to_pylist())})
            for (name, values), start in zip(table.vocabularies.items(), starts, strict=False)
        ]

    def row(self, values: Mapping[str, Shares], numbers_1C: Any) -> EncodedRows:
        """Lay out one row, the weights of each feature scaled to sum 1: see `table.pack`."""
        columns: list[int] = []
        weights: list[float] = []
        lengths = []
        for name, column_of in self._columns:
            before = len(columns)
            for value, weight in values.get(name, {}).items():
                column = column_of.get(value)
                if column is not None:
                    columns.append(column)
                    weights.append(weight)
            lengths.append(len(columns) - before)
        columns_E = np.array(columns, dtype=np.int32)
        order = np.argsort(columns_E, kind="stable")  # features follow each other already
        weights_E: Doubles = np.array(weights, dtype=np.float64)[order]
        feature_E = np.repeat(np.arange(len(lengths)), lengths)
        sum_F = np.bincount(feature_E, weights=weights_E, minlength=len(lengths))
        return EncodedRows(
            continuous_NC=numbers_1C,
            offsets=np.cumsum([0, *lengths]),
            columns_E=columns_E[order],
            weights_E=(weights_E / sum_F[feature_E]).astype(np.float32),
        )


def _numbers(raw: Mapping[str, Any], features: Features) -> Doubles:
    """Return the continuous features of one row as the model sees them: (1, C), NaN where missing."""
    known = [raw.get(name) for name in features.continuous]
    numbers_1C = np.array([[np.nan if number is None else number for number in known]], dtype=np.float64)
    logged = [feature.transform == "log" for feature in features.continuous.values()]
    numbers_1C[:, logged] = np.log1p(numbers_1C[:, logged])
    return numbers_1C
