"""Random users and items with a network that scores them: small, and not alike."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy import sparse

from dlrs.arrays import Floats
from dlrs.evaluation.gold_standard import AllPairs
from dlrs.features.rows import FeatureSpace
from dlrs.model.forward import ItemHalves, Nets, Representations
from dlrs.model.network import Network, without_torch

SPACE = FeatureSpace(("price",), ("make",), (9,))
WIDTH, FIRST = 5, 16
"""Of an embedding and of RankNet's first layer in that space."""


def some_nets() -> Nets:
    import torch

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return without_torch(Network(SPACE))


def some_pairs(users: int, items: int, *, seed: int = 0, known: float = 0.1) -> AllPairs:
    rng = np.random.default_rng(seed)
    numbers: Callable[..., Floats] = lambda *shape: rng.normal(size=shape).astype(np.float32)  # noqa: E731
    return AllPairs(
        nets=some_nets(),
        users_U=np.arange(users) * 3 + 1,
        users=Representations(numbers(users, WIDTH), numbers(users)),
        items_A=np.arange(items) * 2 + 5,
        items=ItemHalves(numbers(items, FIRST), numbers(items)),
        known_UA=sparse.csr_array(rng.random((users, items)) < known),
    )
