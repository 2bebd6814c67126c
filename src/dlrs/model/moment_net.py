"""MomentNet: the score of a candidate from its features at the moment of a request, in numpy.

A linear part beside two layers of ELU, over standardised features. Training is `training.ranking`.

    R requests    C candidates of each    F features
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load_file, save_file

from dlrs.arrays import Floats
from dlrs.errors import ArtifactError

WEIGHTS = (
    *("mean", "scale", "linear.weight"),
    *("first.weight", "first.bias", "second.weight", "second.bias", "last.weight"),
)
LIMIT = 6
"""Standardised features are cut to ±LIMIT: a moment unlike all of the training stays within what was seen."""


@dataclass(frozen=True)
class MomentNet:
    """Reading only: one object may serve many threads. The features' order is that of the training."""

    weights: Mapping[str, Floats]

    @property
    def features(self) -> int:
        """F."""
        return len(self.weights["mean"])

    def scores(self, features_RCF: Floats) -> Floats:
        """Return how well each candidate fits, (R, C); only differences within a request mean anything.

        Raises:
            ValueError: another number of features than the network was trained with.
        """
        if features_RCF.shape[-1] != self.features:
            raise ValueError(
                f"MomentNet: expected {self.features} features, as in its training, "
                f"received {features_RCF.shape[-1]}."
            )
        weights = self.weights
        inputs = standardised(features_RCF, weights["mean"], weights["scale"])
        first = _elu(inputs @ weights["first.weight"].T + weights["first.bias"])
        second = _elu(first @ weights["second.weight"].T + weights["second.bias"])
        scores = inputs @ weights["linear.weight"].T + second @ weights["last.weight"].T
        return np.asarray(scores[..., 0], dtype=np.float32)

    def save(self, file: Path) -> None:
        """Write the weights as safetensors."""
        save_file({name: np.ascontiguousarray(self.weights[name]) for name in WEIGHTS}, file)

    @classmethod
    def load(cls, file: Path) -> Self:
        """Read what `save` wrote.

        Raises:
            ArtifactError: the file is no such network.
        """
        try:
            weights = load_file(file)
        except (OSError, SafetensorError) as error:
            raise ArtifactError(f"{file}: expected the weights of a ranker, received: {error}.") from error
        missing = sorted(set(WEIGHTS) - set(weights))
        if missing:
            raise ArtifactError(f"{file}: expected the weights of a ranker, received none for {missing}.")
        return cls(weights)


def standardised(features: Floats, mean_F: Floats, scale_F: Floats) -> Floats:
    """Return (feature − mean) / scale, cut to ±LIMIT."""
    inputs: Floats = np.clip((features - mean_F) / scale_F, -LIMIT, LIMIT)
    return inputs


def _elu(values: Floats) -> Floats:
    grown: Floats = np.where(values > 0, values, np.expm1(np.minimum(values, 0)))
    return grown
