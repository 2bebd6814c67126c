"""Tower: UserNet and ItemNet, from a row's features to its representation [T §4.3].

The two differ in the count of their continuous inputs and in their weights, in nothing else.
All embeddings lie in one packed table of K rows, as wide as the widest of them; a feature of
width d_f uses the first d_f columns. So one embedding-bag call serves every feature, and no
table is as wide as all features together.

    W = Σ d_f, width of all categorical embeddings; M continuous inputs
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from dlrs.arrays import Ints
from dlrs.features.rows import EncodedRows, FeatureSpace
from dlrs.model.bags import sum_bags
from dlrs.model.dense import BiasInit, Dense, biases, glorot
from dlrs.model.forward import packed_positions


class Representation(NamedTuple):
    """What RankNet needs of a user or an item: e and, apart from it, the scalar of the wide part."""

    embedding_BD: Tensor
    wide_B: Tensor


class RowTensors(NamedTuple):
    """The arrays of EncodedRows as tensors; the three integer ones are all int64."""

    continuous_BM: Tensor
    offsets: Tensor
    columns_E: Tensor
    weights_E: Tensor


def row_tensors(rows: EncodedRows) -> RowTensors:
    """Return the rows as tensors, without a copy where that can be."""
    return RowTensors(
        torch.from_numpy(rows.continuous_NC),
        torch.from_numpy(rows.offsets),
        torch.from_numpy(rows.columns_E).long(),  # embedding_bag wants columns and offsets of one type
        torch.from_numpy(rows.weights_E),
    )


class Tower(nn.Module):
    """UserNet (`inputs` = 2C: means ⊕ standard deviations) or ItemNet (`inputs` = C)."""

    positions_W: Tensor

    def __init__(self, space: FeatureSpace, inputs: int, *, bias_init: BiasInit) -> None:
        super().__init__()
        self.features = len(space.categorical)
        self.table = nn.Parameter(_packed_glorot(space))
        self.bias = nn.Parameter(biases(sum(space.widths_F), bias_init))
        self.continuous = Dense(inputs, len(space.continuous), bias_init=bias_init)
        # FTRL keeps weights as a function of the gradients so far; before the first, that is zero.
        self.wide = nn.Parameter(torch.zeros(space.columns, 1))
        positions_W: Ints = packed_positions(space)
        self.register_buffer("positions_W", torch.from_numpy(positions_W), persistent=False)

    def forward(self, rows: RowTensors) -> Representation:
        """Return the representation of each row."""
        entries = rows.columns_E, rows.weights_E
        bags = sum_bags(self.table, *entries, rows.offsets)
        packed_BW = bags.view(len(rows.continuous_BM), -1).index_select(1, self.positions_W)
        embedding_BD = functional.elu(
            torch.cat([self.continuous(rows.continuous_BM), packed_BW + self.bias], dim=1)
        )
        wide_B1 = sum_bags(self.wide, *entries, rows.offsets[:: self.features])
        return Representation(embedding_BD, wide_B1.squeeze(1))


def _packed_glorot(space: FeatureSpace) -> Tensor:
    table = torch.zeros(space.columns, max(space.widths_F))
    for start, size, width in zip(space.starts_F, space.sizes_F, space.widths_F, strict=False):
        table[start : start + size, :width] = glorot(size, width, fan_in=size, fan_out=width)
    return table
