"""Ceilings: the most that any list could reach on this test, and what random and chosen items are like."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy import sparse

from dlrs.arrays import Bools, Doubles, Ints, stores
from dlrs.evaluation.static import StaticTest
from dlrs.metrics import beyond, ranked


def ceilings(test: StaticTest, expected_UK: Ints, ks: Sequence[int]) -> dict[str, float]:
    """Return the highest mean of each metric that has one.

    A perfect ranking, each user's R relevant items first, gives those of `metrics.ranked`, and 1 for
    AUC and accuracy. Serendipity counts only what the primitive model lacks. Novelty is highest if
    everybody gets the k items that were met least, coverage if no two lists share an item.
    Diversity's k / (k − 1) is reached by vectors that cancel out, so hardly ever. Head share and
    Gini describe; neither end is the good one.
    """
    relevant_U = test.positives(np.ones_like(test.cold_N))
    perfect = ranked.upper_bounds(relevant_U, ks)
    rarest_A = np.sort(beyond.self_information(test.counts_A))[::-1]
    users, items = len(test.users_U), len(test.items_A)
    expected_hits_UK = stores(test.relevant_UN, expected_UK)
    return (
        {metric: float(value_U.mean()) for metric, value_U in perfect.items()}
        | {f"serendipity@{k}": _serendipity(relevant_U, expected_hits_UK, k) for k in ks}
        | {f"novelty@{k}": float(rarest_A[:k].mean()) for k in ks}
        | {f"diversity@{k}": k / (k - 1) for k in ks if k > 1}
        | {f"coverage@{k}": min(1.0, users * k / items) for k in ks}
        | {"auc": 1.0, "accuracy": 1.0, "accuracy_at_half": 1.0}
    )


def references(test: StaticTest, unit_AK: sparse.csr_array) -> dict[str, dict[str, float]]:
    """Return novelty, diversity and head share of two sets of items that no model proposes.

    `random items` are what uniform draws from the catalogue have on average; `what users chose` is
    the mean over the users of their relevant items.
    """
    information_A, head_A = beyond.self_information(test.counts_A), beyond.head(test.counts_A)
    chosen_UA = test.relevant_UN[:, test.items_A].astype(np.float64)
    relevant_U = chosen_UA.sum(axis=1)
    return {
        "random items": {
            "novelty": float(information_A.mean()),
            "diversity": beyond.mean_dissimilarity(unit_AK),
            "head": float(head_A.mean()),
        },
        "what users chose": {
            "novelty": float((chosen_UA @ information_A / relevant_U).mean()),
            "head": float((chosen_UA @ head_A / relevant_U).mean()),
        },
    }


def _serendipity(relevant_U: Ints, expected_hits_UK: Bools, k: int) -> float:
    unexpected_U: Doubles = relevant_U - expected_hits_UK[:, :k].sum(axis=1)
    return float((np.minimum(unexpected_U, k) / k).mean())
