"""FTRL-proximal, the optimiser of the wide part [McMahan et al. 2013, algorithm 1]. torch has none.

For each coordinate, with g its gradient:

    σ = (√(n + g²) − √n) / α        z ← z + g − σ·w        n ← n + g²
    w = 0 where |z| ≤ λ1, else −(z − sign(z)·λ1) / ((β + √n)/α + λ2)
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import Optimizer


class Ftrl(Optimizer):
    """`rate` is α, `smoothing` β (above 0), `l1` λ1 and `l2` λ2. The weights must begin at 0, as z does."""

    def __init__(
        self,
        weights: Iterable[nn.Parameter],
        *,
        rate: float,
        smoothing: float = 1.0,
        l1: float = 0.0,
        l2: float = 0.0,
    ) -> None:
        super().__init__(weights, {"rate": rate, "smoothing": smoothing, "l1": l1, "l2": l2})
        for weight in self._weights():
            self.state[weight] = {"z": torch.zeros_like(weight), "n": torch.zeros_like(weight)}

    @torch.no_grad()
    def step(self, closure: Callable[[], Any] | None = None) -> None:  # type: ignore[override]
        """Update every weight that has a gradient; `closure` is not supported."""
        assert closure is None
        for group in self.param_groups:
            for weight in group["params"]:
                if weight.grad is not None:
                    _update(weight, weight.grad, group, **self.state[weight])

    def _weights(self) -> list[Tensor]:
        return [weight for group in self.param_groups for weight in group["params"]]


def _update(w: Tensor, g: Tensor, group: dict[str, Any], *, z: Tensor, n: Tensor) -> None:
    root = n.sqrt()
    n.addcmul_(g, g)
    new_root = n.sqrt()
    z.add_(g).addcmul_(new_root - root, w, value=-1 / group["rate"])
    shrunk = torch.sign(z) * (z.abs() - group["l1"]).clamp_(min=0)
    scale = (new_root + group["smoothing"]) / group["rate"] + group["l2"]
    w.copy_(-shrunk / scale)
