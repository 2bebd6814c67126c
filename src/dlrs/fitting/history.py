"""Fitting of the history network on a prepared data set, and its worth on what was held back."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np
from scipy import sparse

from dlrs.data.interactions import ALL_TIME
from dlrs.errors import DlrsError
from dlrs.features.rows import FeatureSpace
from dlrs.fitting.held_back import HeldBack
from dlrs.model.history_forward import HistoryNets, save_history
from dlrs.model.history_net import HistoryNet
from dlrs.model.low_pass import LowPass
from dlrs.model.partner import Partner
from dlrs.model.prior import Prior
from dlrs.prepared import Prepared
from dlrs.profiles.buckets import MICROSECOND
from dlrs.progress import stage
from dlrs.recipe import Recipe
from dlrs.samples.passed import Passed
from dlrs.samples.sequences import Sequences
from dlrs.schema import USER
from dlrs.settings.training import History
from dlrs.training.apart import run_apart
from dlrs.training.low_pass import fit_low_pass
from dlrs.training.retrieval import Log, TrainedHistory, TrainedPartner, Validate, train_history
from dlrs.training.workers import Workers


class Way(NamedTuple):
    """How a history network may be trained."""

    reading: Literal["set", "attention"]
    faster: float = 1.0  # than the recipe's learning rate
    user_ids: bool = False
    start: Literal["spectral", "random"] | None = None  # none: the recipe's


COMPARED: Mapping[str, Way] = {
    "set": Way("set"),
    "set, slowly": Way("set", faster=0.25),
    "set, with ids of users": Way("set", user_ids=True),
    "attention": Way("attention"),
}
"""What `reading = "best"` chooses from.

