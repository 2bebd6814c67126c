"""Dropout from uniform numbers.

torch's own draws Bernoulli numbers on a CPU, which takes three times as long: a tenth of a training
step at batches of 2,048 (benchmarks/results).
"""

from __future__ import annotations

import torch
from torch import Tensor, nn


class Dropout(nn.Module):
    """In training each value becomes 0 with probability `share`, else value / (1 − share); else nothing."""

    def __init__(self, share: float) -> None:
        super().__init__()
        self.share = share

    def forward(self, values: Tensor) -> Tensor:
        """Return the values, some of them dropped."""
        if not self.training or self.share == 0:
            return values
        kept = torch.rand_like(values).ge_(self.share)
        return values * kept.div_(1 - self.share)
