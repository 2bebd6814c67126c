from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from dlrs.errors import ArtifactError, DataError, DlrsError
from dlrs.model.network import Network
from dlrs.settings.training import Training
from dlrs.training import loop
from dlrs.training.checkpoint import CHECKPOINT
from dlrs.training.loop import Trained, train
from dlrs.training.validation import Validation, pair_accuracy, pair_auc, pair_logits, validate_on

SETTINGS = Training(batch_size=256, epochs=3, seed=1)
TWO_ADAMS = SETTINGS.model_copy(update={"similarity_optimiser": "separate"})


def fit(planted: Any, settings: Training, folder: Path, **options: Any) -> Trained:
    return train(
        planted.train,
        planted.profiles,
        planted.versions,
        planted.space,
        settings,
        folder=folder,
        **options,
    )


def same_weights(one: Network, other: Network) -> bool:
    others = other.state_dict()
    return all(torch.equal(weight, others[name]) for name, weight in one.state_dict().items())


@pytest.mark.parametrize("objective", ["single", "multi-cos", "multi-cos-bar"])
def test_a_planted_taste_is_found(planted: Any, objective: Any, tmp_path: Path) -> None:
    """9 of 10 labels follow the taste: a perfect network has an AUC of about .9."""
    settings = Training(objective=objective, batch_size=256, epochs=8, learning_rate=0.01)
    trained = fit(planted, settings, tmp_path)
    logits_P = pair_logits(trained.network, planted.test, planted.profiles, planted.versions)
    assert pair_auc(logits_P, planted.test.label_P) > 0.8
    assert trained.history[-1].loss < 0.8 * trained.history[0].loss
    assert trained.best_epoch == 8
    assert not trained.network.training


@pytest.mark.parametrize("optimiser", ["joint", "separate"])
def test_multi_cos_brings_the_similarities_together(planted: Any, tmp_path: Path, optimiser: Any) -> None:
    settings = Training(batch_size=256, epochs=4, similarity_weight=5, similarity_optimiser=optimiser)
    gaps = [epoch.similarity_gap for epoch in fit(planted, settings, tmp_path).history]
    assert gaps[-1] < 0.6 * gaps[0]


def test_the_wide_part_learns_at_its_own_rate(planted: Any, tmp_path: Path) -> None:
    """FTRL's first steps are about as long as its rate, however small the mean gradients are."""
    slow = SETTINGS.model_copy(update={"wide_learning_rate": 0.0005})
    for name, settings in (("usual", SETTINGS), ("slow", slow)):
        network = fit(planted, settings, tmp_path / name, epochs=1).network
        for net in (network.user_net, network.item_net):
            largest = net.wide.abs().max().item() / settings.wide_learning_rate
            assert 0.5 < largest < 32, "of 32 steps"


def test_the_same_seed_gives_the_same_weights_and_leaves_the_callers_generator(
    planted: Any, tmp_path: Path
) -> None:
    state = torch.get_rng_state()
    first = fit(planted, SETTINGS, tmp_path / "a")
    torch.rand(3)
    second = fit(planted, SETTINGS, tmp_path / "b")
    other = fit(planted, SETTINGS.model_copy(update={"seed": 2}), tmp_path / "c")
    assert same_weights(first.network, second.network)
    assert not same_weights(first.network, other.network)
    torch.set_rng_state(state)
    fit(planted, SETTINGS, tmp_path / "d", epochs=1)
    assert torch.equal(torch.get_rng_state(), state)


@pytest.mark.parametrize(
    ("steps", "settings"),
    [(5, SETTINGS), (32, SETTINGS), (37, SETTINGS), (70, SETTINGS), (37, TWO_ADAMS)],
)
def test_an_interrupted_run_ends_with_the_same_bits(
    planted: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, steps: int, settings: Training
) -> None:
    """Killed within an epoch, after its last step, or in a later one; dropout is at work."""

    def validate(network: Network) -> Validation:
        torch.rand(1)  # a validation that draws random numbers must not matter
        return validate_on(network, some, planted.profiles, planted.versions)

    some = planted.test.take(np.arange(500))
    options: dict[str, Any] = {"validate": validate, "checkpoint_every": 4}
    straight = fit(planted, settings, tmp_path / "straight", **options)
    left = iter(range(steps))

    def interrupted(batches: Iterator[Any], *_: Any, **__: Any) -> Iterator[Any]:
        yield from (batch for _, batch in zip(left, batches, strict=False))
        if next(left, None) is None:
            raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(loop, "track", interrupted)
        with pytest.raises(KeyboardInterrupt):
            fit(planted, settings, tmp_path / "killed", **options)
    resumed = fit(planted, settings, tmp_path / "killed", **options)

    assert resumed.history == straight.history
    assert resumed.best_epoch == straight.best_epoch
    assert same_weights(resumed.network, straight.network)
    files = [(tmp_path / name / CHECKPOINT).read_bytes() for name in ("straight", "killed")]
    assert files[0] == files[1], "weights, optimisers and progress"


