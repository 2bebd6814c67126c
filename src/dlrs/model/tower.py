"""Tower: UserNet and ItemNet, from a row's features to its representation [T §4.3].

The two differ in their weights, in the count of their continuous inputs, and in that users may have
features of their own. These are embedded like all others, and one linear layer turns them into a shift
of all coordinates before the ELU: so e_u keeps the coordinates that it has in common with e_v.
All embeddings lie in one packed table of K rows, as wide as the widest of them; a feature of
width d_f uses the first d_f columns. So one embedding-bag call serves every feature, and no
table is as wide as all features together.

    W = Σ d_f, width of all categorical embeddings; M continuous inputs
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from dlrs.arrays import Ints
from dlrs.features.rows import EncodedRows, FeatureSpace, Side
from dlrs.model.bags import sum_bags
from dlrs.model.dense import BiasInit, Dense, biases, glorot
from dlrs.model.forward import embedded, packed_positions


class Representation(NamedTuple):
    """What RankNet needs of a user or an item: e and, apart from it, the scalar of the wide part."""

    embedding_BD: Tensor
    wide_B: Tensor


class RowTensors(NamedTuple):
    """The arrays of EncodedRows as tensors; both integer ones are int32, as scipy's matrices want them."""

    continuous_BM: Tensor
    offsets: Tensor
    columns_E: Tensor
    weights_E: Tensor


def row_tensors(rows: EncodedRows) -> RowTensors:
    """Return the rows as tensors, without a copy where that can be."""
    return RowTensors(
        torch.from_numpy(rows.continuous_NC),
        torch.from_numpy(rows.offsets).int(),  # embedding_bag wants columns and offsets of one type
        torch.from_numpy(rows.columns_E).int(),
        torch.from_numpy(rows.weights_E),
    )


class Tower(nn.Module):
    """UserNet or ItemNet. A user's continuous inputs are means ⊕ standard deviations ⊕ his own."""

    positions_W: Tensor

    def __init__(self, space: FeatureSpace, side: Side, *, bias_init: BiasInit) -> None:
        super().__init__()
        sizes_F, widths_F = embedded(space, side)
        self.features = len(sizes_F)
        self.packed = len(sizes_F) * max(widths_F)
        self.width = sum(space.widths_F)
        self.inputs = len(space.continuous) * (2 if side == "user" else 1)
        self.table = nn.Parameter(_packed_glorot(sizes_F, widths_F))
        self.bias = nn.Parameter(biases(self.width, bias_init))
        self.continuous = Dense(self.inputs, len(space.continuous), bias_init=bias_init)
        # FTRL keeps weights as a function of the gradients so far; before the first, that is zero.
        self.wide = nn.Parameter(torch.zeros(space.columns_of(side), 1))
        own = len(space.own_continuous) + sum(space.own_widths_F) if side == "user" else 0
        self.own = nn.Parameter(glorot(space.width, own, fan_in=own, fan_out=space.width)) if own else None
        positions_W: Ints = packed_positions(widths_F)
        self.register_buffer("positions_W", torch.from_numpy(positions_W), persistent=False)

    def forward(self, rows: RowTensors) -> Representation:
        """Return the representation of each row."""
        entries = rows.columns_E, rows.weights_E
        bags = sum_bags(self.table, *entries, rows.offsets)
        packed_BW = bags.view(len(rows.continuous_BM), self.packed).index_select(1, self.positions_W)
        numbers_BC = self.continuous(rows.continuous_BM[:, : self.inputs])
        inputs_BD = torch.cat([numbers_BC, packed_BW[:, : self.width] + self.bias], dim=1)
        if self.own is not None:
            own_BO = torch.cat([rows.continuous_BM[:, self.inputs :], packed_BW[:, self.width :]], dim=1)
            inputs_BD = inputs_BD + functional.linear(own_BO, self.own)
        wide_B1 = sum_bags(self.wide, *entries, rows.offsets[:: self.features])
        return Representation(functional.elu(inputs_BD), wide_B1.squeeze(1))


def _packed_glorot(sizes_F: Sequence[int], widths_F: Sequence[int]) -> Tensor:
    table = torch.zeros(sum(sizes_F), max(widths_F))
    start = 0
    for size, width in zip(sizes_F, widths_F, strict=True):
        table[start : start + size, :width] = glorot(size, width, fan_in=size, fan_out=width)
        start += size
    return table
