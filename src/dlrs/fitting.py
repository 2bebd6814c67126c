"""Fitting: the networks trained on some periods of a prepared data set."""

from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path

import numpy as np

from dlrs.model.network import Network
from dlrs.prepared import REUSE, Prepared
from dlrs.samples.pairs import Pairs
from dlrs.training.loop import Trained, train
from dlrs.training.validation import Validation, validate_on

VALIDATED = 1_000_000
"""Pairs that early stopping looks at: the AUC of so many is known to about 0.0006, epochs differ by more."""


def checkpoints(prepared: Prepared, out: Path) -> Path:
    """Return where this training leaves its checkpoints; those of another one for `out` are removed."""
    facts = {name: fact for name, fact in prepared.facts.items() if name != REUSE}
    described = json.dumps([facts, prepared.recipe.model_dump(mode="json")], sort_keys=True)
    identity = hashlib.sha256((described + prepared.encoding.hash).encode()).hexdigest()[:12]
    out = out.absolute()
    place = out.with_name(f".{out.name}.checkpoints")
    for other in place.glob("*") if place.is_dir() else ():
        if other.name != identity:
            shutil.rmtree(other)
    return place / identity


def fit(prepared: Prepared, folder: Path, *, until: int, epochs: int | None = None) -> Trained:
    """Train on the periods before `until`; without fixed epochs, stop by the AUC of those after it.

    Of more than `VALIDATED` pairs after it, so many are drawn once: the same for every epoch.
    """
    settings = prepared.recipe.training
    following = _some(prepared.pairs.in_periods(until, prepared.cut_period), settings.seed)

    def validate(network: Network) -> Validation:
        return validate_on(network, following, prepared.profiles, prepared.encoded_versions)

    return train(
        prepared.pairs.in_periods(0, until),
        prepared.profiles,
        prepared.encoded_versions,
        prepared.encoding.space,
        settings,
        folder=folder,
        epochs=epochs,
        validate=validate if epochs is None else None,
    )


def _some(pairs: Pairs, seed: int) -> Pairs:
    if len(pairs) <= VALIDATED:
        return pairs
    return pairs.take(np.random.default_rng(seed).choice(len(pairs), VALIDATED, replace=False))
