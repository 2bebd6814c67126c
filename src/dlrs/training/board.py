"""Board: what TensorBoard shows of a training [T §4.3.4]."""

from __future__ import annotations

from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np
from torch import nn
from torch.utils.tensorboard import SummaryWriter

from dlrs.arrays import Floats
from dlrs.model.objectives import Losses
from dlrs.training.run import EpochResult
from dlrs.training.validation import pair_accuracy

STEPS = 20
"""Losses are written every so many steps."""

VALUES = 100_000
"""A histogram looks at no more values than about this: a table of item ids has millions."""


class Board:
    """Losses by step; validation, accuracy, weights and predictions by epoch. Close it with `with`.

    Without a folder nothing is shown.
    """

    def __init__(self, folder: Path | None, *, first_step: int) -> None:
        # A killed run may have written steps after its last checkpoint: they will come again.
        self._writer = None if folder is None else SummaryWriter(str(folder), purge_step=first_step)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._writer is None:
            return
        try:
            if kind is None:
                self._writer.flush()  # tells, which closing does not, if the thread that writes has failed
        finally:
            self._writer.close()

    def losses(self, losses: Losses, step: int) -> None:
        """Show the losses of a step now and then."""
        if self._writer is None or step % STEPS:
            return
        self._writer.add_scalar("loss/total", losses.total.item(), step)
        self._writer.add_scalar("loss/cross_entropy", losses.cross_entropy.item(), step)
        if losses.gap is not None:
            self._writer.add_scalar("loss/similarity_gap", losses.gap.item(), step)

    def epoch(self, result: EpochResult, network: nn.Module, step: int) -> None:
        """Show an epoch's validation and the weights after it."""
        if self._writer is None:
            return
        self._writer.add_scalar("epoch/loss", result.loss, step)
        if result.validation is not None:
            self._writer.add_scalar("epoch/validation", result.validation, step)
        if result.accuracy is not None:
            self._writer.add_scalar("accuracy/validation", result.accuracy, step)
        for name, weight in network.state_dict().items():
            values = weight.flatten()
            if len(values):
                self._writer.add_histogram(f"weights/{name}", values[:: 1 + len(values) // VALUES], step)

    def predictions(self, logits_P: Floats, labels_P: Floats, step: int) -> None:
        """Show p̂ of training pairs, positives and negatives: they drift apart, toward 1 and 0."""
        if self._writer is None:
            return
        self._writer.add_scalar("accuracy/training", pair_accuracy(logits_P, labels_P), step)
        predicted_P = 1 / (1 + np.exp(-logits_P.astype(np.float64)))
        for name, chosen_P in (("positives", labels_P > 0), ("negatives", labels_P == 0)):
            if chosen_P.any():
                self._writer.add_histogram(f"predictions/{name}", predicted_P[chosen_P], step)
