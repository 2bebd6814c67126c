"""Which optimiser moves which weights: Adam's first step is as long as its rate, whatever the gradient."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from dlrs.model.network import Network
from dlrs.samples.batches import Batch, Batches
from dlrs.settings.training import Training
from dlrs.training.loop import batch_losses, train
from dlrs.training.run import Run

RATE = 0.01
APART = Training(similarity_optimiser="separate", learning_rate=RATE, dropout=0, batch_size=64)
TOGETHER = APART.model_copy(update={"similarity_optimiser": "joint"})


@pytest.fixture
def batch(planted: Any) -> Batch:
    pairs = planted.train.take(np.arange(64))
    return Batches(pairs, planted.profiles, planted.versions, 64, 0).at(np.arange(64))


@pytest.fixture
def network(planted: Any) -> Network:
    torch.manual_seed(0)
    return Network(planted.space, dropout=0)


def steps(network: Network, batch: Batch, settings: Training, **parts: float) -> dict[str, Tensor]:
    """Return how far one step moves each weight, in rates; the network is left as it came.

    `parts` scales parts of the losses before the step.
    """
    before = {name: weight.clone() for name, weight in network.state_dict().items()}
    losses = batch_losses(network, batch, settings)
    scaled = {name: getattr(losses, name) * factor for name, factor in parts.items()}
    Run.begin(network, settings).descend(losses._replace(**scaled))
    moved = {name: (weight - before[name]) / RATE for name, weight in network.state_dict().items()}
    network.load_state_dict(before)
    return moved


def is_embedding(name: str) -> bool:
    return not name.startswith("rank_net") and not name.endswith("wide")


def test_the_similarity_moves_the_embeddings_alone(network: Network, batch: Batch) -> None:
    for name, step in steps(network, batch, APART, cross_entropy=0).items():
        if is_embedding(name):
            assert step.abs().max().item() == pytest.approx(1, rel=1e-3), name
        else:
            assert not step.any(), name


def test_the_cross_entropy_moves_everything(network: Network, batch: Batch) -> None:
    assert all(step.any() for step in steps(network, batch, APART, similarity=0).values())


def test_both_steps_start_from_the_same_weights_and_add_up(network: Network, batch: Batch) -> None:
    both = steps(network, batch, APART)
    preference = steps(network, batch, APART, similarity=0)
    similarity = steps(network, batch, APART, cross_entropy=0)
    for name, step in both.items():
        torch.testing.assert_close(step, preference[name] + similarity[name], atol=1e-4, rtol=0)


def test_one_adam_takes_one_step_down_the_sum(network: Network, batch: Batch) -> None:
    for name, step in steps(network, batch, TOGETHER).items():
        if not name.endswith("wide"):
            assert step.abs().max().item() == pytest.approx(1, rel=1e-3), name


def test_with_a_weight_of_zero_two_adams_equal_the_cross_entropy_alone(planted: Any, tmp_path: Path) -> None:
    arguments = planted.train, planted.profiles, planted.versions, planted.space
    weights = []
    for settings in (
        Training(objective="single", epochs=2, batch_size=256),
        Training(similarity_weight=0, similarity_optimiser="separate", epochs=2, batch_size=256),
    ):
        folder = tmp_path / settings.objective
        weights.append(train(*arguments, settings, folder=folder).network.state_dict())
    assert all(torch.equal(weight, weights[1][name]) for name, weight in weights[0].items())


def test_the_mean_of_the_weights_is_judged(network: Network) -> None:
    """Over two steps: the first weights count as a step, then each has a half."""
    run = Run.begin(network, TOGETHER)
    run.average_over(2)
    assert run.averaged is not None
    for value in (1.0, 2.0, 4.0):
        for weight in network.parameters():
            weight.data.fill_(value)
        run.averaged.update_parameters(network)
    for weight in run.judged.parameters():
        torch.testing.assert_close(weight, torch.full_like(weight, (1.0 / 2 + 2.0 / 2) / 2 + 4.0 / 2))
