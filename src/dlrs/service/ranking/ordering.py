"""Ordering: RankNet over the candidates of one user, cut to the best k.

T candidates
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from dlrs.arrays import Floats, Ints
from dlrs.model.forward import Representations
from dlrs.model.nets import AnyNets


def logits(nets: AnyNets, user: Representations, items: Representations) -> Floats:
    """Return the logit of each item: (T,).

    Raises:
        ValueError: one of them is not a number.
    """
    logits_T = nets.logits_of_one(user, items)
    if np.isnan(logits_T).any():
        raise ValueError("logits: expected numbers, received some that are not a number.")
    return logits_T


def best(scores_T: Floats, ids: Sequence[str], k: int) -> Ints:
    """Return the places of the k highest scores, best first; equal ones by their ids.

    As `ranking.rank` does, whose rows stand in the order of the ids.
    """
    k = min(k, len(scores_T))
    if k == 0:
        return np.empty(0, dtype=np.int64)
    least = np.partition(scores_T, len(scores_T) - k)[len(scores_T) - k]
    among = np.flatnonzero(scores_T >= least)
    order = sorted(among.tolist(), key=lambda place: (-scores_T[place], ids[place]))
    return np.array(order[:k], dtype=np.int64)
