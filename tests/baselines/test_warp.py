from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from scipy import sparse

from dlrs.arrays import Floats
from dlrs.baselines.warp import Positives, Side, first_true, rank_weights, step, train_warp

SEED = {"factors": 4, "learning_rate": 0.1, "seed": 0}


def eye(size: int) -> sparse.csr_array:
    return sparse.eye_array(size, dtype=np.float32, format="csr")


def floats(*rows: list[float]) -> Floats:
    return np.array(rows, dtype=np.float32)


def test_weights_are_logs_of_the_rank_that_the_trials_tell() -> None:
    weights_T = rank_weights(101)
    assert weights_T.tolist() == pytest.approx(
        [math.log(rank) for rank in (100, 50, 33, 25, 20, 16, 14, 12, 11, 10)]
    )
    assert rank_weights(2).tolist() == [0] * 10  # ranks 1, 0, 0, …
    assert rank_weights(10**6)[0] == 10


def test_the_first_violator_counts() -> None:
    rows, trials = first_true(np.array([[False, True, True], [False] * 3, [True, False, True]]))
    assert (rows.tolist(), trials.tolist()) == ([0, 2], [1, 0])


def test_positives_are_the_stored_pairs() -> None:
    positives = Positives.of(sparse.csr_array(([2.0, 0.0, 1.0], ([0, 0, 2], [1, 3, 0])), shape=(3, 4)))
    assert [part.tolist() for part in positives.pairs] == [[0, 0, 2], [1, 3, 0]]
    held_B = positives.holds(np.array([0, 0, 0, 1, 2, 2]), np.array([1, 2, 3, 1, 0, 3]))
    assert held_B.tolist() == [True, False, True, False, True, False]


def test_a_vector_is_a_weighted_sum() -> None:
    inputs_RL = sparse.csr_array(floats([1, 0.5, 0], [0, 0, 0], [0, -2, 1]))
    side = Side(inputs_RL, floats([1, 10], [2, 20], [3, 30]), 0.1)
    assert side.vectors(np.array([2, 1, 0, 0])).tolist() == [[-1, -10], [0, 0], [2, 20], [2, 20]]


def test_descends_as_adagrad_on_the_summed_gradient() -> None:
    """Column 1 has weight 0.5 in row 0 and −2 in row 1: gradient 0.5 · 2 − 2 · 3 = −5."""
    side = Side(sparse.csr_array(floats([1, 0.5, 0], [0, -2, 0])), floats([1], [1], [1]), 0.1)
    side.descend(np.array([0, 1]), torch.tensor([[2.0], [3.0]]))
    moved = side.learned(np.array([0, 1]))[:, 0]
    assert moved.tolist() == pytest.approx([1 - 0.1 * 2 / math.sqrt(1 + 4), 1 + 0.1 * 5 / math.sqrt(26), 0])
    side.descend(np.array([0]), torch.tensor([[2.0]]))
    assert side.learned(np.array([0]))[0, 0] == pytest.approx(
        1 - 0.1 * 2 / math.sqrt(5) - 0.1 * 2 / math.sqrt(9)
    )


def test_a_step_moves_along_the_gradient_of_the_hinge() -> None:
    """User 0 (1, 0) likes item 0, user 1 (0, 1) item 1; all other scores are worked out below."""
    users_UD, items_ND = floats([1, 0], [0, 1]), floats([0.5, 3, 0], [0, 2, 0.25], [-2, 0, 1], [0.25, 0, 0])
    users, items = Side(eye(2), users_UD.copy(), 0.1), Side(eye(4), items_ND.copy(), 0.1)
    positives = Positives.of(sparse.csr_array(floats([1, 0, 0, 0], [0, 1, 0, 0])))
    # User 0: scores .5 .25 −1 .25. His own item 0 is no violator, nor is item 2: −1 < .5 − 1. Item 3 is.
    # User 1: scores 3 2.25 1 0. Item 2 is below 2.25 − 1, so is item 3; item 0 is a violator at once.
    negative_BT = np.array([[0, 2, 3, 1], [0, 2, 3, 0]])
    step(users, items, positives, np.array([0, 1]), np.array([0, 1]), negative_BT, 100)

    weight_0, weight_1 = math.log(33), math.log(99)  # found at the third trial, at the first
    tensors = [torch.from_numpy(part).requires_grad_() for part in (users_UD.copy(), items_ND.copy())]
    scores_UN = tensors[0] @ tensors[1][:, :2].T + tensors[1][:, 2]
    hinge_0 = weight_0 * (1 - scores_UN[0, 0] + scores_UN[0, 3])
    hinge_1 = weight_1 * (1 - scores_UN[1, 1] + scores_UN[1, 0])
    (hinge_0 + hinge_1).backward()  # type: ignore[no-untyped-call]
    everybody = [(users, tensors[0], users_UD, np.arange(2)), (items, tensors[1], items_ND, np.arange(4))]
    for side, tensor, start, rows in everybody:
        assert tensor.grad is not None
        gradient = tensor.grad.numpy()
        expected = start - 0.1 * gradient / np.sqrt(1 + gradient**2)
        np.testing.assert_allclose(side.learned(rows), expected, rtol=1e-5)


def test_own_positives_are_never_negatives() -> None:
    """User 0 likes items 0 to 8, user 1 item 9: all that user 0 pushes down is item 9."""
    train_UN = np.zeros((2, 10), dtype=np.float32)
    train_UN[0, :9] = train_UN[1, 9] = 1
    only_first_UN = sparse.csr_array(train_UN)
    users_UD, items_ND = train_warp(only_first_UN, eye(2), eye(10), epochs=20, **SEED)
    scores_N = items_ND @ np.append(users_UD[0], 1)
    assert scores_N[:9].min() > scores_N[9] + 1


def test_inputs_that_training_never_met_stay_zero() -> None:
    """Items 4 to 7 have no positives; they share an input with each other and none with the rest."""
    train_UN = np.zeros((4, 8), dtype=np.float32)
    train_UN[[0, 1, 2, 3], [0, 1, 2, 3]] = 1
    shared_NJ = np.hstack([np.eye(8), np.repeat([[1, 0], [0, 1]], 4, axis=0)]).astype(np.float32)
    _, items_JD = train_warp(
        sparse.csr_array(train_UN), eye(4), sparse.csr_array(shared_NJ), epochs=3, **SEED
    )
    assert items_JD[[0, 1, 2, 3, 8]].any(axis=1).all()
    assert not items_JD[[4, 5, 6, 7, 9]].any()


def test_nothing_to_learn_from_learns_nothing() -> None:
    users_UD, items_ND = train_warp(
        sparse.csr_array((2, 3), dtype=np.float32), eye(2), eye(3), epochs=2, **SEED
    )
    assert not users_UD.any()
    assert not items_ND.any()
