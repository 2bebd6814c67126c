"""Fitting of the history network on a prepared data set, and its worth on what was held back."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np
from safetensors.torch import save
from scipy import sparse

from dlrs.arrays import NO_ITEM, Floats, stores
from dlrs.candidates.exact import ExactIndex
from dlrs.candidates.generator import generate
from dlrs.candidates.histories import Histories, histories_before
from dlrs.candidates.vectors import ItemVectors
from dlrs.data.interactions import ALL_TIME
from dlrs.errors import DataError, DlrsError
from dlrs.evaluation.static import StaticTest, static_test
from dlrs.features.rows import FeatureSpace
from dlrs.metrics.ranked import per_user
from dlrs.model.history_forward import NETS, HistoryNets, save_history
from dlrs.model.history_net import HistoryNet
from dlrs.model.prior import Prior
from dlrs.prepared import Prepared
from dlrs.profiles.buckets import MICROSECOND
from dlrs.progress import stage
from dlrs.recipe import History
from dlrs.samples.passed import Passed
from dlrs.samples.sequences import Sequences
from dlrs.schema import USER
from dlrs.standing import prepared_standing
from dlrs.training.prior import Examples, fit_prior
from dlrs.training.retrieval import Log, TrainedHistory, Validate, train_history
from dlrs.training.workers import Workers


class Way(NamedTuple):
    """How a history network may be trained."""

    reading: Literal["set", "attention"]
    faster: float = 1.0  # than the recipe's learning rate
    user_ids: bool = False


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

BOARD = "tensorboard"

VALIDATED_BY = 10
"""NDCG@k with this k tells when to stop."""

MOST_USERS = 5_000
"""Users that early stopping looks at."""


def fit_history(
    prepared: Prepared, folder: Path, workers: Workers, *, until: int, like: TrainedHistory | None = None
) -> TrainedHistory:
    """Train on what happened before the start of period `until`.

    With `like`, as that network was trained: for as many epochs as were best for it. Without, stop by NDCG@10
    of what users turned to from there to the cut: exact retrieval from all items alive then. A recipe that
    asks for the best reading has each way of `COMPARED` trained, and takes the one with the highest NDCG@10.
    What users turned to then also says what the prior of items is, which the other training takes over.
    """
    if workers.count > 1:
        raise DlrsError(
            f"training: expected one process for the history network, received {workers.count}. "
            "Start it without torchrun."
        )
    end, settings = int(prepared.starts_Q[until]), prepared.recipe.history
    if like is not None:
        again = _fit(prepared, like.network.settings, folder, end, epochs=like.best_epoch)
        return replace(again, prior=like.prior)
    validation = _Validation.of(prepared, end)
    if settings.reading != "best":
        trained = _fit(prepared, settings, folder, end, validate=validation.ndcg)
    else:
        trained = _best(prepared, settings, folder, end, validation.ndcg)
    return replace(trained, prior=validation.prior(trained.network)) if settings.prior else trained


def _best(
    prepared: Prepared, settings: History, folder: Path, end: int, validate: Validate
) -> TrainedHistory:
    """Train each way of `COMPARED`, and return the one that validates best."""
    trained = {
        name: _fit(prepared, _varied(settings, way), folder / name, end, validate=validate)
        for name, way in COMPARED.items()
    }
    best = max(COMPARED, key=lambda name: trained[name].best_validation)
    shutil.copytree(folder / best / BOARD, folder / BOARD, dirs_exist_ok=True)
    return trained[best]


def _varied(settings: History, way: Way) -> History:
    rate = settings.learning_rate * way.faster
    changed = {"reading": way.reading, "learning_rate": rate, "user_ids": way.user_ids}
    return settings.model_copy(update=changed)


def _fit(
    prepared: Prepared,
    settings: History,
    folder: Path,
    end: int,
    *,
    epochs: int | None = None,
    validate: Validate | None = None,
) -> TrainedHistory:
    """Train on what happened before the moment `end`."""
    users = len(prepared.user_ids)
    before = prepared.interactions.between(ALL_TIME, end)
    negatives = prepared.negatives.between(ALL_TIME, end)
    log = Log(
        sequences=Sequences.collect(before, users),
        versions=prepared.encoded_versions,
        catalog=prepared.catalog,
        own_UO=_own_matrix(prepared, settings),
        types=len(prepared.recipe.marketplace.interaction_types),
        unordered=_unordered(settings),
        passed=Passed.collect(negatives, before, users) if settings.passed_negatives else None,
    )
    space = prepared.encoding.space
    return train_history(log, space, settings, folder=folder, epochs=epochs, validate=validate)


def history_without_torch(network: HistoryNet, prior: Prior | None = None) -> HistoryNets:
    """Return the network as numpy runs it; the weights are shared, not copied."""
    weights = {name: tensor.detach().numpy() for name, tensor in network.state_dict().items()}
    return HistoryNets(network.space, network.settings, weights, prior)


def save_history_net(trained: TrainedHistory, folder: Path) -> None:
    """Write weights, shape and prior into `folder`; `history_forward.load_history` reads them."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / NETS).write_bytes(save(trained.network.state_dict()))
    save_history(history_without_torch(trained.network, trained.prior), folder)


