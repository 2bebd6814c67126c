"""Fitting of the prior: on users of a period that the network has not seen, by what they turned to in it.

The loss is softmax cross-entropy of what a user turned to among all that he could have, as the network's own
(`training.retrieval`), each user counting once:

    logit of user u with item v = a · cos(e_u, e_v) / temperature + w · facts of v

a and w are learnt; the prior is w / a, so that the network's logits keep their scale. Of each fact only what
those before it do not say is fitted, scaled to standard deviation 1, with a small ridge: where nothing can be
told from it alone, its weight is 0. Else a log of which all met items began together would share what is due
to new items between "new" and "young", and treat as new what came a day before the next cut.

    U users    A items that could be recommended    F facts    P pairs of a user and what he turned to
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from scipy import sparse
from scipy.optimize import minimize
from threadpoolctl import threadpool_limits

from dlrs.arrays import Doubles, Floats, Ints
from dlrs.model.prior import Prior, Standing

MOST_ITEMS = 20_000
"""Of more items that nobody turned to so many are drawn, and count for all."""

CELLS = 20_000_000
"""Of more users than have so many logits together so many are drawn: eleven weights need no more."""

BLOCK = 256
"""Users whose logits are worked out at a time."""

RIDGE = 0.03
"""Where there are thousands of users it changes little, where there are two hundred it helps
(docs/decisions/0048-a-prior-of-the-second-degree.md)."""

LEAST = 0.1
"""The network counts so much at least."""

LEAST_OF_ITS_OWN = 1e-6
"""Standard deviation below which what a fact says of its own is rounding."""

LOWEST = np.float32(-1e4)
"""Below every logit of the network."""


@dataclass(frozen=True)
class Examples:
    """Users as the network sees them, what they could choose, and what they chose."""

    users_UD: Floats
    items_AD: Floats
    standing_A: Standing
    relevant_UA: sparse.csr_array  # stores what each user turned to
    known_UA: sparse.csr_array  # stores what may not be recommended to him

    def take(self, users: Ints) -> Examples:
        """Return those of some users."""
        of = self.relevant_UA[users], self.known_UA[users]
        return Examples(self.users_UD[users], self.items_AD, self.standing_A, *of)

    def drawn(self, rng: np.random.Generator) -> tuple[Examples, Doubles]:
        """Return them with fewer users and items where there are many, and ln of how many each item is."""
        some, most = self, max(1, CELLS // min(len(self.items_AD), MOST_ITEMS))
        if len(self.users_UD) > most:
            some = self.take(np.sort(rng.choice(len(self.users_UD), most, replace=False)))
        chosen_A = np.zeros(len(self.items_AD), dtype=np.bool_)
        chosen_A[some.relevant_UA.indices] = True
        others = np.flatnonzero(~chosen_A)
        if len(others) <= MOST_ITEMS:
            return some, np.zeros(len(chosen_A))
        weight_A = np.where(chosen_A, 0, np.log(len(others) / MOST_ITEMS))
        chosen_A[rng.choice(others, MOST_ITEMS, replace=False)] = True
        items = np.flatnonzero(chosen_A)
        pairs = some.relevant_UA[:, items], some.known_UA[:, items]
        fewer = Examples(some.users_UD, some.items_AD[items], some.standing_A.take(items), *pairs)
        return fewer, weight_A[items]


def fit_prior(examples: Examples, temperature: float, seed: int, *, degree: int = 1) -> Prior:
    """Return the weights of a prior of a degree that make what users turned to most likely."""
    some, weight_A = examples.drawn(np.random.default_rng(seed))
    inputs_AF, facts_of_FF = _apart(some.standing_A.facts_NF(degree))
    start = np.concatenate([[1.0], np.zeros(inputs_AF.shape[1])])
    bounds = [(LEAST, None), *[(None, None)] * inputs_AF.shape[1]]
    with threadpool_limits(1, "blas"):
        blocks = _blocks(some, temperature)

        def loss(weights: Doubles) -> tuple[float, Doubles]:
            return _loss(blocks, inputs_AF, weight_A, weights)

        found = minimize(loss, start, jac=True, method="L-BFGS-B", bounds=bounds, options={"ftol": 1e-7})
    weight_F = facts_of_FF @ (found.x[1:] / found.x[0])
    return Prior(*weight_F.tolist())


def _apart(facts_AF: Doubles) -> tuple[Doubles, Doubles]:
    """Return what each fact says that those before it do not, and how weights of that become the facts'.

    Columns have mean 0 and standard deviation 1; one that says nothing of its own is 0, as is its weight.
    """
    A, F = facts_AF.shape
    centred_AF = facts_AF - facts_AF.mean(axis=0)
    says: list[int] = []
    for fact in range(F):
        before_AS, fact_A = centred_AF[:, says], centred_AF[:, fact]
        own_A = fact_A - before_AS @ np.linalg.lstsq(before_AS, fact_A)[0]
        if own_A.std() > LEAST_OF_ITS_OWN * (1 + fact_A.std()):
            says.append(fact)
    unit_AS, triangle_SS = np.linalg.qr(centred_AF[:, says])
    inputs_AF, facts_of_FF = np.zeros((A, F)), np.zeros((F, F))
    inputs_AF[:, says] = unit_AS * np.sqrt(A)
    facts_of_FF[np.ix_(says, says)] = np.linalg.inv(triangle_SS) * np.sqrt(A)
    return inputs_AF, facts_of_FF


class _Block(NamedTuple):
    logits_BA: Floats  # of the network; −inf where the item may not be recommended to him
    row_P: Ints
    column_P: Ints
    share_P: Doubles  # of each pair in what its user turned to


def _loss(
    blocks: Sequence[_Block], inputs_AF: Doubles, weight_A: Doubles, weights: Doubles
) -> tuple[float, Doubles]:
    """Return the mean of the users' losses with its ridge, and its gradient by the weights."""
    prior_A = (inputs_AF @ weights[1:] + weight_A).astype(np.float32)
    loss, slope, slope_A = 0.0, 0.0, np.zeros(len(prior_A))
    for block in blocks:
        chance_BA = np.float32(weights[0]) * block.logits_BA
        chance_BA += prior_A
        wanted_P = chance_BA[block.row_P, block.column_P]
        highest_B1 = chance_BA.max(axis=1, keepdims=True)
        np.exp(np.subtract(chance_BA, highest_B1, out=chance_BA), out=chance_BA)
        sum_B1 = chance_BA.sum(axis=1, keepdims=True)
        chance_BA /= sum_B1
        log_all_B = (highest_B1 + np.log(sum_B1))[:, 0]
        loss += float(block.share_P @ (log_all_B[block.row_P] - wanted_P))
        chance_BA[block.row_P, block.column_P] -= block.share_P
        slope += float(np.vdot(chance_BA, np.maximum(block.logits_BA, LOWEST)))  # −inf has no chance
        slope_A += chance_BA.sum(axis=0)
    U = sum(len(block.logits_BA) for block in blocks)
    gradient = np.concatenate([[slope], slope_A @ inputs_AF]) / U
    gradient[1:] += RIDGE * weights[1:]
    return loss / U + RIDGE / 2 * float(weights[1:] @ weights[1:]), gradient


def _blocks(some: Examples, temperature: float) -> list[_Block]:
    """Return what the network says of users, some at a time."""
    blocks = []
    for first in range(0, len(some.users_UD), BLOCK):
        block = slice(first, first + BLOCK)
        logits_BA = some.users_UD[block] @ some.items_AD.T / np.float32(temperature)
        logits_BA[some.known_UA[block].nonzero()] = -np.inf
        row_P, column_P = some.relevant_UA[block].nonzero()
        share_P = 1 / np.bincount(row_P, minlength=len(logits_BA))[row_P]
        blocks.append(_Block(logits_BA, row_P, column_P, share_P))
    return blocks
