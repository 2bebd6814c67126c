from __future__ import annotations

import pytest
import torch

from dlrs.training.ftrl import Ftrl


def weight_after(gradients: list[list[float]], **options: float) -> list[list[float]]:
    weight = torch.nn.Parameter(torch.zeros(len(gradients[0])))
    optimiser = Ftrl([weight], **options)
    steps = []
    for gradient in gradients:
        weight.grad = torch.tensor(gradient)
        optimiser.step()
        steps.append(weight.tolist())
    return steps


def test_two_steps_by_hand() -> None:
    """α = ½, β = 1, λ1 = 0.1.

    1: g = 0.5   σ = (0.5 − 0)/½ = 1      z = 0.5                        w = −0.4 / ((1 + 0.5)/½) = −0.4/3
    2: g = −1.2  σ = (1.3 − 0.5)/½ = 1.6  z = 0.5 − 1.2 + 1.6·0.4/3      w = −(z + 0.1) / ((1 + 1.3)/½)
    """
    first, second = weight_after([[0.5], [-1.2]], rate=0.5, smoothing=1.0, l1=0.1)
    z = 0.5 - 1.2 + 1.6 * 0.4 / 3
    assert first == pytest.approx([-0.4 / 3])
    assert second == pytest.approx([-(z + 0.1) / 4.6])
    assert second[0] == pytest.approx(0.0840580)


def test_l1_keeps_weak_weights_at_zero() -> None:
    (weights,) = weight_after([[0.05, -0.05, 0.2]], rate=0.5, l1=0.1)
    assert weights[:2] == [0, 0]
    assert weights[2] < 0


def test_l2_by_hand() -> None:
    """α = ½, β = 1, λ2 = 2: w = −0.5 / ((1 + 0.5)/½ + 2) = −0.1."""
    assert weight_after([[0.5]], rate=0.5, l2=2.0)[0] == pytest.approx([-0.1])


def test_a_coordinate_without_gradients_stays_at_zero_whatever_the_smoothing() -> None:
    assert weight_after([[0.0, 1.0]] * 3, rate=0.5, smoothing=1e-6)[-1][0] == 0


def test_smoothing_of_one_over_b_on_means_equals_one_on_sums() -> None:
    """What the loop relies on: means over B examples with β = 1/B give the steps of sums with β = 1."""
    sums = [[3.0, -0.5], [-1.0, 0.25], [2.0, 0.0]]
    means = [[g / 64 for g in gradient] for gradient in sums]
    of_means = weight_after(means, rate=0.1, smoothing=1 / 64)
    of_sums = weight_after(sums, rate=0.1, smoothing=1.0)
    assert of_means[-1] == pytest.approx(of_sums[-1], rel=1e-5)


def test_it_descends() -> None:
    weight = torch.nn.Parameter(torch.zeros(2))
    optimiser = Ftrl([weight], rate=0.5)
    goal = torch.tensor([1.0, -2.0])
    for _ in range(300):
        optimiser.zero_grad()
        (weight - goal).square().sum().backward()
        optimiser.step()
    torch.testing.assert_close(weight.detach(), goal, atol=0.05, rtol=0)
