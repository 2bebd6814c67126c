"""Markov interaction weights: the rarer an interaction type in the long run, the more it says.

For each (user, item) the interactions are ordered in time and the steps from type to type counted.
The row-normalised counts are a Markov chain; a type's weight is ψ(i) = 1/π(i), π being the chain's
stationary distribution [T §A.2]. Here for the whole domain; user levels come later.

    T interaction types
"""

from __future__ import annotations

import numpy as np

from dlrs.arrays import Doubles, Ints
from dlrs.data.interactions import Interactions


def transition_counts(interactions: Interactions, types: int) -> Ints:
    """Return how often type i was followed by type j on the same item by the same user: (T, T).

    The events must be in the order of time, as `Interactions` are.
    """
    order = np.lexsort((interactions.item_E, interactions.user_E))  # stable: keeps the order of time
    user_E, item_E, type_E = (
        a[order] for a in (interactions.user_E, interactions.item_E, interactions.type_E)
    )
    same_pair = (user_E[1:] == user_E[:-1]) & (item_E[1:] == item_E[:-1])
    steps = type_E[:-1][same_pair] * types + type_E[1:][same_pair]
    return np.bincount(steps, minlength=types * types).reshape(types, types)


def stationary_distribution(chain_TT: Doubles) -> Doubles:
    """Return π with π·P = π and Σπ = 1 for a row-stochastic P: (T,)."""
    types = len(chain_TT)
    # T balance equations, one of which follows from the others, and the sum: least squares solves both
    equations = np.vstack([chain_TT.T - np.eye(types), np.ones(types)])
    solution: Doubles = np.linalg.lstsq(equations, np.r_[np.zeros(types), 1.0], rcond=None)[0]
    return solution


def interaction_weights(counts_TT: Ints) -> Doubles:
    """Return ψ = 1/π of the chain with every count raised by one (method §9); one type weighs 1."""
    if len(counts_TT) == 1:
        return np.ones(1)
    smoothed_TT = counts_TT + 1.0
    return 1.0 / stationary_distribution(smoothed_TT / smoothed_TT.sum(axis=1, keepdims=True))
