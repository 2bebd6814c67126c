"""Ranking: RankNet scores the candidates, the best k are returned [T §4.5]."""

from __future__ import annotations

import numpy as np

from dlrs.arrays import Floats, Ints
from dlrs.candidates.generator import Candidates
from dlrs.model.forward import ItemHalves, Representations
from dlrs.model.nets import AnyNets
from dlrs.ranking.top import top_k


def rank(
    nets: AnyNets, users: Representations, items: ItemHalves, candidates: Candidates, k: int
) -> tuple[Ints, Floats]:
    """Return each user's best k catalogue positions and their logits, best first: both (U, K).

    Ties go to the lower position. Padding of the candidates stays padding.
    """
    positions_UT = np.sort(candidates.positions_UT, axis=1)  # ties by position; and kinder to the cache
    logits_UT = nets.logits(users, items, positions_UT)
    column_UK, logits_UK = top_k(logits_UT, k)
    chosen_UK = np.take_along_axis(positions_UT, np.maximum(column_UK, 0), axis=1)
    return np.where(column_UK >= 0, chosen_UK, column_UK), logits_UK
