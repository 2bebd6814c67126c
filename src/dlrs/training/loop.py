"""The training loop: it reads from top to bottom."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import assert_never

import numpy as np
import torch

from dlrs.errors import DataError, DlrsError
from dlrs.features.rows import EncodedRows, FeatureSpace
from dlrs.features.similarity import raw_cosine
from dlrs.model.network import Network, pair_cosine
from dlrs.model.objectives import Losses, multi_cos, multi_cos_bar, single
from dlrs.model.threads import one_thread
from dlrs.model.tower import row_tensors
from dlrs.progress import track
from dlrs.samples.batches import Batch, Batches
from dlrs.samples.pairs import Pairs
from dlrs.settings.training import Training
from dlrs.training.board import Board
from dlrs.training.checkpoint import CHECKPOINT, Checkpoint, identify
from dlrs.training.run import EpochResult, Run, best_epoch
from dlrs.training.validation import Validation, pair_logits
from dlrs.training.workers import ALONE, Workers

SHOWN = 8192
"""Pairs whose predictions TensorBoard shows after each epoch."""

Validate = Callable[[Network], Validation]


@dataclass(frozen=True)
class Trained:
    """A network with its best weights, ready to use, and how it came there."""

    network: Network
    history: tuple[EpochResult, ...]
    best_epoch: int  # counted from 1


@one_thread()
def train(
    pairs: Pairs,
    profiles: EncodedRows,
    versions: EncodedRows,
    space: FeatureSpace,
    settings: Training,
    *,
    folder: Path,
    epochs: int | None = None,
    validate: Validate | None = None,
    checkpoint_every: int = 2000,
    workers: Workers = ALONE,
) -> Trained:
    """Fit the three networks to labelled pairs of a row of `profiles` and a row of `versions`.

    Stops after `epochs` (default: those of the settings), or when `settings.patience` epochs
    brought no higher AUC of `validate(network)`; then the best epoch's weights are taken, without
    `validate` the last ones. `folder` gets a checkpoint every so many steps and after each epoch,
    and TensorBoard's files. A run that was interrupted goes on from there, and ends with the
    same weights as one that was not; one that had ended gives its result again. Of several workers each
    calls this with the same arguments, and gets the same network; `folder` must be the same to all.

    Raises:
        DataError: there are no pairs.
        DlrsError: the loss or the validation is no longer a number, or another worker is gone.
        ArtifactError: the folder's checkpoint is of a training with other settings or data.
    """
    _require_pairs(pairs)
    epochs = settings.epochs if epochs is None else epochs
    folder.mkdir(parents=True, exist_ok=True)
    order = settings.batch_size, settings.seed, settings.together
    batches = Batches(pairs, profiles, versions, *order, workers.rank, workers.count)
    with torch.random.fork_rng(devices=[]):  # the caller's random numbers stay as they are
        torch.manual_seed(settings.seed)
        network = Network(space, dropout=settings.dropout, bias_init=settings.bias_init)
        run = Run.begin(network, settings, workers)
        identity = _identity(batches, space, settings, validate)
        checkpoint = Checkpoint(folder / CHECKPOINT, identity, writes=workers.leads)
        checkpoint.restore(run)
        _require_agreement(run, identity, folder)
        shown = _sample(pairs, settings.seed)
        curves = folder / "tensorboard" if workers.leads else None
        with Board(curves, first_step=_steps(run, batches)) as board:
            while run.progress.epoch < epochs and not run.is_stale(settings.patience):
                network.train()
                for batch in _remaining(run, batches, epochs):
                    _seed_dropout(settings.seed, run)
                    losses = batch_losses(network, batch, settings, workers)
                    _require_finite(losses, run, settings)
                    run.descend(losses)
                    board.losses(losses, _steps(run, batches))
                    run.progress.add(losses, batch.whole)
                    if run.progress.step % checkpoint_every == 0:
                        checkpoint.save(run)
                network.eval()
                result = run.finish_epoch(_validation(validate, run))
                checkpoint.save(run)
                board.epoch(result, network, _steps(run, batches))
                if workers.leads:
                    logits_P = pair_logits(network, shown, profiles, versions)
                    board.predictions(logits_P, shown.label_P, _steps(run, batches))
    if run.best is not None:
        network.load_state_dict(run.best)
    history = tuple(run.progress.history)
    return Trained(network.eval(), history, best_epoch(history))


def batch_losses(network: Network, batch: Batch, settings: Training, workers: Workers = ALONE) -> Losses:
    """Return the losses of a whole batch; each distinct user and item of this share is embedded once."""
    mean = partial(workers.mean, whole=batch.whole)
    users = network.user_net(row_tensors(batch.users))
    items = network.item_net(row_tensors(batch.items))
    user_B, item_B = torch.from_numpy(batch.user_B), torch.from_numpy(batch.item_B)
    logits_B = network.logits(users, items, user_B, item_B)
    labels_B = torch.from_numpy(batch.label_B)
    match settings.objective:
        case "single":
            return single(logits_B, labels_B, mean=mean)
        case "multi-cos":
            raw_B = torch.from_numpy(
                raw_cosine(batch.users, batch.items, network.space, batch.user_B, batch.item_B)
            )
            cosine_B = pair_cosine(users, items, user_B, item_B)
            return multi_cos(
                logits_B, labels_B, cosine_B, raw_B, weight=settings.similarity_weight, mean=mean
            )
        case "multi-cos-bar":
            cosine_B = pair_cosine(users, items, user_B, item_B)
            return multi_cos_bar(logits_B, labels_B, cosine_B, weight=settings.similarity_weight, mean=mean)
        case _:
            assert_never(settings.objective)


def _identity(batches: Batches, space: FeatureSpace, settings: Training, validate: Validate | None) -> str:
    # A training may be resumed for more epochs than it was begun for.
    facts = settings.model_dump(mode="json", exclude={"epochs"}) | asdict(space)
    description = json.dumps({**facts, "validated": validate is not None}, sort_keys=True)
    return identify(description, batches.pairs, batches.profiles, batches.versions)


def _remaining(run: Run[Network], batches: Batches, epochs: int) -> Iterator[Batch]:
    progress = run.progress
    steps = batches.epoch(progress.epoch, step=progress.step)
    title = f"epoch {progress.epoch + 1} of {epochs}, {batches.size:,} pairs a step"
    return track(steps, title, total=len(batches) - progress.step)


def _steps(run: Run[Network], batches: Batches) -> int:
    return run.progress.epoch * len(batches) + run.progress.step


def _sample(pairs: Pairs, seed: int) -> Pairs:
    count = min(SHOWN, len(pairs))
    return pairs.take(np.random.default_rng(seed).choice(len(pairs), count, replace=False))


def _seed_dropout(seed: int, run: Run[Network]) -> None:
    """Make a worker's masks of a step depend on where it stands: then a resumed run draws the same."""
    entropy = np.random.SeedSequence([seed, run.progress.epoch, run.progress.step, run.workers.rank])
    # `torch.manual_seed` would do the same after it has formatted a stack trace, for most of a millisecond
    torch.default_generator.manual_seed(int(entropy.generate_state(1, np.uint64)[0]))


