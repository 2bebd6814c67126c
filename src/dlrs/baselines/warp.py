"""WARP: learn to rank positives first, with a weight that grows with how badly they rank.

For each positive up to ten negatives are drawn at random. The first that scores above the positive
less a margin of 1 is pushed down and the positive up; the fewer draws it took, the worse the
positive must rank, and the stronger the push (Weston et al., 2011, as in LightFM; what differs from
LightFM: docs/decisions/0002-own-warp.md).

    P positives, B those of a batch, T trials, W items met in training; R rows of users or of items
    L inputs that describe a row: ids and feature columns, each with an embedding; M of them touched
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from scipy import sparse
from torch import Tensor
from torch.nn.functional import embedding_bag

from dlrs.arrays import AnyArray, Bools, Floats, Ints, positions_in
from dlrs.model.threads import one_thread
from dlrs.progress import track

TRIALS = 10
MARGIN = 1.0
MAX_WEIGHT = 10.0
BATCH = 1024


@dataclass(frozen=True)
class Positives:
    """Unique pairs of a user row and one of N item rows, as ascending keys user · N + item."""

    keys_P: Ints
    items: int

    @classmethod
    def of(cls, train_UN: sparse.csr_array) -> Positives:
        """Take every pair that the matrix stores."""
        users, items = train_UN.shape
        user_E = np.repeat(np.arange(users), np.diff(train_UN.indptr))
        return cls(np.unique(user_E * items + train_UN.indices), items)

    @property
    def pairs(self) -> tuple[Ints, Ints]:
        """User row and item row of each."""
        return np.divmod(self.keys_P, self.items)

    def holds(self, users_B: Ints, items_B: Ints) -> Bools:
        """Return which of these pairs are positives."""
        held_B: Bools = positions_in(self.keys_P, users_B * self.items + items_B) >= 0
        return held_B


class Side:
    """Users or items: a row's vector is the weighted sum of its inputs' embeddings; Adagrad moves these."""

    def __init__(self, inputs_RL: sparse.csr_array, embeddings_LD: Floats, learning_rate: float) -> None:
        """Take what describes each row, and where the embeddings start, which are moved in place."""
        self.inputs_RL = inputs_RL
        self.learning_rate = learning_rate
        self._embeddings_LD = torch.from_numpy(embeddings_LD)
        self._squares_LD = torch.ones_like(self._embeddings_LD)  # from 1, as in LightFM

    def vectors(self, rows_B: Ints) -> Tensor:
        """Return the vectors of some rows."""
        bags_BL = self.inputs_RL[rows_B]
        return _sums(self._embeddings_LD, bags_BL.indices, bags_BL.indptr, bags_BL.data)

    def descend(self, rows_B: Ints, gradient_BD: Tensor) -> None:
        """Move each input's embedding against its gradient, summed over the rows of the batch."""
        rows_of_LB = self.inputs_RL[rows_B].tocsc()
        touched_M = np.flatnonzero(np.diff(rows_of_LB.indptr))
        starts = np.append(rows_of_LB.indptr[touched_M], rows_of_LB.indptr[-1:])
        gradient_MD = _sums(gradient_BD, rows_of_LB.indices, starts, rows_of_LB.data)
        touched = torch.from_numpy(touched_M)
        squares_MD = self._squares_LD[touched] + gradient_MD.square()
        self._squares_LD[touched] = squares_MD
        self._embeddings_LD[touched] -= self.learning_rate * gradient_MD / squares_MD.sqrt()

    def learned(self, rows: Ints) -> Floats:
        """Return the embeddings (L, D), zero for the inputs of none of these rows."""
        met_L = np.bincount(self.inputs_RL[rows].indices, minlength=len(self._embeddings_LD)) > 0
        embeddings_LD: Floats = self._embeddings_LD.numpy()
        return embeddings_LD * met_L[:, None]


