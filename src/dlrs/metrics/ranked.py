"""Metrics of ranked lists: pure functions, one value for each user.

All of them read two arrays: `hits_UK` (is the item at place k relevant to the user; False at
padding) and `relevant_U` (how many items are relevant to him, found or not: R below). Relevance is
binary. A user with R = 0 gets 0 everywhere; leave him out of the mean. With h_i = 1 for a hit at
place i, and a list that is shorter than k read as one that goes on with misses (method §7, §9):

    precision@k  Σ h_i / k                                     over i = 1 … k
    recall@k     Σ h_i / R
    map@k        Σ h_i · precision@i / min(R, k)               the usual truncated AP
    map_r@k      Σ h_i · precision@i / R                       ir-measures' AP@k
    ndcg@k       Σ h_i / log2(i + 1)  /  Σ_{i ≤ min(R, k)} 1 / log2(i + 1)
    mrr@k        1 / place of the first hit                    0 without a hit
    hit_rate@k   1 if there is a hit

Reciprocal rank is cut at k like the rest: what a hit behind place 100 would add is below 0.01.

The thesis calls the mean of precision@k over the users "MAP@k" [T §5]; here map@k is what others
call by that name.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from dlrs.arrays import Bools, Doubles, Ints


def precision(hits_UK: Bools, k: int) -> Doubles:
    """Return the share of the first k places that hold a relevant item: (U,), in [0, 1]."""
    return _hits(hits_UK, k) / k


def recall(hits_UK: Bools, relevant_U: Ints, k: int) -> Doubles:
    """Return the share of the relevant items that the first k places hold: (U,), in [0, 1]."""
    return _hits(hits_UK, k) / _at_least_one(relevant_U)


def average_precision(hits_UK: Bools, relevant_U: Ints, k: int) -> Doubles:
    """Return AP@k divided by min(R, k), so that a perfect list reaches 1: (U,), in [0, 1]."""
    return _precision_at_hits(hits_UK, k) / np.minimum(_at_least_one(relevant_U), k)


def average_precision_r(hits_UK: Bools, relevant_U: Ints, k: int) -> Doubles:
    """Return AP@k divided by R, as trec_eval and ir-measures do: (U,), in [0, 1]."""
    return _precision_at_hits(hits_UK, k) / _at_least_one(relevant_U)


def ndcg(hits_UK: Bools, relevant_U: Ints, k: int) -> Doubles:
    """Return the discounted gain of the first k places over that of a perfect list: (U,), in [0, 1]."""
    discounts_K = 1 / np.log2(np.arange(k) + 2)
    ideal_K = np.cumsum(discounts_K)
    gain_U = hits_UK[:, :k] @ discounts_K[: hits_UK.shape[1]]
    best_U = ideal_K[np.minimum(_at_least_one(relevant_U), k) - 1]
    return np.asarray(np.minimum(gain_U / best_U, 1.0))  # two orders of summation may differ by 1e-16


def reciprocal_rank(hits_UK: Bools, k: int) -> Doubles:
    """Return 1 / the place of the first hit among the first k, 0 where there is none: (U,), in [0, 1]."""
    first_UK = hits_UK[:, :k]
    return np.where(first_UK.any(axis=1), 1 / (first_UK.argmax(axis=1) + 1), 0.0)


def hit_rate(hits_UK: Bools, k: int) -> Doubles:
    """Return 1 where the first k places hold any relevant item, else 0: (U,)."""
    return np.asarray(hits_UK[:, :k].any(axis=1), dtype=np.float64)


def per_user(hits_UK: Bools, relevant_U: Ints, ks: Sequence[int]) -> dict[str, Doubles]:
    """Return every metric at every k: `precision@5`, `map@5`, … → (U,)."""
    values: dict[str, Doubles] = {}
    for k in ks:
        values[f"precision@{k}"] = precision(hits_UK, k)
        values[f"map@{k}"] = average_precision(hits_UK, relevant_U, k)
        values[f"map_r@{k}"] = average_precision_r(hits_UK, relevant_U, k)
        values[f"recall@{k}"] = recall(hits_UK, relevant_U, k)
        values[f"ndcg@{k}"] = ndcg(hits_UK, relevant_U, k)
        values[f"mrr@{k}"] = reciprocal_rank(hits_UK, k)
        values[f"hit_rate@{k}"] = hit_rate(hits_UK, k)
    return values


def upper_bounds(relevant_U: Ints, ks: Sequence[int]) -> dict[str, Doubles]:
    """Return what a perfect ranking would reach, for each user: his R items first."""
    return per_user(np.arange(max(ks)) < relevant_U[:, None], relevant_U, ks)


def _hits(hits_UK: Bools, k: int) -> Ints:
    return np.asarray(hits_UK[:, :k].sum(axis=1))


def _at_least_one(relevant_U: Ints) -> Ints:
    return np.maximum(relevant_U, 1)


def _precision_at_hits(hits_UK: Bools, k: int) -> Doubles:
    first_UK = hits_UK[:, :k]
    precision_UK = np.cumsum(first_UK, axis=1) / np.arange(1, first_UK.shape[1] + 1)
    return np.asarray((precision_UK * first_UK).sum(axis=1))
