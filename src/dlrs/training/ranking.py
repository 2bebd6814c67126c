"""Training of the ranker of a moment: a softmax over the candidates of each request.

R requests    C candidates of each    F features    B requests of a batch
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from dlrs.arrays import NO_ITEM, Bools, Floats, Ints, stores
from dlrs.errors import DataError, DlrsError
from dlrs.model.dense import Dense
from dlrs.model.dropout import Dropout
from dlrs.model.moment_net import MomentNet, standardised
from dlrs.model.threads import one_thread
from dlrs.progress import track
from dlrs.ranking.moments import MomentRetrieval, features
from dlrs.ranking.past import Past
from dlrs.ranking.requests import Answered
from dlrs.ranking.shortlist import Shortlists, Sizes


@dataclass(frozen=True)
class Settings:
    """How the ranker is trained."""

    sizes: Sizes = field(default_factory=Sizes)
    negatives: int = 100  # candidates of each request, drawn from its shortlist, beside the positives
    hidden: int = 32
    dropout: float = 0.1
    epochs: int = 4
    batch: int = 64
    learning_rate: float = 1e-2
    decay: float = 1e-3
    seed: int = 0


@dataclass(frozen=True)
class Lists:
    """R requests with the features of C candidates of each, at least one of which was sought."""

    features_RCF: Floats
    sought_RC: Bools
    there_RC: Bools  # False where a request has fewer candidates


def lists_of(
    past: Past, asked: Answered, settings: Settings, retrieval: MomentRetrieval | None = None
) -> Lists:
    """Return what the ranker learns from: of each request's shortlist what was sought and some that was not.

    Requests whose shortlist has nothing that was sought are left out; what a user had met before, too.

    Raises:
        DataError: no request is left.
    """
    items_RC = Shortlists(past, settings.sizes, retrieval)(asked.requests)
    there_RC = (items_RC != NO_ITEM) & ~past.met(asked.requests, np.maximum(items_RC, 0))
    sought_RC = stores(asked.sought_RN, items_RC) & there_RC
    kept_RC = _drawn(sought_RC, there_RC, settings)
    some = np.flatnonzero(sought_RC.any(axis=1))
    if not len(some):
        raise DataError(
            f"ranker: expected a request whose candidates hold what was sought, received none among "
            f"{len(items_RC)}. Give it more candidates, or a log that is longer."
        )
    columns_RC = np.argsort(~kept_RC[some], axis=1, kind="stable")[:, : int(kept_RC[some].sum(axis=1).max())]
    items_RC, sought_RC, there_RC = (
        np.take_along_axis(values[some], columns_RC, axis=1) for values in (items_RC, sought_RC, kept_RC)
    )
    return Lists(features(past, asked.requests.take(some), items_RC, retrieval), sought_RC, there_RC)


def _drawn(sought_RC: Bools, there_RC: Bools, settings: Settings) -> Bools:
    """Keep what was sought and `negatives` others of each row."""
    rng = np.random.default_rng(settings.seed)
    lot_RC = rng.random(sought_RC.shape)
    lot_RC[~there_RC | sought_RC] = 2  # behind all that are drawn
    order_RC = np.argsort(np.argsort(lot_RC, axis=1), axis=1)
    return np.asarray(sought_RC | ((order_RC < settings.negatives) & (lot_RC < 2)))


class _Net(nn.Module):
    def __init__(self, inputs: int, hidden: int, dropout: float) -> None:
        super().__init__()
        self.linear = nn.Linear(inputs, 1, bias=False)
        nn.init.zeros_(self.linear.weight)
        self.first = Dense(inputs, hidden, bias_init="zeros")
        self.second = Dense(hidden, hidden, bias_init="zeros")
        self.last = nn.Linear(hidden, 1, bias=False)
        self.dropout = Dropout(dropout)

    def forward(self, inputs: Tensor) -> Tensor:
        first = self.dropout(functional.elu(self.first(inputs)))
        second = self.dropout(functional.elu(self.second(first)))
        scores: Tensor = (self.linear(inputs) + self.last(second))[..., 0]
        return scores


def listwise(scores_BC: Tensor, sought_BC: Tensor, there_BC: Tensor) -> Tensor:
    """Return −mean over requests of the mean ln p of what was sought; p is a softmax over what is there."""
    ln_p_BC = functional.log_softmax(scores_BC.masked_fill(~there_BC, -torch.inf), dim=1)
    sums_B = ln_p_BC.masked_fill(~sought_BC, 0).sum(dim=1)
    return -(sums_B / sought_BC.sum(dim=1)).mean()


@one_thread()
def train_ranker(lists: Lists, settings: Settings) -> MomentNet:
    """Fit the network to the lists; the same lists and settings give the same bits on one machine.

    Raises:
        DlrsError: the loss is no longer a number.
    """
    mean_F, scale_F = _scales(lists)
    inputs_RCF = torch.from_numpy(standardised(lists.features_RCF, mean_F, scale_F))
    sought_RC, there_RC = torch.from_numpy(lists.sought_RC), torch.from_numpy(lists.there_RC)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(settings.seed)
        net = _Net(inputs_RCF.shape[-1], settings.hidden, settings.dropout)
        optimiser = torch.optim.AdamW(
            net.parameters(), lr=settings.learning_rate, weight_decay=settings.decay
        )
        steps = settings.epochs * -(-len(inputs_RCF) // settings.batch)
        falling = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, steps)
        for epoch in track(range(settings.epochs), "Train the ranker"):
            for batch in _batches(len(inputs_RCF), settings, epoch):
                loss = listwise(net(inputs_RCF[batch]), sought_RC[batch], there_RC[batch])
                if not torch.isfinite(loss):
                    raise DlrsError("ranker: its loss is no longer a number. Try a lower learning rate.")
                optimiser.zero_grad()
                loss.backward()  # type: ignore[no-untyped-call]
                optimiser.step()
                falling.step()
    weights = {name: tensor.detach().numpy().copy() for name, tensor in net.state_dict().items()}
    return MomentNet({"mean": mean_F, "scale": scale_F} | weights)


def _scales(lists: Lists) -> tuple[Floats, Floats]:
    """Return mean and standard deviation of each feature over the candidates; 1 where it never changes."""
    values_PF = lists.features_RCF[lists.there_RC]
    scale_F = values_PF.std(axis=0, dtype=np.float64)
    mean_F = values_PF.mean(axis=0, dtype=np.float64)
    return mean_F.astype(np.float32), np.where(scale_F > 1e-6, scale_F, 1).astype(np.float32)


def _batches(requests: int, settings: Settings, epoch: int) -> list[Tensor]:
    order_R: Ints = np.random.default_rng((settings.seed, epoch)).permutation(requests)
    return list(torch.split(torch.from_numpy(order_R), settings.batch))
