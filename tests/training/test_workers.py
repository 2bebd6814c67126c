"""Two workers train what one trains: the same losses and weights, but for rounding."""

from __future__ import annotations

import multiprocessing
import os
import pickle
import socket
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from dlrs.errors import DlrsError
from dlrs.settings.training import Training
from dlrs.training.loop import train
from dlrs.training.validation import Validation, validate_on
from dlrs.training.workers import ALONE, Workers, joined

# The last batch of an epoch has one pair: one of the two workers gets none of it.
PAIRS, SIZE = 1537, 256
PLAIN: dict[str, Any] = {"batch_size": SIZE, "epochs": 2, "dropout": 0, "learning_rate": 0.01}
TRAININGS = {
    "single": Training(objective="single", **PLAIN),
    "multi-cos": Training(objective="multi-cos", **PLAIN),
    "multi-cos-bar": Training(objective="multi-cos-bar", **PLAIN),
    "two Adams": Training(similarity_optimiser="separate", **PLAIN),
}
PROCESSES = multiprocessing.get_context("spawn")


def fit_all(planted: Any, folder: Path, workers: Workers = ALONE) -> dict[str, Any]:
    outcome = {}
    for name, settings in TRAININGS.items():

        def validate(network: Any) -> Validation:
            return validate_on(network, planted.test, planted.profiles, planted.versions)

        trained = train(
            *(planted.train, planted.profiles, planted.versions, planted.space, settings),
            folder=folder / name,
            validate=validate if workers.leads else refuse,
            workers=workers,
        )
        weights = {key: weight.numpy() for key, weight in trained.network.state_dict().items()}
        outcome[name] = trained.history, weights
    return outcome


def refuse(_: object) -> Validation:
    raise AssertionError("only the leader validates")


def work(rank: int, count: int, port: int, planted: Any, folder: Path) -> None:
    os.environ |= {"RANK": str(rank), "WORLD_SIZE": str(count), "LOCAL_WORLD_SIZE": str(count)}
    os.environ |= {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)}
    with joined() as workers:
        outcome = fit_all(planted, folder, workers)
    assert not {name for name in thread_names() if "gloo" in name}, "they can abort the process while it ends"
    (folder / f"{rank}.pickle").write_bytes(pickle.dumps(outcome))


def thread_names() -> list[str]:
    """Return the names of this process's threads, not only Python's; none where the system does not tell."""
    return [file.read_text().strip() for file in Path("/proc/self/task").glob("*/comm")]


def free_port() -> int:
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        port: int = listening.getsockname()[1]
        return port


@pytest.fixture(scope="module")
def outcomes(planted: Any, tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    """Return what one worker alone came to, and each of two."""
    few = replace(planted, train=planted.train.take(np.arange(PAIRS)))
    folder, port = tmp_path_factory.mktemp("workers"), free_port()
    processes = [PROCESSES.Process(target=work, args=(rank, 2, port, few, folder)) for rank in (0, 1)]
    for process in processes:
        process.start()
    alone = fit_all(few, folder / "alone")
    for process in processes:
        process.join()
        assert process.exitcode == 0
    return [alone, *(pickle.loads((folder / f"{rank}.pickle").read_bytes()) for rank in (0, 1))]


@pytest.mark.parametrize("name", TRAININGS)
def test_two_workers_come_to_what_one_does(outcomes: list[dict[str, Any]], name: str) -> None:
    (one, weights), (leader, leaders), (_, followers) = (outcome[name] for outcome in outcomes)
    assert len(one) == len(leader) == 2
    for mine, theirs in zip(one, leader, strict=True):
        assert theirs.loss == pytest.approx(mine.loss, abs=1e-4)
        assert theirs.cross_entropy == pytest.approx(mine.cross_entropy, abs=1e-4)
        assert theirs.similarity_gap == pytest.approx(mine.similarity_gap, abs=1e-4)
        assert theirs.validation == pytest.approx(mine.validation, abs=1e-3)
    for key, weight in weights.items():
        np.testing.assert_allclose(leaders[key], weight, atol=2e-3, err_msg=key)
        assert np.array_equal(leaders[key], followers[key]), key


def test_a_follower_learns_of_the_leaders_validation(outcomes: list[dict[str, Any]]) -> None:
    leader, follower = ([epoch.validation for epoch in of["single"][0]] for of in outcomes[1:])
    assert leader == follower


def test_without_torchrun_one_works_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("RANK", "WORLD_SIZE"):
        monkeypatch.delenv(name, raising=False)
    with joined() as workers:
        assert workers is ALONE
        assert workers.leads


def test_a_lost_worker_is_an_error_that_says_what_to_do() -> None:
    def closed() -> None:
        raise RuntimeError("Read error: Connection reset by peer. Check the logs\nof somebody")

    with pytest.raises(DlrsError, match=r"rank 1 of 3 .*reset by peer\. One .* Start the same command again"):
        Workers(1, 3)._exchange(closed)


def test_alone_a_mean_is_a_mean_and_sums_stay() -> None:
    values = torch.tensor([1.0, 2.0, 6.0])
    assert ALONE.mean(values, 3) == 3
    ALONE.add([values])
    assert values.tolist() == [1, 2, 6]
    assert ALONE.told(values).tolist() == [1, 2, 6]
