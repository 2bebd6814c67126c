"""The history network: e_u from what a user met, e_v from an item's features, both of length 1.

All features of an item, its id among them if the recipe makes that one, are embedded in one space and
summed: what an item is like stands for it until enough users have met it. Before the sum is scaled to length
1, a vector is added that all items share: so how long a sum is counts too, and what is met often may be near
to many. A user is the sum of three parts, of which any may be missing:

    the mean of the items that he met of late (the profile, one-many over ids and features alike),
    self-attention over them in their order, as it stands at the last one (Kang & McAuley, ICDM 2018),
    features of his own.

`History.reading` says which of the first two there are. Where the order of a log says nothing, each item of a
user may be told from the mean of all his others, later ones too (Kabbur et al., KDD 2013: FISM).

In training each part and each feature is left out at random (Volkovs et al., NIPS 2017: DropoutNet), so that
one network serves new items, new users and old ones. `history_forward` runs the same weights without torch.

What an event was (a view, a contact) is told by an embedding of its type beside the item's, and by how much
the type weighs in the mean; both are learnt.

    B stretches of L events    S distinct item versions of a step    D width    K columns of the vocabulary
    T interaction types        O columns of the users' own features, numbers first
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from dlrs.features.rows import FeatureSpace
from dlrs.model.bags import sum_bags
from dlrs.model.dropout import Dropout
from dlrs.model.tower import RowTensors
from dlrs.schema import USER
from dlrs.settings.training import History

SMALL = 0.02
"""Standard deviation of embeddings and positions at the start."""


class Events(NamedTuple):
    """Events side by side: rows of the items, −1 for padding on the left, and interaction types."""

    place_BL: Tensor
    type_BL: Tensor


class Sets(NamedTuple):
    """Events that stand for B users, and P times: of whom it is to be told what else there was.

    Of what is told nothing may be seen, though the user met it more than once: `same_X` are the events that
    show it, to be left out of the set that tells `asked_X`.
    """

    place_E: Tensor  # rows of the items
    type_E: Tensor
    row_E: Tensor  # whose: 0 to B − 1, ascending
    row_P: Tensor
    same_X: Tensor  # places in `place_E`
    asked_X: Tensor  # 0 to P − 1


class Bags(NamedTuple):
    """A sparse matrix row by row: int32 columns and offsets."""

    columns_E: Tensor
    weights_E: Tensor
    offsets: Tensor


class HistoryNet(nn.Module):
    """UserNet and ItemNet over histories. Columns that training hardly saw count as unknown."""

    used_K: Tensor

    def __init__(self, space: FeatureSpace, settings: History, used_K: Tensor, types: int) -> None:
        """Take the shape of the inputs, and 1 for each column that may count, else 0: (K,)."""
        super().__init__()
        D = settings.width
        self.space, self.settings = space, settings
        self.register_buffer("used_K", used_K.float())
        self.table = nn.Parameter(torch.randn(space.columns, D) * SMALL)
        self.numbers = nn.Parameter(torch.randn(len(space.continuous), D) * SMALL)
        if settings.attends:
            self.positions = nn.Parameter(torch.randn(settings.looks_back, D) * SMALL)
            self.blocks = nn.ModuleList(Block(settings) for _ in range(settings.blocks))
            self.last_norm = nn.LayerNorm(D)
        if settings.averages:
            self.pooled = nn.Parameter(torch.eye(D))
        self.shares = nn.Parameter(torch.zeros(2, D))  # of attention and of the mean, before a sigmoid
        own_columns = len(space.own_continuous) + sum(space.own_sizes_F)
        self.own_table = nn.Parameter(torch.randn(own_columns, D) * SMALL)
        if not settings.user_ids:  # they may be there, for another network
            asked = torch.zeros(own_columns, 1)
            asked[space.own_columns_but(USER)] = 1
            self.own_table.data *= asked
        self.types = nn.Parameter(torch.zeros(types, D))
        self.type_weights = nn.Parameter(torch.zeros(types))  # logarithms
        self.anybody = nn.Parameter(torch.randn(D) * SMALL)
        self.base = nn.Parameter(torch.zeros(D))
        self.dropout = Dropout(settings.dropout)

    @torch.no_grad()
    def start_from(self, numbers_CW: Tensor, table_KW: Tensor, own_OW: Tensor | None = None) -> None:
        """Begin with these embeddings, W < D: the last coordinate is the one that all items share."""
        W = table_KW.shape[1]
        for embeddings, given in ((self.numbers, numbers_CW), (self.table, table_KW)):
            embeddings[:, :W] = given
            embeddings[:, -1] = 0
        if own_OW is not None:
            self.own_table[:, :W] = own_OW
        self.anybody.zero_()
        self.base.zero_()
        self.base[-1] = 1

    def unit_items(self, items_SD: Tensor) -> Tensor:
        """Return e_v of what `items` returned."""
        return functional.normalize(items_SD + self.base, dim=-1)

    def items(self, rows: RowTensors) -> Tensor:
        """Return the sum of the embeddings of each row: (S, D)."""
        # a sum of n values over √n is as long as one value: the twenty words of a title are not drowned
        weights_E = rows.weights_E.sqrt() * self.used_K[rows.columns_E]
        numbers_SC = rows.continuous_BM
        if self.training and self.settings.field_dropout:
            weights_E, numbers_SC = self._fields_dropped(rows, weights_E)
        features = len(self.space.categorical)
        summed_SD = sum_bags(self.table, rows.columns_E, weights_E, rows.offsets[::features])
        return summed_SD + numbers_SC @ self.numbers

    def _fields_dropped(self, rows: RowTensors, weights_E: Tensor) -> tuple[Tensor, Tensor]:
        """Leave out each discrete feature of each row, and all of its numbers, at random.

        What stays keeps its weight: a missing feature looks the same when the network serves.
        """
        lengths = rows.offsets.diff().long()
        kept = torch.rand(len(lengths)) >= self.settings.field_dropout
        kept_S = torch.rand(len(rows.continuous_BM), 1) >= self.settings.field_dropout
        return weights_E * kept.repeat_interleave(lengths), rows.continuous_BM * kept_S

    def users(self, items_SD: Tensor, events: Events, own: Bags | None) -> Tensor:
        """Return what stands for each user after each of his events, before scaling: (B, L, D).

        `own` has a row for each of the B users: the features that are his own.
        """
        known_BL = events.place_BL >= 0
        tokens_BLD = items_SD[events.place_BL.clamp(min=0)]
        shares = torch.sigmoid(self.shares)
        parts: Tensor = self.anybody
        if self.settings.averages:
            weights_BL1 = (torch.exp(self.type_weights)[events.type_BL] * known_BL)[..., None]
            sums_BLD, sums_BL1 = (tokens_BLD * weights_BL1).cumsum(1), weights_BL1.cumsum(1)
            mean_BLD = sums_BLD / sums_BL1.clamp(min=1e-6)
            parts = parts + self._part_dropped(shares[1] * (self.dropout(mean_BLD) @ self.pooled))
        if self.settings.attends:
            attended = self.attended(tokens_BLD + self.types[events.type_BL], known_BL)
            parts = parts + self._part_dropped(shares[0] * attended)
        if own is not None:
            parts = parts + self._part_dropped(sum_bags(self.own_table, *own))[:, None]
        return parts

    def users_by_others(self, items_SD: Tensor, sets: Sets, own: Bags | None) -> Tensor:
        """Return what stands for a user by all that he met but what is to be told: (P, D), before scaling.

        `own` has a row for each of the B users.
        """
        weight_E1 = torch.exp(self.type_weights)[sets.type_E][:, None]
        weighted = torch.cat([items_SD[sets.place_E] * weight_E1, weight_E1], dim=1)
        rows = int(sets.row_E[-1]) + 1
        sums = torch.zeros(rows, weighted.shape[1]).index_add(0, sets.row_E, weighted)[sets.row_P]
        sums = sums - torch.zeros_like(sums).index_add(0, sets.asked_X, weighted[sets.same_X])
        mean_PD = sums[:, :-1] / sums[:, -1:].clamp(min=1e-6)
        shared_PD = torch.sigmoid(self.shares)[1] * (self.dropout(mean_PD) @ self.pooled)
        parts: Tensor = self.anybody + self._part_dropped(shared_PD)
        if own is not None:
            parts = parts + self._part_dropped(sum_bags(self.own_table, *own)[sets.row_P])
        return parts

    def attended(self, tokens_BLD: Tensor, known_BL: Tensor) -> Tensor:
        """Return the last block's output at each event, which sees itself and those before it."""
        L = tokens_BLD.shape[1]
        hidden = self.dropout(tokens_BLD + self.positions[-L:])
        earlier = torch.ones(L, L, dtype=torch.bool).tril()
        # padding sees itself, so that no row of the softmax is empty
        seen = (earlier & known_BL[:, None, :]) | torch.eye(L, dtype=torch.bool)
        for block in self.blocks:
            hidden = block(hidden, seen[:, None])
        normed: Tensor = self.last_norm(hidden)
        return normed

    def _part_dropped(self, part: Tensor) -> Tensor:
        if not self.training or not self.settings.field_dropout:
            return part
        shape = (len(part),) + (1,) * (part.dim() - 1)
        return part * (torch.rand(shape) >= self.settings.field_dropout)


