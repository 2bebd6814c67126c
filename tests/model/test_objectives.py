from __future__ import annotations

import math

import pytest
import torch

from dlrs.model.objectives import multi_cos, multi_cos_bar, single

LOGITS_B = torch.tensor([0.0, math.log(3.0)])  # p̂ = 1/2 and 3/4
LABELS_B = torch.tensor([1.0, 0.0])
CROSS_ENTROPY = (math.log(2) + math.log(4)) / 2  # −log ½ and −log(1 − ¾), by hand


def test_single_is_the_mean_cross_entropy() -> None:
    losses = single(LOGITS_B, LABELS_B)
    assert losses.total.item() == pytest.approx(CROSS_ENTROPY, rel=1e-6)
    assert losses.cross_entropy.item() == losses.total.item()
    assert losses.gap is None
    assert losses.similarity is None


def test_multi_cos_adds_the_root_mean_square_of_the_difference() -> None:
    cosine_B, raw_B = torch.tensor([0.9, -0.2]), torch.tensor([0.6, 0.2])  # differences 0.3 and −0.4
    losses = multi_cos(LOGITS_B, LABELS_B, cosine_B, raw_B, weight=0.5)
    gap = math.sqrt((0.09 + 0.16) / 2)
    assert losses.gap is not None
    assert losses.gap.item() == pytest.approx(gap, rel=1e-6)
    assert losses.total.item() == pytest.approx(CROSS_ENTROPY + 0.5 * gap, rel=1e-6)
    assert losses.similarity is not None
    assert losses.similarity.item() == pytest.approx(0.5 * gap, rel=1e-6)
    assert losses.cross_entropy.item() == pytest.approx(CROSS_ENTROPY, rel=1e-6)


def test_multi_cos_has_a_slope_where_the_similarities_agree() -> None:
    cosine_B = torch.tensor([0.5, 0.5], requires_grad=True)
    losses = multi_cos(LOGITS_B, LABELS_B, cosine_B, torch.tensor([0.5, 0.5]), weight=0.5)
    losses.total.backward()
    assert losses.gap is not None
    assert losses.gap.item() == pytest.approx(1e-4)  # √ε
    assert cosine_B.grad is not None
    assert torch.equal(cosine_B.grad, torch.zeros(2))


def test_multi_cos_bar_wants_positives_near_and_negatives_far() -> None:
    # c = 0.8 of the positive: 0.2 too far; c = 0.3 of the negative: 0.3 too near
    losses = multi_cos_bar(LOGITS_B, LABELS_B, torch.tensor([0.6, -0.4]), weight=2.0)
    assert losses.gap is not None
    assert losses.gap.item() == pytest.approx((0.2 + 0.3) / 2, rel=1e-6)
    assert losses.total.item() == pytest.approx(CROSS_ENTROPY + 2 * 0.25, rel=1e-6)


def test_multi_cos_bar_pulls_what_is_preferred_nearer() -> None:
    cosine_B = torch.zeros(2, requires_grad=True)
    multi_cos_bar(LOGITS_B, LABELS_B, cosine_B, weight=1.0).total.backward()
    assert cosine_B.grad is not None
    assert cosine_B.grad.tolist() == [-0.25, 0.25]  # down the slope: the positive's cosine grows
