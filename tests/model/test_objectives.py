from __future__ import annotations

import math

import pytest
import torch

from dlrs.model.objectives import multi_cos, single

LOGITS_B = torch.tensor([0.0, math.log(3.0)])  # p̂ = 1/2 and 3/4
LABELS_B = torch.tensor([1.0, 0.0])
CROSS_ENTROPY = (math.log(2) + math.log(4)) / 2  # −log ½ and −log(1 − ¾), by hand


def test_single_is_the_mean_cross_entropy() -> None:
    losses = single(LOGITS_B, LABELS_B)
    assert losses.total.item() == pytest.approx(CROSS_ENTROPY, rel=1e-6)
    assert losses.cross_entropy.item() == losses.total.item()
    assert losses.gap is None


def test_multi_cos_adds_the_root_mean_square_of_the_difference() -> None:
    cosine_B, raw_B = torch.tensor([0.9, -0.2]), torch.tensor([0.6, 0.2])  # differences 0.3 and −0.4
    losses = multi_cos(LOGITS_B, LABELS_B, cosine_B, raw_B, weight=0.5)
    gap = math.sqrt((0.09 + 0.16) / 2)
    assert losses.gap is not None
    assert losses.gap.item() == pytest.approx(gap, rel=1e-6)
    assert losses.total.item() == pytest.approx(CROSS_ENTROPY + 0.5 * gap, rel=1e-6)
    assert losses.cross_entropy.item() == pytest.approx(CROSS_ENTROPY, rel=1e-6)


def test_multi_cos_has_a_slope_where_the_similarities_agree() -> None:
    cosine_B = torch.tensor([0.5, 0.5], requires_grad=True)
    losses = multi_cos(LOGITS_B, LABELS_B, cosine_B, torch.tensor([0.5, 0.5]), weight=0.5)
    losses.total.backward()
    assert losses.gap is not None
    assert losses.gap.item() == pytest.approx(1e-4)  # √ε
    assert cosine_B.grad is not None
    assert torch.equal(cosine_B.grad, torch.zeros(2))
