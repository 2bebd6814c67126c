"""Training of the history network: it learns what follows what, and goes on where it was."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch.nn import functional

from dlrs.data.catalog import FOREVER, Catalog
from dlrs.data.interactions import Interactions
from dlrs.errors import DataError
from dlrs.features.rows import EncodedRows, FeatureSpace
from dlrs.model.history_net import Events, HistoryNet
from dlrs.model.tower import row_tensors
from dlrs.samples.passed import Passed
from dlrs.samples.sequences import Sequences
from dlrs.settings.training import History
from dlrs.training.retrieval import Log, Negatives, train_history

ITEMS, USERS = 12, 80
SPACE = FeatureSpace((), ("id",), (ITEMS,))
SETTINGS = History(
    width=16, length=6, negatives=10, batch_size=16, epochs=30, dropout=0, field_dropout=0, learning_rate=0.01
)


def versions() -> EncodedRows:
    """Return one version of each item, which has its id for its only feature."""
    everything = np.arange(ITEMS)
    return EncodedRows(
        np.empty((ITEMS, 0), dtype=np.float32),
        np.arange(ITEMS + 1),
        everything.astype(np.int32),
        np.ones(ITEMS, dtype=np.float32),
    )


def always(begin: int = 0) -> Catalog:
    everything = np.arange(ITEMS)
    return Catalog(ITEMS, everything, np.full(ITEMS, begin), np.full(ITEMS, FOREVER))


def walks() -> Log:
    """Return users who walk round the items, each from an item of his own: item i is followed by i + 1."""
    user_E = np.repeat(np.arange(USERS), 5)
    item_E = (user_E + np.tile(np.arange(5), USERS)) % ITEMS
    time_E = np.tile(np.arange(5), USERS) * 1000 + user_E
    order = np.argsort(time_E, kind="stable")
    user_E, item_E, time_E = user_E[order], item_E[order], time_E[order]
    log = Interactions(user_E, item_E, item_E, np.zeros_like(item_E), time_E)
    return Log(Sequences.collect(log, USERS), versions(), always(), None, 1, 0)


def following(network: HistoryNet) -> list[int]:
    """Return the best item after each."""
    with torch.no_grad():
        items_SD = network.items(row_tensors(versions()))
        place_BL = torch.arange(ITEMS)[:, None]
        users = network.users(items_SD, Events(place_BL, torch.zeros_like(place_BL)), None)[:, -1]
        scores = functional.normalize(users, dim=-1) @ network.unit_items(items_SD).T
    best: list[int] = scores.argmax(dim=1).tolist()
    return best


def test_it_learns_what_follows_what(tmp_path: Path) -> None:
    trained = train_history(walks(), SPACE, SETTINGS, folder=tmp_path)
    assert following(trained.network) == [(item + 1) % ITEMS for item in range(ITEMS)]
    assert trained.history[-1].loss < 0.5 * trained.history[0].loss


def test_it_learns_from_a_few_users_an_epoch(tmp_path: Path) -> None:
    """A fifth of them is drawn anew each time, so that none of the walks is left out for long."""
    few = SETTINGS.model_copy(update={"users": USERS // 5, "epochs": 120})
    trained = train_history(walks(), SPACE, few, folder=tmp_path)
    assert following(trained.network) == [(item + 1) % ITEMS for item in range(ITEMS)]
    assert len({epoch.loss for epoch in trained.history}) > 100


def test_an_interrupted_training_ends_with_the_same_weights(tmp_path: Path) -> None:
    whole = train_history(walks(), SPACE, SETTINGS, folder=tmp_path / "whole", epochs=3)

    class Stop(Exception):  # noqa: N818
        pass

    def stop(network: HistoryNet) -> float:
        raise Stop

    settings, folder = SETTINGS, tmp_path / "interrupted"
    train_history(walks(), SPACE, settings, folder=folder, epochs=1, checkpoint_every=2)
    resumed = train_history(walks(), SPACE, settings, folder=folder, epochs=3, checkpoint_every=2)
    for name, tensor in whole.network.state_dict().items():
        assert torch.equal(tensor, resumed.network.state_dict()[name]), name

    validated = tmp_path / "validated"
    with pytest.raises(Stop):  # killed after the last step of an epoch, before its checkpoint
        train_history(walks(), SPACE, settings, folder=validated, epochs=1, validate=stop, checkpoint_every=2)
    again = train_history(
        walks(), SPACE, settings, folder=validated, epochs=1, validate=lambda _: 1.0, checkpoint_every=2
    )
    once = train_history(walks(), SPACE, settings, folder=tmp_path / "once", epochs=1)
    for name, tensor in once.network.state_dict().items():
        assert torch.equal(tensor, again.network.state_dict()[name]), name


def test_it_stops_when_validation_no_longer_rises_and_takes_the_best_weights(tmp_path: Path) -> None:
    values = iter([0.3, 0.5, 0.4, 0.5, 0.1])
    settings = SETTINGS.model_copy(update={"patience": 2})
    trained = train_history(walks(), SPACE, settings, folder=tmp_path, validate=lambda _: next(values))
    assert len(trained.history) == 4
    assert trained.best_epoch == 2


def test_negatives_were_there_at_their_moment() -> None:
    log = walks()
    half = np.where(np.arange(ITEMS) < 6, 0, 3000)  # the second half of the items begins later
    log = Log(
        log.sequences,
        log.versions,
        Catalog(ITEMS, np.arange(ITEMS), half, np.full(ITEMS, FOREVER)),
        None,
        1,
        0,
    )
    settings = SETTINGS.model_copy(update={"negatives": 400})
    early, _ = Negatives(log, settings).draw(np.array([100]), np.random.default_rng(0))
    late, _ = Negatives(log, settings).draw(np.array([5000]), np.random.default_rng(0))
    assert (early < 6).mean() > 0.9  # each is drawn again four times at most
    assert set(late.tolist()) == set(range(ITEMS))


def test_how_often_an_item_is_to_be_expected_among_the_negatives() -> None:
    settings = SETTINGS.model_copy(update={"negatives": 60, "popular_negatives": 40})
    expected = np.exp(Negatives(walks(), settings).log_expected(np.arange(ITEMS)))
    assert expected.sum() == pytest.approx(100)


def test_nobody_with_two_items_is_an_error(tmp_path: Path) -> None:
    one = Interactions(*(np.zeros(1, dtype=np.int64) for _ in range(5)))
    log = Log(Sequences.collect(one, 1), versions(), always(), None, 1, 0)
    with pytest.raises(DataError, match="users who met two items"):
        train_history(log, SPACE, SETTINGS, folder=tmp_path)


def test_what_users_passed_by_is_pushed_away(tmp_path: Path) -> None:
    """All pass by the item four steps on: it loses, whoever stands where."""
    log = walks()
    user_E = np.arange(USERS)
    passed = Passed(np.arange(USERS + 1), (user_E + 8) % ITEMS)
    # who has learnt what follows hardly has to be told what does not
    settings = SETTINGS.model_copy(
        update={"passed_negatives": 2, "epochs": 8, "start": "random", "averaged": 0}
    )
    without = train_history(log, SPACE, settings, folder=tmp_path / "without").network
    pushed = train_history(replace(log, passed=passed), SPACE, settings, folder=tmp_path / "passed").network

    def score(network: HistoryNet) -> float:
        """How much nearer users are, after their last item, to what they passed by than to all items."""
        with torch.no_grad():
            items_SD = network.unit_items(network.items(row_tensors(versions())))
            walked_BL = torch.from_numpy((user_E[:, None] + np.arange(4)) % ITEMS)
            users = network.users(
                network.items(row_tensors(versions())), Events(walked_BL, torch.zeros_like(walked_BL)), None
            )[:, -1]
            passed_B = torch.from_numpy((user_E + 8) % ITEMS)
            nearer_BD = items_SD[passed_B] - items_SD.mean(0)
            return float((functional.normalize(users, dim=-1) * nearer_BD).sum(1).mean())

    assert score(pushed) < score(without) - 0.03


def test_nothing_passed_by_changes_nothing(tmp_path: Path) -> None:
    settings = SETTINGS.model_copy(update={"passed_negatives": 3, "epochs": 2})
    nothing = Passed(np.zeros(USERS + 1, dtype=np.int64), np.empty(0, dtype=np.int64))
    one = train_history(walks(), SPACE, settings, folder=tmp_path / "one").network
    other = train_history(
        replace(walks(), passed=nothing), SPACE, settings, folder=tmp_path / "other"
    ).network
    for name, tensor in one.state_dict().items():
        assert torch.equal(tensor, other.state_dict()[name]), name
