from __future__ import annotations

import pytest
import torch

from dlrs.model.dropout import Dropout


@pytest.mark.parametrize("share", [0.0, 0.2, 0.5, 0.9])
def test_the_share_is_dropped_and_the_rest_grows_to_the_same_mean(share: float) -> None:
    torch.manual_seed(0)
    ones = torch.ones(100_000)
    dropped = Dropout(share).train()(ones)
    assert set(dropped.unique().tolist()) == {1.0} if share == 0 else {0.0, dropped.max().item()}
    assert dropped.max().item() == pytest.approx(1 / (1 - share))
    assert (dropped == 0).float().mean().item() == pytest.approx(share, abs=0.01)


def test_the_slope_is_that_of_what_was_kept() -> None:
    values = torch.ones(1000, requires_grad=True)
    dropped = Dropout(0.5).train()(values)
    dropped.sum().backward()
    assert values.grad is not None
    assert torch.equal(values.grad, dropped.detach())


def test_outside_of_training_nothing_happens() -> None:
    values = torch.rand(10)
    assert Dropout(0.5).eval()(values) is values


def test_the_masks_come_from_the_seed() -> None:
    values = torch.ones(1000)
    drops = []
    for seed in (1, 1, 2):
        torch.manual_seed(seed)
        drops.append(Dropout(0.5).train()(values))
    assert torch.equal(drops[0], drops[1])
    assert not torch.equal(drops[0], drops[2])
