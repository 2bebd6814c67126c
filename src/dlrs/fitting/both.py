"""Fitting: the networks trained on some periods of a prepared data set."""

from __future__ import annotations

import hashlib
import json
import shutil
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from dlrs.fitting.history import fit_history, save_history_net
from dlrs.model.network import Network, save_nets
from dlrs.prepared import ITEMS_AS_OF, REUSE, Prepared
from dlrs.samples.pairs import Pairs
from dlrs.training.loop import Trained, train
from dlrs.training.retrieval import TrainedHistory
from dlrs.training.validation import Validation, validate_on
from dlrs.training.workers import ALONE, Workers

VALIDATED, REFIT = "validated", "refit"
"""The two trainings."""

HELD_BACK = 1_000_000
"""Pairs that early stopping looks at: the AUC of so many is known to about 0.0006, epochs differ by more."""


def checkpoints(prepared: Prepared, out: Path) -> Path:
    """Return where this training leaves its checkpoints on the way to `out`."""
    facts = {name: fact for name, fact in prepared.facts.items() if name not in (REUSE, ITEMS_AS_OF)}
    described = json.dumps([facts, prepared.recipe.model_dump(mode="json")], sort_keys=True)
    identity = hashlib.sha256((described + prepared.encoding.hash).encode()).hexdigest()[:12]
    out = out.absolute()
    return out.with_name(f".{out.name}.checkpoints") / identity


def remove_others(work: Path) -> None:
    """Remove what other trainings left beside these checkpoints."""
    for other in work.parent.glob("*") if work.parent.is_dir() else ():
        if other != work:
            shutil.rmtree(other)


AnyTrained = Trained | TrainedHistory


def fit_both(
    prepared: Prepared, work: Path, workers: Workers, at_once: int = 1
) -> tuple[AnyTrained, AnyTrained]:
    """Train twice: with the validation periods held back, then on all for as many epochs as were best."""
    until = prepared.validation_period
    validated = fit(prepared, work / VALIDATED, workers, until=until, at_once=at_once)
    until = prepared.cut_period
    return validated, fit(prepared, work / REFIT, workers, until=until, like=validated, at_once=at_once)


def write_both(both: tuple[AnyTrained, AnyTrained], work: Path, folder: Path) -> dict[str, Any]:
    """Write both networks and TensorBoard's files into `folder`, and return how the trainings went."""
    facts: dict[str, dict[str, Any]] = {}
    for name, trained in zip((VALIDATED, REFIT), both, strict=True):
        save_trained(trained, folder / name)
        shutil.copytree(work / name / "tensorboard", folder / "tensorboard" / name)
        facts[name] = {
            "best_epoch": trained.best_epoch,
            "history": [asdict(epoch) for epoch in trained.history],
        }
        if isinstance(trained, TrainedHistory):
            chosen = trained.network.settings
            kept = ("reading", "learning_rate", "user_ids", "start", "length")
            facts[name] |= {setting: getattr(chosen, setting) for setting in kept}
            facts[name]["prior"] = None if trained.prior is None else asdict(trained.prior)
            facts[name]["partner"] = _partner_facts(trained)
            facts[name]["low_pass"] = None if trained.low_pass is None else trained.low_pass.weight
    return facts


def _partner_facts(trained: TrainedHistory) -> dict[str, Any] | None:
    if trained.partner is None:
        return None
    chosen = trained.partner.trained.network.settings
    return {
        "reading": chosen.reading,
        "learning_rate": chosen.learning_rate,
        "user_ids": chosen.user_ids,
        "seed": chosen.seed,
        "share": trained.partner.share,
    }


def save_trained(trained: AnyTrained, folder: Path) -> None:
    """Write networks of either kind; `nets.open_nets` reads them."""
    if isinstance(trained, TrainedHistory):
        save_history_net(trained, folder)
    else:
        save_nets(trained.network, folder)


def fit(
    prepared: Prepared,
    folder: Path,
    workers: Workers = ALONE,
    *,
    until: int,
    like: AnyTrained | None = None,
    at_once: int = 1,
) -> AnyTrained:
    """Train the recipe's networks on the periods before `until`: as `like` was, or with early stopping.

    Of history networks that need nothing of each other `at_once` are trained, in processes of their own.
    """
    if prepared.recipe.training.network == "history":
        if not isinstance(like, TrainedHistory | None):
            raise TypeError("like: expected a history network, received the thesis's networks")
        return fit_history(prepared, folder, workers, until=until, like=like, at_once=at_once)
    epochs = None if like is None else like.best_epoch
    return fit_thesis(prepared, folder, workers, until=until, epochs=epochs)


def fit_thesis(
    prepared: Prepared, folder: Path, workers: Workers = ALONE, *, until: int, epochs: int | None = None
) -> Trained:
    """Train on the periods before `until`; without fixed epochs, stop by the AUC of those after it.

    Of more than `HELD_BACK` pairs after it, so many are drawn once: the same for every epoch.
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
        workers=workers,
    )


def _some(pairs: Pairs, seed: int) -> Pairs:
    if len(pairs) <= HELD_BACK:
        return pairs
    return pairs.take(np.random.default_rng(seed).choice(len(pairs), HELD_BACK, replace=False))
