"""Run: the state of one training between two steps."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Generic, TypeVar, cast

import torch
from torch import Tensor, nn
from torch.optim import Adam, Optimizer
from torch.optim.swa_utils import AveragedModel

from dlrs.model.network import Network
from dlrs.model.objectives import Losses
from dlrs.settings.training import Training
from dlrs.training.ftrl import Ftrl
from dlrs.training.validation import Validation
from dlrs.training.workers import ALONE, Workers

Weights = dict[str, Tensor]

ADAM, FTRL, SIMILARITY = "adam", "ftrl", "similarity"
"""The optimisers' names: of the deep part and the embeddings, of the wide part, and the second Adam."""


@dataclass(frozen=True)
class EpochResult:
    """What one epoch gave: means over its pairs, and what it is worth on pairs that were held back."""

    loss: float
    cross_entropy: float
    similarity_gap: float | None  # of `multi-cos` only
    validation: float | None  # the AUC; of the history network NDCG@10
    accuracy: float | None  # beside it


@dataclass
class Progress:
    """How far a training is. All but `history` belongs to the running epoch."""

    history: list[EpochResult] = field(default_factory=list)
    step: int = 0
    pairs: int = 0
    loss_sum: float = 0.0
    cross_entropy_sum: float = 0.0
    gap_sum: float | None = None

    @property
    def epoch(self) -> int:
        """Count of finished epochs: the running one's number, counted from 0."""
        return len(self.history)

    def add(self, losses: Losses, pairs: int) -> None:
        """Count one step more."""
        self.step += 1
        self.pairs += pairs
        self.loss_sum += losses.total.item() * pairs
        self.cross_entropy_sum += losses.cross_entropy.item() * pairs
        if losses.gap is not None:
            self.gap_sum = (self.gap_sum or 0.0) + losses.gap.item() * pairs

    def count(self, loss: float, places: int) -> None:
        """Count one step more, whose only loss is a mean over so many places."""
        self.step += 1
        self.pairs += places
        self.loss_sum += loss * places
        self.cross_entropy_sum += loss * places

    def result(self, validation: Validation | None) -> EpochResult:
        """Return what the running epoch gave, after its last step."""
        return EpochResult(
            loss=self.loss_sum / max(1, self.pairs),
            cross_entropy=self.cross_entropy_sum / max(1, self.pairs),
            similarity_gap=None if self.gap_sum is None else self.gap_sum / max(1, self.pairs),
            validation=None if validation is None else validation.auc,
            accuracy=None if validation is None else validation.accuracy,
        )


AnyNetwork = TypeVar("AnyNetwork", bound=nn.Module)


@dataclass
class Run(Generic[AnyNetwork]):
    """A network in training, its optimisers by name, how far it is, and its best weights so far.

    Where several workers train it, each has a run of its own, in the same state as the others'.
    """

    network: AnyNetwork
    optimisers: dict[str, Optimizer]
    workers: Workers = ALONE
    progress: Progress = field(default_factory=Progress)
    best: Weights | None = None
    averaged: AveragedModel | None = None

    @staticmethod
    def begin(network: Network, settings: Training, workers: Workers = ALONE) -> Run[Network]:
        """Give the wide part to FTRL and the rest to Adam, the embeddings to a second one too if need be."""
        rate = settings.learning_rate
        # The usual β = 1 is meant for gradients summed over examples; ours are means over a batch.
        smoothing = 1 / settings.batch_size
        optimisers: dict[str, Optimizer] = {
            ADAM: Adam(network.deep_parameters(), lr=rate, fused=True),
            FTRL: Ftrl(network.wide_parameters(), rate=settings.wide_learning_rate, smoothing=smoothing),
        }
        if settings.similarity_optimiser == "separate":
            optimisers[SIMILARITY] = Adam(network.embedding_parameters(), lr=rate, fused=True)
        return Run(network, optimisers, workers)

    def average_over(self, steps: float) -> None:
        """Keep, beside the weights, their mean over about so many steps, the last the most; 0: do not.

        Descent with a constant rate ends somewhere round a minimum; the mean lies nearer to it (Polyak &
        Juditsky, 1992).
        """
        if steps == 0:
            return
        share = 1 / max(1.0, steps)

        @torch.no_grad()
        def lean(means: Iterable[Tensor], weights: Iterable[Tensor], done: Tensor | int) -> None:
            for mean, weight in zip(means, weights, strict=True):
                mean.lerp_(weight, max(share, 1 / (int(done) + 1)))

        self.averaged = AveragedModel(self.network, multi_avg_fn=lean)

    @property
    def judged(self) -> AnyNetwork:
        """What validation looks at and what is kept: the mean, if there is one."""
        return self.network if self.averaged is None else cast(AnyNetwork, self.averaged.module)

    def descend(self, losses: Losses) -> None:
        """Take one step down the total loss; where there are two Adams, each goes down its own part."""
        for optimiser in self.optimisers.values():
            optimiser.zero_grad()
        if SIMILARITY in self.optimisers:
            self._descend_apart(losses, self.optimisers[SIMILARITY])
        else:
            self._descend(losses.total)

    def _descend(self, loss: Tensor) -> None:
        loss.backward()  # type: ignore[no-untyped-call]
        self.workers.add([weight.grad for weight in self.network.parameters() if weight.grad is not None])
        self.optimisers[ADAM].step()
        self.optimisers[FTRL].step()

    def _descend_apart(self, losses: Losses, second: Optimizer) -> None:
        assert losses.similarity is not None  # the settings allow two Adams for `multi-cos` only
        weights = second.param_groups[0]["params"]
        # both gradients are taken where the weights are now: the two steps add up
        gradients = torch.autograd.grad(losses.similarity, weights, retain_graph=True)
        self.workers.add(gradients)
        self._descend(losses.cross_entropy)
        for weight, gradient in zip(weights, gradients, strict=True):
            weight.grad = gradient
        second.step()

    def finish_epoch(self, validation: Validation | None) -> EpochResult:
        """Close the running epoch, and keep its weights if it is the best so far."""
        return self._close(self.progress.result(validation))

    def close_epoch(self, value: float | None) -> EpochResult:
        """Do the same where the validation is one number, the higher the better."""
        return self._close(replace(self.progress.result(None), validation=value))

    def _close(self, result: EpochResult) -> EpochResult:
        self.progress = Progress(history=[*self.progress.history, result])
        if result.validation is not None and best_epoch(self.progress.history) == self.progress.epoch:
            self.best = {name: tensor.clone() for name, tensor in self.judged.state_dict().items()}
        return result

    def is_stale(self, patience: int) -> bool:
        """Tell whether the last `patience` epochs brought no better validation."""
        history = self.progress.history
        return bool(history) and len(history) - best_epoch(history) >= patience


def best_epoch(history: Sequence[EpochResult]) -> int:
    """Return the epoch with the highest validation, the first of equals; without any, the last.

    Epochs are counted from 1.
    """
    values = [epoch.validation for epoch in history if epoch.validation is not None]
    return 1 + values.index(max(values)) if values else len(history)
