"""Markov interaction weights: the rarer an interaction type in the long run, the more it says.

For each (user, item) the interactions are ordered in time and the steps from type to type counted.
The row-normalised counts are a Markov chain; a type's weight is ψ(i) = 1/π(i), π being the chain's
stationary distribution [T §A.2]. There are three levels of chains: the domain's T, a user's t_u, and
t_uv of a user with one item. Most users and nearly all pairs have too few steps for a chain of their
own, so each is shrunk toward the level above (method §9): row i is the posterior mean
(c_i + κ·prior_i) / (Σ c_i + κ) under a Dirichlet prior whose mean is the row above.

κ, the strength of the prior, is how many steps out of a type make one's own counts weigh as much as
the level above. It is not a setting but learned: the κ under which the counts of all users (or pairs)
are likeliest. Where all behave alike it is large and everyone gets the domain's weights.

    T interaction types    S steps    G groups: users, or (user, item) pairs
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from scipy.special import gammaln

from dlrs.arrays import AnyArray, Doubles, Ints, positions_in
from dlrs.data.interactions import Interactions

Level = Literal["domain", "user", "user-item"]

STRENGTHS = 2.0 ** np.arange(13)
"""The κ that are tried: 1, 2, 4 … 4096 steps."""


@dataclass(frozen=True)
class Steps:
    """From one interaction to the next of the same user with the same item."""

    user_S: Ints
    item_S: Ints
    step_S: Ints  # type before · T + type after

    def counts(self, group_S: Ints, groups: int, types: int) -> Ints:
        """Return how often each group went from type to type: (G, T, T)."""
        cells = np.bincount(group_S * types**2 + self.step_S, minlength=groups * types**2)
        return cells.reshape(groups, types, types)


def steps(interactions: Interactions, types: int) -> Steps:
    """Return the steps of a log. Its events must be in the order of time, as `Interactions` are."""
    pair_E = _pair_keys(interactions.user_E, interactions.item_E)
    order = np.argsort(pair_E, kind="stable")  # keeps the order of time
    pair_E, type_E = pair_E[order], interactions.type_E[order]
    same_pair = np.flatnonzero(pair_E[1:] == pair_E[:-1])
    pair_S = pair_E[same_pair]
    return Steps(pair_S >> 32, pair_S & (2**32 - 1), type_E[same_pair] * types + type_E[same_pair + 1])


def stationary_distribution(chain_GTT: Doubles) -> Doubles:
    """Return π with π·P = π and Σπ = 1 for one row-stochastic P or many: (T,) or (G, T).

    Every type must be reachable from every other, as it is once counts are smoothed.
    """
    types = chain_GTT.shape[-1]
    # of T balance equations one follows from the others: the sum takes the place of the last
    equations = np.swapaxes(chain_GTT, -1, -2) - np.eye(types)
    equations[..., -1, :] = 1.0
    right = np.zeros((*chain_GTT.shape[:-1], 1))
    right[..., -1, 0] = 1.0
    pi_GT: Doubles = np.linalg.solve(equations, right)[..., 0].astype(np.float64)
    return pi_GT


def domain_chain(counts_TT: Ints) -> Doubles:
    """Return the domain's chain, every count raised by one (method §9): (T, T)."""
    smoothed_TT = counts_TT + 1.0
    chain: Doubles = smoothed_TT / smoothed_TT.sum(axis=1, keepdims=True)
    return chain


def interaction_weights(chain_GTT: Doubles) -> Doubles:
    """Return ψ = 1/π of one chain or many; a single type weighs 1: (T,) or (G, T)."""
    return 1.0 / stationary_distribution(chain_GTT)


def shrunk(counts_GTT: Ints, prior_GTT: Doubles, strength: float) -> Doubles:
    """Return each group's chain, shrunk toward its prior by `strength` steps a row: (G, T, T)."""
    rows = counts_GTT.sum(axis=-1, keepdims=True)
    chain: Doubles = (counts_GTT + strength * prior_GTT) / (rows + strength)
    return chain