class _Validation:
    """A static test from the end of training to the cut."""

    def __init__(self, prepared: Prepared, test: StaticTest, histories: Histories, since: int) -> None:
        self._test = test
        self._standing = prepared_standing(prepared, since).take(test.items_A)
        self._items = prepared.encoded_versions.take(test.versions_A)
        self._profiles = prepared.strangers.take(test.users_U)
        self._histories = histories.take(test.users_U)
        self._known_UA = sparse.csr_array(test.known_UN[:, test.items_A])

    @classmethod
    def of(cls, prepared: Prepared, since: int) -> _Validation:
        """Judge on who met something before `since` and something new from then to the cut."""
        histories = histories_before(prepared, since)
        try:
            test = static_test(
                prepared.interactions,
                prepared.catalog,
                users=len(prepared.user_ids),
                since=since,
                until=int(prepared.starts_Q[-1]),
                profiled_users=np.flatnonzero(histories.any_U),
                max_users=MOST_USERS,
                seed=prepared.recipe.evaluation.seed,
                refused=prepared.refused,
            )
        except DataError as error:
            raise DataError(f"early stopping: {error}") from error
        return cls(prepared, test, histories, since)

    def prior(self, network: HistoryNet) -> Prior:
        """Return the prior of items behind this network."""
        users_UD, items_AD = self._embedded(network)
        relevant_UA = sparse.csr_array(self._test.relevant_UN[:, self._test.items_A])
        examples = Examples(users_UD, items_AD, self._standing, relevant_UA, self._known_UA)
        with stage("Fit the prior of items"):
            return fit_prior(examples, network.settings.temperature, network.settings.seed)

    def ndcg(self, network: HistoryNet) -> float:
        """Return the mean NDCG@10 of exact retrieval, without the prior of items."""
        users_UD, items_AD = self._embedded(network)
        test = self._test
        with stage("evaluate validation"):
            exact = ExactIndex.build(ItemVectors(items_AD, "inner-product"))
            found_UT = generate(exact, users_UD, VALIDATED_BY, self._known_UA).positions_UT
        items_UK = np.full((len(found_UT), VALIDATED_BY), NO_ITEM)
        items_UK[:, : found_UT.shape[1]] = np.where(found_UT >= 0, test.items_A[found_UT], NO_ITEM)
        relevant_U = test.positives(np.ones_like(test.cold_N))
        values = per_user(stores(test.relevant_UN, items_UK), relevant_U, [VALIDATED_BY])
        return float(values[f"ndcg@{VALIDATED_BY}"].mean())

    def _embedded(self, network: HistoryNet) -> tuple[Floats, Floats]:
        """Return e_u and e_v of users and items."""
        nets = history_without_torch(network)
        tokens = self._histories.tokens(nets)
        users_UD = nets.embed_users(self._profiles, tokens).embedding_ND
        return users_UD, nets.embed_items(self._items).embedding_ND


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
