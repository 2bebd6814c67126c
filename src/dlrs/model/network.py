"""Network: UserNet, ItemNet and RankNet joined, for training; and how they are stored."""

from __future__ import annotations

from pathlib import Path

from safetensors.torch import save
from torch import Tensor, nn
from torch.nn import functional

from dlrs.features.rows import FeatureSpace
from dlrs.model.dense import BiasInit
from dlrs.model.forward import NETS, Nets, write_space
from dlrs.model.rank_net import RankNet
from dlrs.model.tower import Representation, RowTensors, Tower


class Network(nn.Module):
    """The three networks. Each runs alone, too."""

    def __init__(self, space: FeatureSpace, *, dropout: float = 0.5, bias_init: BiasInit = "normal") -> None:
        super().__init__()
        self.space = space
        self.user_net = Tower(space, "user", bias_init=bias_init)
        self.item_net = Tower(space, "item", bias_init=bias_init)
        self.rank_net = RankNet(space.width, dropout=dropout, bias_init=bias_init)

    def forward(self, users: RowTensors, items: RowTensors, user_B: Tensor, item_B: Tensor) -> Tensor:
        """Return the logits of B pairs of a row of `users` and a row of `items`."""
        return self.logits(self.user_net(users), self.item_net(items), user_B, item_B)

    def logits(self, users: Representation, items: Representation, user_B: Tensor, item_B: Tensor) -> Tensor:
        """Return the logits of B pairs; each user's and each item's half is computed once."""
        user_BL = self.rank_net.user_half(users.embedding_BD).index_select(0, user_B)
        item_BL = self.rank_net.item_half(items.embedding_BD).index_select(0, item_B)
        wide_B = users.wide_B.index_select(0, user_B) + items.wide_B.index_select(0, item_B)
        return self.rank_net.from_halves(user_BL + item_BL, wide_B)

    def wide_parameters(self) -> list[nn.Parameter]:
        """Return the weights on the raw categorical inputs: FTRL's; all others are Adam's."""
        return [self.user_net.wide, self.item_net.wide]

    def deep_parameters(self) -> list[nn.Parameter]:
        """Return all weights but those of the wide part, in a fixed order."""
        return [*self.embedding_parameters(), *self.rank_net.parameters()]

    def embedding_parameters(self) -> list[nn.Parameter]:
        """Return the weights that e_u and e_v are made with, in a fixed order."""
        wide = {id(parameter) for parameter in self.wide_parameters()}
        both = (*self.user_net.parameters(), *self.item_net.parameters())
        return [parameter for parameter in both if id(parameter) not in wide]


def pair_cosine(users: Representation, items: Representation, user_B: Tensor, item_B: Tensor) -> Tensor:
    """Return cos(e_u, e_v) of B pairs; 0 where either is zero. The wide scalars take no part (method §9)."""
    user_BD = functional.normalize(users.embedding_BD).index_select(0, user_B)
    item_BD = functional.normalize(items.embedding_BD).index_select(0, item_B)
    return (user_BD * item_BD).sum(1)


def without_torch(network: Network) -> Nets:
    """Return the three networks as numpy runs them; the weights are shared, not copied."""
    weights = {name: tensor.detach().numpy() for name, tensor in network.state_dict().items()}
    return Nets(network.space, weights)


def save_nets(network: Network, folder: Path) -> None:
    """Write the weights and the shape of the networks into `folder`; `forward.load_nets` reads them."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / NETS).write_bytes(save(network.state_dict()))
    write_space(network.space, folder)
