"""What the networks are trained for: pure functions of a batch's outputs [T §4.3.3].

CE             mean −[p log p̂ + (1−p) log(1−p̂)]
single         CE
multi-cos      CE + λ·sqrt(mean (cos(e_u, e_v) − cos(u, v))² + ε): keeps the geometry of the raw input
multi-cos-bar  CE + λ·mean[p·(1−c) + (1−p)·c] with c = (cos(e_u, e_v) + 1)/2: preferred means near

What λ weighs is called the gap: how far similarity is from what the objective wants it to be.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional

EPSILON = 1e-8
"""Under the root, whose slope at 0 is infinite (method §9)."""

Mean = Callable[[Tensor], Tensor]
"""The mean over a batch; of a batch that several workers share, over all of it."""


class Losses(NamedTuple):
    """What to minimise, and its parts; scalars."""

    total: Tensor
    cross_entropy: Tensor
    gap: Tensor | None = None
    similarity: Tensor | None = None  # λ·gap: what the total has beside the cross-entropy


def single(logits_B: Tensor, labels_B: Tensor, *, mean: Mean = torch.mean) -> Losses:
    """Return the mean cross-entropy; p̂ = σ(logit)."""
    cross_entropy = mean(functional.binary_cross_entropy_with_logits(logits_B, labels_B, reduction="none"))
    return Losses(cross_entropy, cross_entropy)


def multi_cos(
    logits_B: Tensor,
    labels_B: Tensor,
    cosine_B: Tensor,
    raw_cosine_B: Tensor,
    *,
    weight: float,
    mean: Mean = torch.mean,
) -> Losses:
    """Return the cross-entropy plus λ = `weight` times the gap.

    The gap is the root mean square difference of cos(e_u, e_v) and cos(u, v).
    """
    cross_entropy = single(logits_B, labels_B, mean=mean).total
    return _joined(cross_entropy, torch.sqrt(mean((cosine_B - raw_cosine_B).square()) + EPSILON), weight)


def multi_cos_bar(
    logits_B: Tensor, labels_B: Tensor, cosine_B: Tensor, *, weight: float, mean: Mean = torch.mean
) -> Losses:
    """Return the cross-entropy plus λ = `weight` times the gap.

    The gap is the mean distance of c from 1 for positives and from 0 for negatives. The thesis
    prints the term with a minus sign; its text says what is meant here (method §4).
    """
    cross_entropy = single(logits_B, labels_B, mean=mean).total
    closeness_B = (cosine_B + 1) / 2
    gap = mean(labels_B * (1 - closeness_B) + (1 - labels_B) * closeness_B)
    return _joined(cross_entropy, gap, weight)


def _joined(cross_entropy: Tensor, gap: Tensor, weight: float) -> Losses:
    similarity = weight * gap
    return Losses(cross_entropy + similarity, cross_entropy, gap, similarity)
