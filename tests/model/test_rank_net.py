from __future__ import annotations

import math

import pytest
import torch

from dlrs.model.rank_net import RankNet, first_width
from dlrs.model.tower import Representation


@pytest.mark.parametrize(("embedding", "expected"), [(79, 256), (78, 256), (64, 128), (65, 256), (1, 4)])
def test_first_width_is_the_next_power_of_two_of_both(embedding: int, expected: int) -> None:
    assert first_width(embedding) == expected


def test_layers_of_the_thesis() -> None:
    net = RankNet(79, dropout=0.5, bias_init="normal")
    assert net.user_first.shape == net.item_first.shape == (256, 79)
    assert net.second.weight.shape == (128, 256)
    assert net.third.weight.shape == (64, 128)
    assert net.output.weight.shape == (1, 65)
    bound = math.sqrt(6 / (158 + 256))  # the halves are one layer of 158 inputs
    assert 0.98 * bound < net.user_first.abs().max() <= bound


def small_net() -> RankNet:
    net = RankNet(1, dropout=0.5, bias_init="zeros")
    with torch.no_grad():
        net.user_first[:, 0] = torch.tensor([1.0, 0.0, 0.0, 0.0])
        net.item_first[:, 0] = torch.tensor([0.0, 1.0, 0.0, 0.0])
        net.second.weight[:] = torch.tensor([[1.0, 1.0, 0.0, 0.0], [0.0, 0.0, 0.0, 0.0]])
        net.second.bias[:] = torch.tensor([0.0, 1.0])
        net.third.weight[:] = 1.0
        net.output.weight[:] = torch.tensor([[2.0, 3.0]])
        net.output.bias[:] = 0.5
    return net


def test_a_logit_worked_out_by_hand() -> None:
    """First layer (1, e⁻¹ − 1, 0, 0); second (e⁻¹, 1); third e⁻¹ + 1; wide 0.1 + 0.2."""
    users = Representation(torch.tensor([[1.0]]), torch.tensor([0.1]))
    items = Representation(torch.tensor([[-1.0]]), torch.tensor([0.2]))
    logits_B = small_net().eval()(users, items)
    assert logits_B.tolist() == pytest.approx([2 * (math.exp(-1) + 1) + 3 * 0.3 + 0.5])


def test_dropout_works_on_the_second_layer_alone() -> None:
    """It keeps or drops each of the two units, which doubles what is kept: four logits are possible."""
    torch.manual_seed(0)
    users = Representation(torch.ones(200, 1), torch.zeros(200))
    items = Representation(-torch.ones(200, 1), torch.zeros(200))
    logits_B = small_net().train()(users, items)
    possible = [0.5 + 2 * 2 * kept for kept in (0, math.exp(-1), 1, math.exp(-1) + 1)]
    assert sorted({round(x, 4) for x in logits_B.tolist()}) == pytest.approx(sorted(possible), abs=1e-4)
