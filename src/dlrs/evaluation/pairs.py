"""Balanced pairs: the test positives and as many negatives, for AUC and accuracy (method §7, §9).

Negatives are Algorithm 1's, drawn among the test positives as those of training are among training's:
an item of the positive's category that others turned to in the window and this user did not.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from dlrs.arrays import Bools, Doubles, Floats, Ints, stores_pairs
from dlrs.evaluation.static import StaticTest
from dlrs.metrics import pairs as metrics
from dlrs.recommenders.recommender import Recommender
from dlrs.samples.negatives import InCategory
from dlrs.samples.positives import Positives

BLOCK = 65_536
"""Pairs scored at once."""


@dataclass(frozen=True)
class BalancedPairs:
    """P pairs of a user of the test and an item of the catalogue; a user's are half positive, half not."""

    user_P: Ints  # position among the users of the test, ascending
    item_P: Ints  # item rows
    positive_P: Bools

    def __len__(self) -> int:
        return len(self.user_P)


def balanced_pairs(test: StaticTest, category_A: Ints, seed: int) -> BalancedPairs:
    """Draw a negative for each positive of the test that can have one, and leave the others out.

    A positive also goes without where the draw is an item that the user knew before the cut: known
    positives are no test items.

    Args:
        test: whose positives.
        category_A: the code of each item's category in the catalogue of the test, −1 if missing.
        seed: of the draws.
    """
    user_E, item_E = test.relevant_UN.tocoo().coords
    user_E, item_E = user_E.astype(np.int64), item_E.astype(np.int64)
    chosen, negatives = _category_negatives(test, user_E, item_E, category_A, seed)
    new = ~stores_pairs(test.known_UN, user_E[chosen], negatives)
    chosen, negatives = chosen[new], negatives[new]
    user_P = np.repeat(user_E[chosen], 2)
    item_P = np.column_stack([item_E[chosen], negatives]).ravel()
    order = np.argsort(user_P, kind="stable")
    return BalancedPairs(user_P[order], item_P[order], np.tile([True, False], len(chosen))[order])


def judge_pairs(
    recommender: Recommender, test: StaticTest, pairs: BalancedPairs
) -> tuple[Floats, dict[str, Doubles]]:
    """Return the score of each pair, and `auc` and `accuracy` for each user who has pairs."""
    scores_P = _score(recommender, test.users_U[pairs.user_P], pairs.item_P)
    users, user_P = np.unique(pairs.user_P, return_inverse=True)
    judged = scores_P, pairs.positive_P, user_P, len(users)
    return scores_P, {"auc": metrics.auc(*judged), "accuracy": metrics.accuracy(*judged)}


def _category_negatives(
    test: StaticTest, user_E: Ints, item_E: Ints, category_A: Ints, seed: int
) -> tuple[Ints, Ints]:
    """Return the positions of the positives that got a negative, and the items drawn: Algorithm 1."""
    one_week_E = np.zeros_like(user_E)
    positives = Positives(
        period_E=one_week_E,
        user_E=user_E,
        item_E=item_E,
        version_E=np.searchsorted(test.items_A, item_E),  # the catalogue has one version of each item
        profile_E=user_E,
        time_E=one_week_E,
    )
    return InCategory(category_A).draw(positives, np.random.default_rng(seed))


def _score(recommender: Recommender, users_P: Ints, items_P: Ints) -> Floats:
    blocks = [slice(start, start + BLOCK) for start in range(0, len(users_P), BLOCK)]
    scores = [recommender.score(users_P[block], items_P[block]) for block in blocks]
    return np.concatenate(scores) if scores else np.empty(0, dtype=np.float32)
