from __future__ import annotations

from collections.abc import Callable

import pytest
import torch

from dlrs.features.rows import EncodedRows, FeatureSpace
from dlrs.model.forward import SIDES
from dlrs.model.network import Network, pair_cosine
from dlrs.model.tower import Representation, row_tensors

RandomRows = Callable[..., EncodedRows]


def test_pairs_of_distinct_rows_equal_pairs_embedded_one_by_one(
    space: FeatureSpace, random_rows: RandomRows
) -> None:
    network = Network(space).eval()
    torch.nn.init.normal_(network.user_net.wide)
    torch.nn.init.normal_(network.item_net.wide)
    users, items = random_rows(space, 5, "user"), random_rows(space, 7, "item", seed=1)
    user_B, item_B = torch.tensor([4, 0, 4, 2]), torch.tensor([6, 1, 0, 6])
    logits_B = network(row_tensors(users), row_tensors(items), user_B, item_B)
    user_reps = network.user_net(row_tensors(users.take(user_B.numpy())))
    item_reps = network.item_net(row_tensors(items.take(item_B.numpy())))
    torch.testing.assert_close(logits_B, network.rank_net(user_reps, item_reps))


def test_every_weight_belongs_to_one_optimiser(space: FeatureSpace) -> None:
    network = Network(space)
    wide, deep = network.wide_parameters(), network.deep_parameters()
    assert {id(p) for p in wide} | {id(p) for p in deep} == {id(p) for p in network.parameters()}
    assert len(wide) + len(deep) == len(list(network.parameters()))
    assert [tuple(p.shape) for p in wide] == [(space.columns_of(side), 1) for side in SIDES]


def test_all_weights_learn(space: FeatureSpace, random_rows: RandomRows) -> None:
    network = Network(space)
    users, items = random_rows(space, 30, "user"), random_rows(space, 30, "item", seed=1)
    every = torch.arange(30)
    network(row_tensors(users), row_tensors(items), every, every).sum().backward()
    for name, weight in network.named_parameters():
        assert weight.grad is not None, name
        assert weight.grad.any() or weight.numel() == 0, name


def test_cosine_by_hand_without_the_wide_scalars() -> None:
    users = Representation(torch.tensor([[3.0, 4.0], [0.0, 0.0]]), torch.tensor([100.0, 7.0]))
    items = Representation(torch.tensor([[0.0, 2.0], [-6.0, -8.0]]), torch.tensor([-5.0, 9.0]))
    cosine_B = pair_cosine(users, items, torch.tensor([0, 0, 1]), torch.tensor([0, 1, 0]))
    assert cosine_B.tolist() == pytest.approx([0.8, -1.0, 0.0])
