"""Metrics of scored pairs: how well scores tell a user's positives from his negatives.

Scores need to compare within one user only, which is all that `Recommender.score` promises, so each
value is one user's. Tied scores share their ranks: they count as ordered in every way, equally often.
"""

from __future__ import annotations

import numpy as np

from dlrs.arrays import AnyArray, Bools, Doubles, Floats, Ints


def auc(scores_P: Floats, positive_P: Bools, user_P: Ints, users: int) -> Doubles:
    """Return the chance that a positive of the user scores above a negative of his: (users,).

    A tie counts half. NaN for a user without positives or without negatives.

    Args:
        scores_P: of each pair, higher is better; −inf is a score like others, NaN is not.
        positive_P: whether the pair is a positive.
        user_P: whose pair it is, from 0 to users − 1.
        users: number of users.
    """
    low_P, high_P = _ranks(scores_P, user_P)
    rank_P = (low_P + high_P) / 2
    positives_U = np.bincount(user_P[positive_P], minlength=users)
    negatives_U = np.bincount(user_P[~positive_P], minlength=users)
    ranks_U = np.bincount(user_P[positive_P], weights=rank_P[positive_P], minlength=users)
    wins_U = ranks_U - positives_U * (positives_U + 1) / 2
    couples_U = positives_U * negatives_U
    return np.asarray(np.divide(wins_U, couples_U, out=np.full(users, np.nan), where=couples_U > 0))


def accuracy(scores_P: Floats, positive_P: Bools, user_P: Ints, users: int) -> Doubles:
    """Return the share of right answers if the better half of each user's pairs is called positive.

    For balanced pairs: as many negatives as positives for each user. The threshold is then the
    median of the user's scores, so that models whose scores have no natural threshold compare, too.
    Scores tied at the median are called positive in the proportion that fills the half, so a model
    that scores all alike has 0.5. Returns (users,), NaN for a user without pairs.
    """
    low_P, high_P = _ranks(scores_P, user_P)
    half_P = np.bincount(user_P, minlength=users)[user_P] / 2
    called_P = np.clip((high_P - half_P) / (high_P - low_P + 1), 0, 1)
    positives_U = np.bincount(user_P[positive_P], minlength=users)
    right_U = np.bincount(user_P[positive_P], weights=called_P[positive_P], minlength=users)
    return np.asarray(np.divide(right_U, positives_U, out=np.full(users, np.nan), where=positives_U > 0))


def accuracy_at(scores_P: Floats, positive_P: Bools, threshold: float) -> float:
    """Return the share of all pairs that lie on their side of the threshold: accuracy as [T §5] has it."""
    return float(((scores_P > threshold) == positive_P).mean())


def _ranks(scores_P: Floats, user_P: Ints) -> tuple[Ints, Ints]:
    """Return the lowest and the highest rank (from 1 for the worst) of each score within its user."""
    order_P = np.lexsort((scores_P, user_P))
    position_P = np.arange(len(order_P))
    user_starts_P = _changes(user_P[order_P])
    value_starts_P = user_starts_P | _changes(scores_P[order_P])
    user_start_P = np.maximum.accumulate(np.where(user_starts_P, position_P, 0))
    value_start_P = np.maximum.accumulate(np.where(value_starts_P, position_P, 0))
    run_P = np.cumsum(value_starts_P) - 1
    low_P, high_P = np.empty_like(position_P), np.empty_like(position_P)
    low_P[order_P] = value_start_P - user_start_P + 1
    high_P[order_P] = value_start_P - user_start_P + np.bincount(run_P)[run_P]
    return low_P, high_P


def _changes(values_P: AnyArray) -> Bools:
    """Tell where a value differs from the one before it; the first always does."""
    changed_P = np.ones(len(values_P), dtype=np.bool_)
    changed_P[1:] = values_P[1:] != values_P[:-1]
    return changed_P