Small logs are learnt by heart within an epoch or two unless the steps are short. An embedding of his own
tells more of a user than what he met where he met much, and is learnt by heart where he met little.
"""

FROM_NOWHERE = "set, from a random start"

ALL_NEW = 0.9
"""The share of what users turned to that must be new for `FROM_NOWHERE` to be tried as well: a map of what
was met together says little of what nobody met, and holds its features back."""

BOARD, FIRST, PARTNER = "tensorboard", "first", "partner"


class _Fit(NamedTuple):
    """One training: how, where its checkpoints lie, and on what happened before which moment."""

    settings: History
    folder: Path
    end: int  # microseconds since the epoch
    epochs: int | None = None  # none: as many as validate well


def fit_history(
    prepared: Prepared,
    folder: Path,
    workers: Workers,
    *,
    until: int,
    like: TrainedHistory | None = None,
    at_once: int = 1,
) -> TrainedHistory:
    """Train on what happened before the start of period `until`.

    With `like`, as that network was trained: for as many epochs as were best for it. Without, stop by NDCG@10
    of what users turned to from there to the cut: exact retrieval from all items alive then, by the network
    with the prior that suits it. A recipe that asks for the best reading has several `ways` trained,
    and takes the one with the highest NDCG@10, with the other beside it that helps it most, if one does
    (`model.partner`); or one of another seed, if the recipe asks for that. What users turned to then also
    says what else stands beside the network (`held_back.HeldBack.beside`): the other training takes over the
    prior and what the second opinion weighs.

    Networks that need nothing of each other are trained `at_once`, in processes of their own; how many that
    are changes no bit of what is learnt.
    """
    if workers.count > 1:
        raise DlrsError(
            f"training: expected one process for the history network, received {workers.count}. "
            "Start it without torchrun."
        )
    end, settings = int(prepared.starts_Q[until]), prepared.recipe.history
    if like is not None:
        return _fit_like(like, prepared, folder, end, at_once)
    held_back = HeldBack.of(prepared, end)
    if settings.reading == "best":
        trained = _best(prepared, settings, folder, held_back, end, at_once)
    else:
        trained = _chosen(prepared, settings, folder, held_back, end, at_once)
    low_pass = _low_pass(trained, prepared, end) if settings.low_pass and held_back.is_settled else None
    beside = held_back.beside(_bare(trained), low_pass, prior=settings.prior)
    return replace(trained, prior=beside.prior, low_pass=beside.low_pass)


def _fit_like(
    like: TrainedHistory, prepared: Prepared, folder: Path, end: int, at_once: int
) -> TrainedHistory:
    """Train as another was, on what happened before `end`, with what stands beside it."""
    fits = {FIRST: _Fit(like.network.settings, folder, end, like.best_epoch)}
    if like.partner is not None:
        other = like.partner.trained
        fits[PARTNER] = _Fit(other.network.settings, folder / PARTNER, end, other.best_epoch)
    trained = _fit_all(prepared, fits, None, at_once)
    again = trained[FIRST]
    if like.partner is not None:
        again = replace(again, partner=replace(like.partner, trained=trained[PARTNER]))
    return replace(again, prior=like.prior, low_pass=_low_pass_like(like.low_pass, again, prepared, end))


def _chosen(
    prepared: Prepared, settings: History, folder: Path, held_back: HeldBack, end: int, at_once: int
) -> TrainedHistory:
    """Train with one reading; with a partner of another seed, if the recipe asks for that."""
    fits = {FIRST: _Fit(settings, folder, end)}
    if settings.partner == "seed":
        fits[PARTNER] = _Fit(settings.model_copy(update={"seed": settings.seed + 1}), folder / PARTNER, end)
    trained = _fit_all(prepared, fits, held_back, at_once)
    if settings.partner != "seed":
        return trained[FIRST]
    return replace(trained[FIRST], partner=TrainedPartner(trained[PARTNER], 0.5))


def ways(settings: History, new_share: float) -> Mapping[str, Way]:
    """Return what `reading = "best"` trains where such a share of what users turned to was new."""
    if settings.start == "random" or new_share < ALL_NEW:
        return COMPARED
    return {**COMPARED, FROM_NOWHERE: Way("set", start="random")}


def _best(
    prepared: Prepared, settings: History, folder: Path, held_back: HeldBack, end: int, at_once: int
) -> TrainedHistory:
    """Train each of the `ways`; return the one that validates best, with a partner if one helps it."""
    compared = ways(settings, held_back.new_share)
    fits = {name: _Fit(_varied(settings, way), folder / name, end) for name, way in compared.items()}
    trained = _fit_all(prepared, fits, held_back, at_once)
    best = max(compared, key=lambda name: trained[name].best_validation)
    shutil.copytree(folder / best / BOARD, folder / BOARD, dirs_exist_ok=True)
    if settings.partner == "seed":
        return _chosen(prepared, fits[best].settings, folder / best, held_back, end, at_once)
    if settings.partner == "none":
        return trained[best]
    others = {name: _bare(one) for name, one in trained.items() if name != best}
    found = held_back.partner(_bare(trained[best]), others, prior=settings.prior)
    if found is None:
        return trained[best]
    name, share = found
    return replace(trained[best], partner=TrainedPartner(trained[name], share))


def _fit_all(
    prepared: Prepared, fits: Mapping[str, _Fit], held_back: HeldBack | None, at_once: int
) -> dict[str, TrainedHistory]:
    """Train several networks; those of `run_apart` are done then, and only read here."""
    if min(at_once, len(fits)) > 1:
        with stage(f"Train {len(fits)} networks, {min(at_once, len(fits))} at once"):
            run_apart(
                _fit_alone,
                {name: (prepared.folder, prepared.facts, prepared.recipe, fit) for name, fit in fits.items()},
                at_once,
            )
    return {name: _fit(prepared, fit, held_back) for name, fit in fits.items()}


def _fit_alone(folder: Path, facts: Mapping[str, Any], recipe: Recipe, fit: _Fit) -> None:
    """Train one network in a process of its own."""
    prepared = replace(Prepared.load(folder, facts), recipe=recipe)
    _fit(prepared, fit, HeldBack.of(prepared, fit.end) if fit.epochs is None else None)


def _ndcg(held_back: HeldBack, settings: History) -> Validate:
    return lambda network: held_back.ndcg(_without_torch(network), prior=settings.prior)


def _varied(settings: History, way: Way) -> History:
    changed = {
        "reading": way.reading,
        "learning_rate": settings.learning_rate * way.faster,
        "user_ids": way.user_ids,
        "start": way.start or settings.start,
    }
    return settings.model_copy(update=changed)


def _fit(prepared: Prepared, fit: _Fit, held_back: HeldBack | None) -> TrainedHistory:
    """Train one network, or go on from its checkpoint."""
    users, settings = len(prepared.user_ids), fit.settings
    settings = settings.model_copy(update={"length": settings.looks_back})  # said in full where it is kept
    before = prepared.interactions.between(ALL_TIME, fit.end)
    negatives = prepared.negatives.between(ALL_TIME, fit.end)
    log = Log(
        sequences=Sequences.collect(before, users),
        versions=prepared.encoded_versions,
        catalog=prepared.catalog,
        own_UO=_own_matrix(prepared, settings),
        types=len(prepared.recipe.marketplace.interaction_types),
        unordered=_unordered(settings),
        passed=Passed.collect(negatives, before, users) if settings.passed_negatives else None,
    )
    return train_history(
        log,
        prepared.encoding.space,
        settings,
        folder=fit.folder,
        epochs=fit.epochs,
        validate=None if held_back is None else _ndcg(held_back, settings),
    )


def _low_pass(trained: TrainedHistory, prepared: Prepared, end: int) -> LowPass:
    """Return the second opinion of what happened before `end`, with the weight 1."""
    before = prepared.interactions.between(ALL_TIME, end)
    last_N = prepared.catalog.last_before(end)
    network = trained.network
    return fit_low_pass(
        Sequences.collect(before, len(prepared.user_ids)),
        prepared.encoded_versions.take(last_N),
        network.space,
        network.used_K.numpy(),
        network.settings.width,
        network.settings.seed,
    )


def _low_pass_like(
    like: LowPass | None, trained: TrainedHistory, prepared: Prepared, end: int
) -> LowPass | None:
    return None if like is None else replace(_low_pass(trained, prepared, end), weight=like.weight)


def save_history_net(trained: TrainedHistory, folder: Path) -> None:
    """Write weights, shape and prior into `folder`; `history_forward.load_history` reads them."""
    folder.mkdir(parents=True, exist_ok=True)
    nets = _bare(trained, trained.prior)
    save_history(nets if trained.low_pass is None else nets.with_low_pass(trained.low_pass), folder)


def _bare(trained: TrainedHistory, prior: Prior | None = None) -> HistoryNets:
    """Return a network with its partner as numpy runs them, without a second opinion."""
    if trained.partner is None:
        return _without_torch(trained.network, prior)
    partner = Partner(_without_torch(trained.partner.trained.network), trained.partner.share)
    return _without_torch(trained.network, prior, partner)


def _without_torch(
    network: HistoryNet, prior: Prior | None = None, partner: Partner | None = None
) -> HistoryNets:
    """Return the network as numpy runs it; the weights are shared, not copied."""
    weights = {name: tensor.detach().numpy() for name, tensor in network.state_dict().items()}
    return HistoryNets(network.space, network.settings, weights, prior, partner)


def _unordered(settings: History) -> int:
    """Return the span (microseconds) within which events have no order."""
    if settings.reading == "set":
        return int(np.iinfo(np.int64).max)
    return 0 if settings.unordered is None else settings.unordered // MICROSECOND


def _own_matrix(prepared: Prepared, settings: History) -> sparse.csr_array | None:
    """Return the users' own features; without their ids, where these are there but not asked for."""
    if prepared.own_features is None:
        return None
    space = prepared.encoding.space
    own = FeatureSpace(space.own_continuous, space.own_categorical, space.own_sizes_F)
    own_UO = prepared.own_features.matrix(own, side="item")
    if settings.user_ids:
        return own_UO
    asked_O = np.zeros(own_UO.shape[1], dtype=np.float32)
    asked_O[space.own_columns_but(USER)] = 1
    own_UO = sparse.csr_array(own_UO @ sparse.diags_array(asked_O))
    own_UO.eliminate_zeros()
    return own_UO
