"""RankNet: (e_u, e_v) → the logit of the preference p(v|u) [T §4.3].

It needs the two representations and nothing else (method §4). The first layer is
W1u·e_u + W1v·e_v + b1, kept as two matrices, so that the item half can be computed once per item.

    L width of the first layer
"""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional

from dlrs.model.dense import BiasInit, Dense, biases, glorot
from dlrs.model.dropout import Dropout
from dlrs.model.tower import Representation


def first_width(embedding: int) -> int:
    """L1 = 2^⌈log2(|e_u| + |e_v|)⌉, at least 4 so that the third layer is not empty."""
    return max(4, 1 << (2 * embedding - 1).bit_length())


class RankNet(nn.Module):
    """ELU layers of L1, L1/2 and L1/4, dropout on the second; the wide scalars join at the output."""

    def __init__(self, embedding: int, *, dropout: float, bias_init: BiasInit) -> None:
        super().__init__()
        first = first_width(embedding)
        second, third = first // 2, first // 4
        # One layer in two parts: Glorot looks at its whole input.
        self.user_first = nn.Parameter(glorot(first, embedding, fan_in=2 * embedding, fan_out=first))
        self.item_first = nn.Parameter(glorot(first, embedding, fan_in=2 * embedding, fan_out=first))
        self.first_bias = nn.Parameter(biases(first, bias_init))
        self.second = Dense(first, second, bias_init=bias_init)
        self.dropout = Dropout(dropout)
        self.third = Dense(second, third, bias_init=bias_init)
        self.output = Dense(third + 1, 1, bias_init=bias_init)  # the last input is z_wide

    def forward(self, users: Representation, items: Representation) -> Tensor:
        """Return the logit of each of B pairs: row b of the users with row b of the items."""
        halves_BL = self.user_half(users.embedding_BD) + self.item_half(items.embedding_BD)
        return self.from_halves(halves_BL, users.wide_B + items.wide_B)

    def user_half(self, embedding_BD: Tensor) -> Tensor:
        """Return the users' share of the first layer, its bias included."""
        return functional.linear(embedding_BD, self.user_first, self.first_bias)

    def item_half(self, embedding_BD: Tensor) -> Tensor:
        """Return the items' share of the first layer."""
        return functional.linear(embedding_BD, self.item_first)

    def from_halves(self, halves_BL: Tensor, wide_B: Tensor) -> Tensor:
        """Return the logits of B pairs from the sums of their halves and of their wide scalars."""
        hidden = functional.elu(self.second(functional.elu(halves_BL)))
        deep = functional.elu(self.third(self.dropout(hidden)))
        weight = self.output.weight[0]
        logits_B: Tensor = deep @ weight[:-1] + wide_B * weight[-1] + self.output.bias
        return logits_B
