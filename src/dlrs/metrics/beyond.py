"""Metrics beyond accuracy: what lists are like, whether their items are relevant or not.

    A items of the catalogue; positions_UK: places of the listed items in it, −1 at padding

    novelty@k      mean −log2 p of the listed items, in bits: how rarely each was met before
                   (Zhou et al., PNAS 2010; Castells, Vargas & Wang, DDR 2011)
    diversity@k    1 − mean cosine of all couples within the list (Ziegler et al., WWW 2005, with the
                   cosine of the items' raw features)
    serendipity@k  Σ [hit, and not among the first k of a primitive model] / k
                   (Ge, Delgado-Battenfeld & Jannach, RecSys 2010)
    head@k         share of the list that belongs to the most popular items of all
    coverage@k     share of the catalogue that stands in anybody's list
    gini@k         how unequally the catalogue is shown: 0 all items alike, 1 − 1/A one alone

The first four are values for each user, the last two of all lists together.
"""

from __future__ import annotations

import math

import numpy as np
from scipy import sparse

from dlrs.arrays import Bools, Doubles, Ints

BLOCK = 1024
"""Users whose lists are summed at once: sums of features are nearly dense."""


def self_information(counts_A: Ints) -> Doubles:
    """Return −log2 p of each item in bits, with p = (c + 1) / Σ (c + 1) for c events before the cut.

    The 1 (Laplace's) gives an item that nobody met a finite value: the highest.
    """
    return np.asarray(np.log2((counts_A + 1).sum()) - np.log2(counts_A + 1))


def head(counts_A: Ints, share: float = 0.01) -> Bools:
    """Mark the given share of the items (at least one) with the most events; ties by position."""
    marked_A = np.zeros(len(counts_A), dtype=np.bool_)
    marked_A[np.argsort(-counts_A, kind="stable")[: math.ceil(share * len(counts_A))]] = True
    return marked_A


def list_mean(values_A: Doubles | Bools, positions_UK: Ints, k: int) -> Doubles:
    """Return the mean of the listed items' values over the first k places: (U,), 0 for an empty list.

    Of `self_information` it is novelty, of `head` the share of the head.
    """
    first_UK = positions_UK[:, :k]
    listed_UK = first_UK >= 0
    total_U = np.where(listed_UK, values_A[first_UK], 0.0).sum(axis=1)
    return np.asarray(total_U / np.maximum(listed_UK.sum(axis=1), 1))


def diversity(unit_AK: sparse.csr_array, positions_UK: Ints, k: int) -> Doubles:
    """Return 1 − the mean cosine of all couples of the first k items: (U,), in [0, k / (k − 1)].

    `unit_AK` holds the items' features as rows of length 1, or 0: such a row's cosine is 0. The sum s
    of n unit rows has |s|² = n + 2 Σ cos, so no couple is looked at. A list without a couple has 0.
    """
    own_A = unit_AK.multiply(unit_AK).sum(axis=1)
    blocks = [positions_UK[start : start + BLOCK, :k] for start in range(0, len(positions_UK), BLOCK)]
    return np.concatenate([_diversity(unit_AK, own_A, block) for block in blocks] or [np.empty(0)])


def mean_dissimilarity(unit_AK: sparse.csr_array) -> float:
    """Return 1 − the mean cosine of all couples of items: the diversity to expect of random lists."""
    return float(diversity(unit_AK, np.arange(unit_AK.shape[0])[None], unit_AK.shape[0])[0])


def serendipity(hits_UK: Bools, items_UK: Ints, expected_UK: Ints, k: int) -> Doubles:
    """Return the share of the first k places with a hit that `expected_UK` lacks there: (U,), in [0, 1].

    `expected_UK` are the primitive model's lists for the same users.
    """
    user_H, place_H = np.nonzero(hits_UK[:, :k])
    item_H = items_UK[user_H, place_H]
    surprising_H = (expected_UK[user_H, :k] != item_H[:, None]).all(axis=1)
    return np.bincount(user_H[surprising_H], minlength=len(hits_UK)) / k


def exposure(positions_UK: Ints, items: int, k: int) -> Ints:
    """Return in how many users' first k places each item of the catalogue stands: (A,)."""
    first_UK = positions_UK[:, :k]
    return np.bincount(first_UK[first_UK >= 0], minlength=items)


def gini(counts_A: Ints) -> float:
    """Return the Gini coefficient of the counts, in [0, 1 − 1/A]; 0 where all are 0."""
    total, A = counts_A.sum(), len(counts_A)
    if total == 0:
        return 0.0
    rank_A = np.arange(1, A + 1)
    return float(2 * (rank_A @ np.sort(counts_A)) / (A * total) - (A + 1) / A)


def top_shares(counts_A: Ints, shares_of_items: Doubles) -> Doubles:
    """Return what share of all events falls to the top x of the items, for each x in [0, 1].

    Between two items the curve is straight (Lorenz's, from its other end).

    >>> top_shares(np.array([1, 6, 3, 0]), np.array([0.25, 0.5, 0.625, 1.0]))
    array([0.6 , 0.9 , 0.95, 1.  ])
    """
    ordered_A = np.sort(counts_A)[::-1]
    reached = np.concatenate(([0], np.cumsum(ordered_A))) / max(int(ordered_A.sum()), 1)
    return np.interp(shares_of_items * len(counts_A), np.arange(len(reached)), reached)


def _diversity(unit_AK: sparse.csr_array, own_A: Doubles, positions_UK: Ints) -> Doubles:
    user_L, place_L = np.nonzero(positions_UK >= 0)
    chosen = (np.ones(len(user_L)), (user_L, positions_UK[user_L, place_L]))
    chosen_UA = sparse.csr_array(chosen, shape=(len(positions_UK), unit_AK.shape[0]))
    sum_UK = chosen_UA @ unit_AK
    cosines_U = sum_UK.multiply(sum_UK).sum(axis=1) - chosen_UA @ own_A
    length_U = np.bincount(user_L, minlength=len(positions_UK))
    couples_U = length_U * (length_U - 1)
    similarity_U = np.divide(cosines_U, couples_U, out=np.ones(len(length_U)), where=couples_U > 0)
    return np.asarray(np.maximum(1 - similarity_U, 0.0))  # of equal items, sums may differ by 1e-16
