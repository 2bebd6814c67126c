from __future__ import annotations

import torch
from torch.nn import functional

from dlrs.model.bags import sum_bags

COLUMNS_E = torch.tensor([0, 2, 2, 1])
WEIGHTS_E = torch.tensor([0.5, 0.5, 2.0, 1.0])
OFFSETS = torch.tensor([0, 2, 2, 4])  # the second of three bags is empty


def test_a_bag_is_the_weighted_sum_of_its_rows() -> None:
    table_KD = torch.tensor([[2.0, 4.0], [1.0, 1.0], [6.0, 0.0]])
    sums_GD = sum_bags(table_KD, COLUMNS_E, WEIGHTS_E, OFFSETS)
    assert sums_GD.tolist() == [[4.0, 2.0], [0.0, 0.0], [13.0, 1.0]]


def test_the_gradient_collects_each_rows_bags() -> None:
    table_KD = torch.zeros(4, 2, requires_grad=True)
    gradient_GD = torch.tensor([[1.0, 10.0], [5.0, 5.0], [2.0, 20.0]])
    sum_bags(table_KD, COLUMNS_E, WEIGHTS_E, OFFSETS).backward(gradient_GD)
    assert table_KD.grad is not None
    # Row 2: ½ of the first bag's and twice the third's. Row 3 is in no bag.
    assert table_KD.grad.tolist() == [[0.5, 5.0], [2.0, 20.0], [4.5, 45.0], [0.0, 0.0]]


def test_the_gradient_is_that_of_torch() -> None:
    generator = torch.Generator().manual_seed(0)
    columns_E = torch.randint(0, 20, (200,), generator=generator)
    weights_E = torch.rand(200, generator=generator)
    offsets = torch.arange(0, 201, 4)
    gradients = []
    for sums in (
        sum_bags,
        lambda table, columns, weights, offsets: functional.embedding_bag(
            columns, table, offsets, mode="sum", per_sample_weights=weights, include_last_offset=True
        ),
    ):
        table_KD = torch.ones(20, 3, requires_grad=True)
        sums(table_KD, columns_E, weights_E, offsets).square().sum().backward()
        assert table_KD.grad is not None
        gradients.append(table_KD.grad)
    torch.testing.assert_close(gradients[0], gradients[1], rtol=1e-5, atol=1e-5)
