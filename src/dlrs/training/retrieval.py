"""Training of the history network: each item that a user turned to, told from many that he did not.

The loss is softmax cross-entropy over the item and the negatives of the step, which all positions share
(sampled softmax: Bengio & Senécal, 2008). Negatives are drawn from the items alive at the moments of the
step's own targets, all alike; some more by how often they were met, if the recipe says so. Each logit has
log Q taken off, Q being how often the item is to be expected among the negatives, so that the popular ones
are not punished for being drawn (Yi et al., RecSys 2019). Where the log tells what a user passed by, some of
that stands beside them at each of his positions.

    B stretches of L events    P positions with a target    M negatives    S distinct versions of a step
    H negatives of one position alone
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
from scipy import sparse
from torch import Tensor
from torch.nn import functional
from torch.optim import Adam

from dlrs.arrays import Bools, Doubles, Ints
from dlrs.data.catalog import Catalog
from dlrs.errors import DataError, DlrsError
from dlrs.features.rows import EncodedRows, FeatureSpace
from dlrs.model.history_net import Bags, Events, HistoryNet, Sets
from dlrs.model.low_pass import LowPass
from dlrs.model.prior import Prior
from dlrs.model.threads import one_thread
from dlrs.model.tower import row_tensors
from dlrs.progress import track
from dlrs.samples.passed import Passed
from dlrs.samples.sequences import SequenceBatch, Sequences, sequence_batches
from dlrs.samples.sets import Pieces, SetBatch, set_batches
from dlrs.settings.training import History
from dlrs.training.board import Board
from dlrs.training.checkpoint import CHECKPOINT, Checkpoint, identify
from dlrs.training.run import ADAM, EpochResult, Run, best_epoch
from dlrs.training.spectral import spectral_start

REDRAWS = 4
"""So often a negative that was not alive at its moment is drawn again."""


@dataclass(frozen=True)
class Log:
    """What the network learns from: sequences of rows of `versions`, and what else there was to choose."""

    sequences: Sequences
    versions: EncodedRows
    catalog: Catalog
    own_UO: sparse.csr_array | None  # the features of the users' own, numbers first
    types: int
    unordered: int  # microseconds: see History.unordered
    passed: Passed | None = None  # what users were shown and passed by

    @property
    def end(self) -> int:
        """The time of its last event."""
        return int(self.sequences.time_E.max(initial=0))


@dataclass(frozen=True)
class TrainedPartner:
    """A network of another reading that stands beside one, and what it weighs (`model.partner`)."""

    trained: TrainedHistory
    share: float


@dataclass(frozen=True)
class TrainedHistory:
    """A network with its best weights, and how it came there."""

    network: HistoryNet
    history: tuple[EpochResult, ...]
    best_epoch: int  # counted from 1
    prior: Prior | None = None  # of items, fitted on what was held back
    low_pass: LowPass | None = None  # a second opinion, weighed on what was held back
    partner: TrainedPartner | None = None  # chosen and weighed there, too

    @property
    def best_validation(self) -> float:
        """The highest that `validate` said; ValueError if nobody asked it."""
        return max(epoch.validation for epoch in self.history if epoch.validation is not None)


Validate = Callable[[HistoryNet], float]
"""What a network is worth on what was held back: the higher the better."""


@one_thread()
def train_history(
    log: Log,
    space: FeatureSpace,
    settings: History,
    *,
    folder: Path,
    epochs: int | None = None,
    validate: Validate | None = None,
    checkpoint_every: int = 1000,
) -> TrainedHistory:
    """Fit the network to a log; `folder` gets a checkpoint every so many steps and after each epoch.

    Stops after `epochs` (default: those of the settings), or when `settings.patience` epochs brought no
    higher `validate(network)`; then the best epoch's weights are taken. A run that was interrupted goes on
    from there and ends with the same weights as one that was not.

    Raises:
        DataError: nobody met two items.
        DlrsError: the loss is no longer a number.
        ArtifactError: the folder's checkpoint is of a training with other settings or data.
    """
    if settings.reading == "best":
        raise ValueError('reading: expected what to train, received "best"; fitting.history chooses')
    epochs = settings.epochs if epochs is None else epochs
    folder.mkdir(parents=True, exist_ok=True)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(settings.seed)
        network = HistoryNet(space, settings, _used_columns(log, space, settings.minimum_uses), log.types)
        checkpoint = Checkpoint(folder / CHECKPOINT, _identity(log, space, settings, validate))
        if settings.start == "spectral" and not checkpoint.file.exists():
            _start(network, log)
        run = Run(network, {ADAM: Adam(network.parameters(), lr=settings.learning_rate, fused=True)})
        run.average_over(settings.averaged * _steps(log.sequences, settings))
        checkpoint.restore(run)
        negatives = Negatives(log, settings)
        with Board(folder / "tensorboard", first_step=run.progress.epoch) as board:
            while run.progress.epoch < epochs and not run.is_stale(settings.patience):
                network.train()
                for batch, sequences in _remaining(run, log, settings, epochs):
                    _seed(settings.seed, run)
                    _step(run, *_loss(network, log, sequences, batch, negatives, settings, run))
                    if run.progress.step % checkpoint_every == 0:
                        checkpoint.save(run)
                network.eval()
                with torch.no_grad():
                    result = run.close_epoch(None if validate is None else validate(run.judged.eval()))
                checkpoint.save(run)
                board.epoch(result, network, run.progress.epoch)
    network.load_state_dict(run.judged.state_dict() if run.best is None else run.best)
    return TrainedHistory(network.eval(), tuple(run.progress.history), best_epoch(run.progress.history))


def _step(run: Run[HistoryNet], loss: Tensor, count: int) -> None:
    if not torch.isfinite(loss):
        raise DlrsError(_not_finite(run))
    run.optimisers[ADAM].zero_grad()
    loss.backward()  # type: ignore[no-untyped-call]
    run.optimisers[ADAM].step()
    if run.averaged is not None:
        run.averaged.update_parameters(run.network)
    run.progress.count(loss.item(), count)


class Negatives:
    """Draws items that could have been chosen at given moments."""

    def __init__(self, log: Log, settings: History) -> None:
        self._catalog = log.catalog
        self._uniform, self._popular = settings.negatives, settings.popular_negatives
        met_N = np.bincount(log.sequences.item_E, minlength=log.catalog.items)
        self._share_N: Doubles = met_N / max(1, met_N.sum())
        begun_N = log.catalog.valid_from_V[log.catalog.first_N[:-1]] <= log.end
        self._begun = np.flatnonzero(begun_N)

    def draw(self, times_P: Ints, rng: np.random.Generator) -> tuple[Ints, Ints]:
        """Return M item rows and the versions of them at moments drawn from `times_P`."""
        moment_M = rng.choice(times_P, self._uniform + self._popular)
        item_M = self._begun[rng.integers(0, len(self._begun), len(moment_M))]
        gone = np.arange(self._uniform)
        for _ in range(REDRAWS):
            gone = gone[~self._alive(item_M[gone], moment_M[gone])]
            item_M[gone] = self._begun[rng.integers(0, len(self._begun), len(gone))]
        if self._popular:
            item_M[self._uniform :] = rng.choice(len(self._share_N), self._popular, p=self._share_N)
        return item_M, self._catalog.version_at(item_M, moment_M)

    def log_expected(self, items_P: Ints) -> Doubles:
        """Return log of how often each item is to be expected among the negatives: (P,)."""
        return np.log(self._uniform / len(self._begun) + self._popular * self._share_N[items_P])

    def _alive(self, items_P: Ints, times_P: Ints) -> Bools:
        versions_P = self._catalog.version_at(items_P, times_P)
        return (self._catalog.valid_from_V[versions_P] <= times_P) & (
            times_P < self._catalog.valid_to_V[versions_P]
        )


def _loss(
    network: HistoryNet,
    log: Log,
    sequences: Sequences,
    batch: SequenceBatch | SetBatch,
    negatives: Negatives,
    settings: History,
    run: Run[HistoryNet],
) -> tuple[Tensor, int]:
    """Return the loss of a batch, and how many positions it is the mean of."""
    if isinstance(batch, SetBatch):
        event_E, target_P = batch.event_E, batch.target_P
    else:
        new_BL = batch.known_BL & sequences.new_E[batch.target_BL]
        event_E, target_P = batch.event_BL[batch.known_BL], batch.target_BL[new_BL]
    if len(target_P) == 0:
        return network.anybody.sum() * 0, 0
    rng = np.random.default_rng([settings.seed, run.progress.epoch, run.progress.step])
    item_M, version_M = negatives.draw(sequences.time_E[target_P], rng)
    version_PH = _passed(log, sequences, target_P, settings.passed_negatives, rng)
    some_PH = version_PH >= 0
    wanted = (sequences.version_E[event_E], sequences.version_E[target_P], version_M, version_PH[some_PH])
    versions_S, place = np.unique(np.concatenate(wanted), return_inverse=True)
    items_SD = network.items(row_tensors(log.versions.take(versions_S)))
    ends = np.cumsum([len(part) for part in wanted])[:-1]
    place_E, place_P, place_M, place_X = (torch.from_numpy(part) for part in np.split(place, ends))
    type_E = torch.from_numpy(sequences.type_E[event_E]).long()
    if isinstance(batch, SetBatch):
        rows = (torch.from_numpy(part) for part in (batch.row_E, batch.row_P, batch.same_X, batch.asked_X))
        own = _own(log.own_UO, sequences, batch.start_B)
        users_PD = network.users_by_others(items_SD, Sets(place_E, type_E, *rows), own)
    else:
        known_BL = torch.from_numpy(batch.known_BL)
        place_BL = torch.full(known_BL.shape, -1).masked_scatter(known_BL, place_E)
        type_BL = torch.zeros(known_BL.shape, dtype=torch.long).masked_scatter(known_BL, type_E)
        own = _own(log.own_UO, sequences, batch.target_BL[:, -1])
        users_PD = network.users(items_SD, Events(place_BL, type_BL), own)[torch.from_numpy(new_BL)]
    users_PD = functional.normalize(users_PD, dim=-1)
    unit_SD = network.unit_items(items_SD)
    item_P = sequences.item_E[target_P]
    logits_P = (users_PD * unit_SD[place_P]).sum(1) / settings.temperature
    logits_PM = users_PD @ unit_SD[place_M].T / settings.temperature
    logits_PH = _logits_of_passed(users_PD, unit_SD, torch.from_numpy(some_PH), place_X, settings)
    if settings.popular_negatives:
        logits_P = logits_P - torch.from_numpy(negatives.log_expected(item_P)).float()
        logits_PM = logits_PM - torch.from_numpy(negatives.log_expected(item_M)).float()
    logits_PM = logits_PM.masked_fill(torch.from_numpy(item_M == item_P[:, None]), -torch.inf)
    all_logits = torch.cat([logits_P[:, None], logits_PM, logits_PH], dim=1)
    losses_P = torch.logsumexp(all_logits, dim=1) - logits_P
    return losses_P.mean(), len(target_P)


def _passed(log: Log, sequences: Sequences, target_P: Ints, count: int, rng: np.random.Generator) -> Ints:
    """Return versions that the user of each position passed by: (P, H), −1 for none."""
    if log.passed is None or count == 0:
        return np.empty((len(target_P), 0), dtype=np.int64)
    users_P = np.searchsorted(sequences.offsets_U1, target_P, side="right") - 1
    return log.passed.draw(users_P, count, rng)


def _logits_of_passed(
    users_PD: Tensor, unit_SD: Tensor, some_PH: Tensor, place_X: Tensor, settings: History
) -> Tensor:
    """Return the logits of what the positions' users passed by, −inf for none: (P, H)."""
    position_X = some_PH.nonzero()[:, 0]
    logits_X = (users_PD[position_X] * unit_SD[place_X]).sum(1) / settings.temperature
    nothing_PH = torch.full(some_PH.shape, -torch.inf)
    return nothing_PH.masked_scatter(some_PH, logits_X)


