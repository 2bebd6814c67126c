"""Scaler: continuous features z-normalised by the sample standard deviation (method §3)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from dlrs.arrays import Doubles, Floats

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
    def fit(cls, columns: Iterable[Doubles]) -> Scaler:
        """Learn means and sample standard deviations of C columns, leaving NaN out."""
        moments = [_moments(column_N[~np.isnan(column_N)]) for column_N in columns]
        mean_C, std_C = np.array(moments, dtype=np.float64).reshape(-1, 2).T
        varies_C = std_C > ROUNDING * np.maximum(1.0, np.abs(mean_C))
        return cls(mean_C, np.where(varies_C, std_C, np.inf))

    def apply(self, values_NC: Doubles) -> Floats:
        """Return (x − mean) / std as float32, no farther from 0 than `FARTHEST`."""
        scaled_NC = np.minimum(np.maximum((values_NC - self.mean_C) / self.std_C, -FARTHEST), FARTHEST)
        return np.where(np.isnan(scaled_NC), 0, scaled_NC).astype(np.float32)

    def to_json(self) -> dict[str, Any]:
        """Return the numbers as JSON knows them, which has no infinity."""
        deviations = [std if np.isfinite(std) else None for std in self.std_C.tolist()]
        return {"mean": self.mean_C.tolist(), "std": deviations}

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> Scaler:
        """Read what `to_json` gave."""
        deviations = [np.inf if std is None else std for std in content["std"]]
        return cls(np.array(content["mean"], dtype=np.float64), np.array(deviations, dtype=np.float64))


def _moments(known_N: Doubles) -> tuple[float, float]:
    if len(known_N) == 0:
        return 0.0, 0.0
    mean = known_N.mean()
    square = ((known_N - mean) ** 2).sum()
    return float(mean), float(np.sqrt(square / max(len(known_N) - 1, 1)))