def test_a_finished_run_gives_its_result_again_and_goes_on_for_more_epochs(
    planted: Any, tmp_path: Path
) -> None:
    first = fit(planted, SETTINGS, tmp_path / "a", epochs=1)
    again = fit(planted, SETTINGS, tmp_path / "a", epochs=1)
    assert again.history == first.history
    assert same_weights(again.network, first.network)
    longer = fit(planted, SETTINGS, tmp_path / "a", epochs=2)
    straight = fit(planted, SETTINGS, tmp_path / "b", epochs=2)
    assert longer.history == straight.history
    assert same_weights(longer.network, straight.network)


def test_it_stops_early_with_the_best_weights(planted: Any, tmp_path: Path) -> None:
    values = iter([0.5, 0.7, 0.6, 0.7, 0.9])
    weights: list[dict[str, torch.Tensor]] = []

    def validate(network: Network) -> Validation:
        assert not network.training
        weights.append({name: weight.clone() for name, weight in network.state_dict().items()})
        return Validation(next(values), accuracy=0.5)

    trained = fit(planted, SETTINGS, tmp_path, epochs=9, validate=validate)
    assert [epoch.validation for epoch in trained.history] == [0.5, 0.7, 0.6, 0.7]
    assert trained.best_epoch == 2
    assert all(torch.equal(w, weights[1][name]) for name, w in trained.network.state_dict().items())


def test_no_pairs_is_an_error(planted: Any, tmp_path: Path) -> None:
    empty = replace(planted, train=planted.train.take(np.array([], dtype=np.int64)))
    with pytest.raises(DataError, match="received none"):
        fit(empty, SETTINGS, tmp_path)


def test_a_loss_that_is_no_number_is_an_error(planted: Any, tmp_path: Path) -> None:
    broken = replace(planted.profiles, continuous_NC=np.full_like(planted.profiles.continuous_NC, np.nan))
    with pytest.raises(DlrsError, match=r"epoch 1, step 1: .*nan.* learning_rate"):
        fit(replace(planted, profiles=broken), SETTINGS, tmp_path)


def test_a_validation_that_is_no_number_is_an_error(planted: Any, tmp_path: Path) -> None:
    with pytest.raises(DlrsError, match="from the validation"):
        fit(planted, SETTINGS, tmp_path, epochs=1, validate=lambda _: Validation(math.nan, 0.5))


def test_another_trainings_checkpoint_is_refused(planted: Any, tmp_path: Path) -> None:
    fit(planted, SETTINGS, tmp_path, epochs=1)
    with pytest.raises(ArtifactError, match="other settings"):
        fit(planted, SETTINGS.model_copy(update={"learning_rate": 0.1}), tmp_path, epochs=1)
    other = replace(planted, train=planted.train.take(np.arange(100)))
    with pytest.raises(ArtifactError, match="other data"):
        fit(other, SETTINGS, tmp_path, epochs=1)


def test_tensorboard_shows_losses_weights_and_predictions_that_drift_apart(
    planted: Any, tmp_path: Path
) -> None:
    def validate(network: Network) -> Validation:
        return validate_on(network, planted.test, planted.profiles, planted.versions)

    settings = SETTINGS.model_copy(update={"learning_rate": 0.01, "together": 1})
    trained = fit(planted, settings, tmp_path, epochs=6, validate=validate)
    board = EventAccumulator(str(tmp_path / "tensorboard"), size_guidance={"histograms": 0})
    board.Reload()
    assert {"loss/total", "loss/cross_entropy", "loss/similarity_gap"} <= set(board.Tags()["scalars"])
    assert "weights/user_net.table" in board.Tags()["histograms"]
    assert scalars(board, "epoch/validation") == pytest.approx([e.validation for e in trained.history])
    assert scalars(board, "accuracy/validation") == pytest.approx([e.accuracy for e in trained.history])
    logits_P = pair_logits(trained.network, planted.train, planted.profiles, planted.versions)
    shown = scalars(board, "accuracy/training")  # the last epoch is the best, and all pairs are shown
    assert len(shown) == trained.best_epoch == 6
    assert shown[-1] == pytest.approx(pair_accuracy(logits_P, planted.train.label_P))
    apart = [
        positives - negatives
        for positives, negatives in zip(
            means(board, "predictions/positives"), means(board, "predictions/negatives"), strict=True
        )
    ]
    assert apart[0] < 0.5 * apart[-1]


def scalars(board: EventAccumulator, tag: str) -> list[float]:
    return [event.value for event in board.Scalars(tag)]


def means(board: EventAccumulator, tag: str) -> list[float]:
    return [event.histogram_value.sum / event.histogram_value.num for event in board.Histograms(tag)]


def test_steps_that_are_taken_again_are_shown_once(
    planted: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def first_ones(batches: Iterator[Any], *_: Any, **__: Any) -> Iterator[Any]:
        yield from islice(batches, 25)
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(loop, "track", first_ones)
        with pytest.raises(KeyboardInterrupt):
            fit(planted, SETTINGS, tmp_path, epochs=1)
    fit(planted, SETTINGS, tmp_path, epochs=1)
    board = EventAccumulator(str(tmp_path / "tensorboard"))
    board.Reload()
    assert [event.step for event in board.Scalars("loss/total")] == [0, 20]
