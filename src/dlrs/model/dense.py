"""A fully connected layer and how weights begin [T §4.3].

Matrices begin with Glorot's values; biases with zeros, or standard normal as in the thesis.
"""

from __future__ import annotations

import math
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional

BiasInit = Literal["zeros", "normal"]


class Dense(nn.Module):
    """x·Wᵀ + b. Unlike `nn.Linear` it may have no inputs or no outputs (a marketplace without numbers)."""

    def __init__(self, inputs: int, outputs: int, *, bias_init: BiasInit) -> None:
        super().__init__()
        self.weight = nn.Parameter(glorot(outputs, inputs, fan_in=inputs, fan_out=outputs))
        self.bias = nn.Parameter(biases(outputs, bias_init))

    def forward(self, values: Tensor) -> Tensor:
        """Return the layer's value for each row, before any activation."""
        return functional.linear(values, self.weight, self.bias)


def glorot(rows: int, columns: int, *, fan_in: int, fan_out: int) -> Tensor:
    """Return a matrix, uniform in ±√(6 / (fan_in + fan_out))."""
    limit = math.sqrt(6 / max(1, fan_in + fan_out))
    return torch.empty(rows, columns).uniform_(-limit, limit)


def biases(count: int, bias_init: BiasInit) -> Tensor:
    """Return the first values of `count` biases."""
    return torch.zeros(count) if bias_init == "zeros" else torch.randn(count)