class Block(nn.Module):
    """Self-attention and two dense layers, each normalised before and added to what came in."""

    def __init__(self, settings: History) -> None:
        super().__init__()
        D = settings.width
        self.heads = settings.heads
        self.attention_norm, self.dense_norm = nn.LayerNorm(D), nn.LayerNorm(D)
        self.attention = nn.Linear(D, 3 * D)
        self.joined = nn.Linear(D, D)
        self.wider = nn.Linear(D, 2 * D)
        self.narrower = nn.Linear(2 * D, D)
        self.dropout = Dropout(settings.dropout)

    def forward(self, hidden: Tensor, seen: Tensor) -> Tensor:
        """Return the block's output (B, L, D); `seen` (B, 1, L, L) says which event sees which."""
        B, L, D = hidden.shape
        split = self.attention(self.attention_norm(hidden)).view(B, L, 3, self.heads, D // self.heads)
        query, key, value = split.permute(2, 0, 3, 1, 4)
        mixed = functional.scaled_dot_product_attention(query, key, value, attn_mask=seen)
        hidden = hidden + self.dropout(self.joined(mixed.transpose(1, 2).reshape(B, L, D)))
        dense = self.narrower(functional.relu(self.wider(self.dense_norm(hidden))))
        added: Tensor = hidden + self.dropout(dense)
        return added