def _own(own_UO: sparse.csr_array | None, sequences: Sequences, event_B: Ints) -> Bags | None:
    """Return the own features of the users of these events, if users have any."""
    if own_UO is None:
        return None
    rows = own_UO[np.searchsorted(sequences.offsets_U1, event_B, side="right") - 1]
    return Bags(
        torch.from_numpy(rows.indices).int(), torch.from_numpy(rows.data), torch.from_numpy(rows.indptr).int()
    )


def _steps(sequences: Sequences, settings: History) -> int:
    """Return about how many steps an epoch has."""
    rng = np.random.default_rng(settings.seed)
    some = sequences if settings.users is None else sequences.some(settings.users, rng)
    if settings.reading == "set":
        pieces = Pieces.of(some.offsets_U1, settings.looks_back, settings.spread)
        return max(1, pieces.stretches // settings.batch_size)
    return some.batches(settings.looks_back, settings.batch_size)


def _start(network: HistoryNet, log: Log) -> None:
    """Put a new network where the log's singular vectors say."""
    last_N = log.catalog.last_before(log.end + 1)
    used_K = network.used_K.numpy()
    start = spectral_start(
        log.sequences,
        log.versions.take(last_N),
        network.space,
        used_K,
        network.settings.width - 1,
        network.settings.seed,
        log.own_UO,
    )
    own_OW = None if start.own_OW is None else torch.from_numpy(start.own_OW)
    network.start_from(torch.from_numpy(start.numbers_CW), torch.from_numpy(start.table_KW), own_OW)


def _used_columns(log: Log, space: FeatureSpace, minimum: int) -> Tensor:
    """Return 1 for each column that items of so many events have, else 0: (K,)."""
    events_V = np.bincount(log.sequences.version_E, minlength=len(log.versions))
    features = log.versions.features
    row_offsets = log.versions.offsets[:: max(1, features)]
    events_E = np.repeat(events_V, np.diff(row_offsets))
    uses_K = np.bincount(log.versions.columns_E, weights=events_E, minlength=space.columns)
    return torch.from_numpy(uses_K >= minimum)


def _remaining(
    run: Run[HistoryNet], log: Log, settings: History, epochs: int
) -> Iterator[tuple[SequenceBatch | SetBatch, Sequences]]:
    epoch, done = run.progress.epoch, run.progress.step
    rng = np.random.default_rng([settings.seed, epoch])
    some = log.sequences if settings.users is None else log.sequences.some(settings.users, rng)
    sequences = some.mixed(log.unordered, rng)
    total, batches = _batches(sequences, settings, rng)
    if total == 0:
        raise DataError(
            "training: expected users who met two items, received none. Give the training more time."
        )
    shown = track(batches, f"epoch {epoch + 1} of {epochs}, {settings.batch_size} histories a step", total)
    for number, batch in enumerate(shown):
        if number >= done:
            yield batch, sequences


def _batches(
    sequences: Sequences, settings: History, rng: np.random.Generator
) -> tuple[int, Iterator[SequenceBatch | SetBatch]]:
    """Return how many batches an epoch has, and them."""
    if settings.reading == "set":
        pieces = Pieces.of(sequences.offsets_U1, settings.looks_back, settings.spread)
        chosen = pieces.batches(settings.batch_size, rng) if len(pieces) else []
        return len(chosen), set_batches(sequences, pieces, chosen)
    starts_W, lengths_W = sequences.stretches(settings.looks_back, rng)
    count = -(-len(starts_W) // settings.batch_size)
    return count, sequence_batches(starts_W, lengths_W, settings.batch_size, rng)


def _seed(seed: int, run: Run[HistoryNet]) -> None:
    entropy = np.random.SeedSequence([seed, run.progress.epoch, run.progress.step, 1])
    torch.default_generator.manual_seed(int(entropy.generate_state(1, np.uint64)[0]))


def _identity(log: Log, space: FeatureSpace, settings: History, validate: Validate | None) -> str:
    # A training may be resumed for more epochs than it had; second opinion and partner come after it.
    later = {"epochs", "low_pass", "partner"}
    facts = settings.model_dump(mode="json", exclude=later) | asdict(space)
    description = json.dumps({**facts, "validated": validate is not None}, sort_keys=True)
    learned_from = (log.sequences, log.versions, *(() if log.passed is None else (log.passed,)))
    return identify(description, *learned_from)


def _not_finite(run: Run[HistoryNet]) -> str:
    return (
        f"training, epoch {run.progress.epoch + 1}, step {run.progress.step + 1}: expected a finite loss, "
        "received none. Lower history.learning_rate, or raise history.temperature."
    )