@one_thread()
def train_warp(
    train_UN: sparse.csr_array,
    user_inputs: sparse.csr_array,
    item_inputs: sparse.csr_array,
    *,
    factors: int,
    epochs: int,
    learning_rate: float,
    seed: int,
    name: str = "hybrid",
) -> tuple[Floats, Floats]:
    """Return the embeddings of the users' inputs (·, D) and of the items' (·, D + 1), the last a bias.

    Args:
        train_UN: what it stores is positive; negatives are drawn evenly from the items it stores.
        user_inputs: float32 weight of each input (column) of each user row.
        item_inputs: the same for item rows.
        factors: D.
        epochs: how often every positive is seen.
        learning_rate: of Adagrad.
        seed: of the start, the order and the negatives.
        name: what the progress bar calls the model.
    """
    rng = np.random.default_rng(seed)
    positives = Positives.of(train_UN)
    user_P, item_P = positives.pairs
    items_W = np.unique(item_P)
    users = Side(user_inputs, _start(user_inputs.shape[1], factors, rng), learning_rate)
    start_LD = np.pad(_start(item_inputs.shape[1], factors, rng), ((0, 0), (0, 1)))
    items = Side(item_inputs, start_LD, learning_rate)
    for _ in track(range(epochs), f"Fit {name}: epochs"):
        order_P = rng.permutation(len(user_P))
        for first in range(0, len(order_P), BATCH):
            batch = order_P[first : first + BATCH]
            negative_BT = rng.choice(items_W, (len(batch), TRIALS))
            step(users, items, positives, user_P[batch], item_P[batch], negative_BT, len(items_W))
    return users.learned(np.unique(user_P)), items.learned(items_W)


def rank_weights(items: int) -> Floats:
    """Return the weight of a violator found at each trial t: log of the rank (items − 1) / t, 0 to 10.

    >>> rank_weights(101)[[0, 4, 9]].round(3)
    array([4.605, 2.996, 2.303], dtype=float32)
    """
    ranks_T = (items - 1) // np.arange(1, TRIALS + 1)
    return np.log(np.maximum(ranks_T, 1)).clip(max=MAX_WEIGHT).astype(np.float32)


def first_true(flags_BT: Bools) -> tuple[Ints, Ints]:
    """Return the rows with any true flag, and the position of the first one in each.

    >>> first_true(np.array([[False, True, True], [False, False, False]]))
    (array([0]), array([1]))
    """
    rows = np.flatnonzero(flags_BT.any(axis=1))
    return rows, flags_BT[rows].argmax(axis=1)


def step(
    users: Side,
    items: Side,
    positives: Positives,
    user_B: Ints,
    item_B: Ints,
    negative_BT: Ints,
    item_count: int,
) -> None:
    """Move both sides against the hinge weight · (1 − positive's score + violator's score).

    The first violator among the trials counts; a positive of the same user is none. `item_count` is
    the number of items that negatives are drawn from.
    """
    user_BD = _with_one(users.vectors(user_B))
    positive_BD = items.vectors(item_B)
    negative_BTD = items.vectors(negative_BT.ravel()).view(*negative_BT.shape, -1)
    positive_B1 = (user_BD * positive_BD).sum(dim=1, keepdim=True)
    negative_scores_BT = torch.einsum("bd,btd->bt", user_BD, negative_BTD)
    violates_BT = (negative_scores_BT > positive_B1 - MARGIN).numpy()
    row_E, trial_E = violates_BT.nonzero()
    violates_BT[row_E, trial_E] = ~positives.holds(user_B[row_E], negative_BT[row_E, trial_E])

    rows, trials = first_true(violates_BT)
    weight_B1 = torch.from_numpy(rank_weights(item_count)[trials, None])
    pushed_BD = weight_B1 * user_BD[rows]
    towards_BD = weight_B1 * (negative_BTD[rows, trials] - positive_BD[rows])
    users.descend(user_B[rows], towards_BD[:, :-1])
    items.descend(
        np.concatenate([item_B[rows], negative_BT[rows, trials]]), torch.cat([-pushed_BD, pushed_BD])
    )


def _with_one(vectors_BD: Tensor) -> Tensor:
    """Append a 1, which the item's bias is multiplied with."""
    return torch.nn.functional.pad(vectors_BD, (0, 1), value=1.0)


def _sums(vectors_LD: Tensor, columns_E: AnyArray, starts: AnyArray, weights_E: Floats) -> Tensor:
    """Return the weighted sums of vectors; bag b has the entries starts[b] to starts[b + 1]."""
    columns, offsets, weights = (torch.from_numpy(part) for part in (columns_E, starts, weights_E))
    return embedding_bag(
        columns, vectors_LD, offsets, mode="sum", per_sample_weights=weights, include_last_offset=True
    )


def _start(inputs: int, factors: int, rng: np.random.Generator) -> Floats:
    return (rng.random((inputs, factors), dtype=np.float32) - np.float32(0.5)) / np.float32(factors)