def _validation(validate: Validate | None, run: Run[Network]) -> Validation | None:
    if validate is None:
        return None
    value = Validation(0.0, 0.0)
    if run.workers.leads:
        with torch.no_grad():
            value = validate(run.network)
    value = Validation(*run.workers.told(torch.tensor(value, dtype=torch.float64)).tolist())
    if math.isnan(value.auc):
        raise DlrsError(
            f"training, epoch {run.progress.epoch + 1}: expected a number from the validation, received NaN. "
            "Check that its pairs hold positives and negatives."
        )
    return value


def _require_pairs(pairs: Pairs) -> None:
    if len(pairs) == 0:
        raise DataError(
            "training: expected pairs of users and items, received none. Give the training more weeks, "
            "or check that users with a profile interact with items of the catalogue in them."
        )


def _require_agreement(run: Run[Network], identity: str, folder: Path) -> None:
    """Make sure that all workers train the same, from the same step on."""
    own = torch.tensor([run.progress.epoch, run.progress.step, int(identity[:15], 16)])
    leaders = run.workers.told(own)
    if not torch.equal(own, leaders):
        raise DlrsError(
            f"training, rank {run.workers.rank}: expected the data and the checkpoint of rank 0 (epoch "
            f"{leaders[0] + 1}, step {leaders[1]}), received others (epoch {own[0] + 1}, step {own[1]}). Put "
            f"the prepared folder and {folder} where all workers see the same files."
        )


def _require_finite(losses: Losses, run: Run[Network], settings: Training) -> None:
    if not math.isfinite(losses.total.item()):
        raise DlrsError(
            f"training, epoch {run.progress.epoch + 1}, step {run.progress.step + 1}: expected a loss, "
            f"received {losses.total.item()}. Lower learning_rate (now {settings.learning_rate}) or "
            f"wide_learning_rate (now {settings.wide_learning_rate}), and check the inputs for NaN."
        )