def likeliest_strength(counts_GTT: Ints, prior_GTT: Doubles) -> float:
    """Return the κ of `STRENGTHS` with the highest Dirichlet-multinomial likelihood of the counts.

    Each row of each group is one draw of Σ c_i steps from probabilities that are themselves drawn from
    the Dirichlet distribution with the parameters κ·prior_i: empirical Bayes.
    """
    seen = counts_GTT > 0  # where nothing was counted the terms cancel
    count_X, prior_X = counts_GTT[seen], np.broadcast_to(prior_GTT, counts_GTT.shape)[seen]
    total_R, times_R = np.unique(counts_GTT.sum(axis=-1), return_counts=True)

    def likelihood(strength: float) -> float:
        rows = times_R @ (gammaln(strength) - gammaln(strength + total_R))
        cells = gammaln(strength * prior_X + count_X) - gammaln(strength * prior_X)
        return float(rows + cells.sum())

    return float(STRENGTHS[np.argmax([likelihood(strength) for strength in STRENGTHS])])


@dataclass(frozen=True)
class InteractionWeights:
    """ψ on the level that the marketplace asks for.

    A weight by type, or by user and type, can wait until the days of a window are merged. One by
    (user, item, type) cannot, for a day no longer knows its items: such a weight enters with the event.
    """

    domain_T: Doubles
    users_UT: Doubles  # each row the domain's where the level is "domain"
    pair_G: Ints = field(default_factory=lambda: np.empty(0, dtype=np.int64))  # ascending: `_pair_keys`
    pairs_GT: Doubles | None = None  # the weights of these pairs, where the level is "user-item"
    strengths: Mapping[str, float] = field(default_factory=dict)  # κ of each level below the domain

    @property
    def before_merging(self) -> bool:
        """Whether events must be weighed one by one, before they are put into buckets."""
        return self.pairs_GT is not None

    def of_events(self, user_E: Ints, item_E: Ints, type_E: AnyArray) -> Doubles:
        """Return the weights with which events enter their buckets: 1 unless `before_merging`.

        A pair without a step before the cut has its user's weights.
        """
        if self.pairs_GT is None:
            return np.ones(len(user_E))
        group_E = positions_in(self.pair_G, _pair_keys(user_E, item_E))
        of_pairs = np.vstack([self.pairs_GT, np.ones(len(self.domain_T))])[group_E, type_E]
        return np.where(group_E >= 0, of_pairs, self.users_UT[user_E, type_E])

    def of_buckets(self, user_B: AnyArray, type_B: AnyArray) -> Doubles:
        """Return the weights with which buckets are merged: 1 if `before_merging`."""
        return np.ones(len(user_B)) if self.before_merging else self.users_UT[user_B, type_B]


def fit_weights(before: Interactions, level: Level, *, users: int, types: int) -> InteractionWeights:
    """Fit the weights of all levels down to `level` on the events before the cut; a single type weighs 1."""
    if types == 1:
        return InteractionWeights(np.ones(1), np.broadcast_to(np.ones(1), (users, 1)))
    found = steps(before, types)
    domain_TT = domain_chain(found.counts(np.zeros_like(found.step_S), 1, types)[0])
    domain_T = interaction_weights(domain_TT)
    everyone_UT = np.broadcast_to(domain_T, (users, types))
    if level == "domain":
        return InteractionWeights(domain_T, everyone_UT)

    counts_UTT = found.counts(found.user_S, users, types)
    strengths = {"user": likeliest_strength(counts_UTT, domain_TT)}
    chains_UTT = shrunk(counts_UTT, domain_TT, strengths["user"])
    users_UT = interaction_weights(chains_UTT)
    if level == "user":
        return InteractionWeights(domain_T, users_UT, strengths=strengths)

    pair_G, first_G, group_S = np.unique(
        _pair_keys(found.user_S, found.item_S), return_index=True, return_inverse=True
    )
    counts_GTT = found.counts(group_S, len(pair_G), types)
    priors_GTT = chains_UTT[found.user_S[first_G]]
    strengths["user-item"] = likeliest_strength(counts_GTT, priors_GTT)
    pairs_GT = interaction_weights(shrunk(counts_GTT, priors_GTT, strengths["user-item"]))
    return InteractionWeights(domain_T, users_UT, pair_G, pairs_GT, strengths)


def _pair_keys(user_E: Ints, item_E: Ints) -> Ints:
    """Return (user, item) as one number; there are fewer than 2³² items."""
    return (user_E << 32) | item_E
