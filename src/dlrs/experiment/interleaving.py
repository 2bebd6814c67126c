"""Team-draft interleaving: both recommenders fill one list, and the user's clicks choose between them.

As two captains choose their teams, place by place the one with the smaller team, or of equal ones the one
that a coin names, adds his best item that is not on the list yet (Radlinski, Kurup and Joachims 2008,
algorithm 2). A click is credited to the team whose item it is. Every user is his own control, so far
fewer of them are needed than for arms; but it says who is preferred, not by how much CTR rises.

    U users    K places of a list    T items that each recommender offers
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from scipy.stats import binomtest

from dlrs.arrays import NO_ITEM, Bools, Ints
from dlrs.experiment.ratios import CONFIDENCE

TEAM_A, TEAM_B, NO_TEAM = 0, 1, -1


class Interleaved(NamedTuple):
    """U lists of K places, padded with `NO_ITEM` and `NO_TEAM`, and whose item stands at each place."""

    items_UK: Ints
    team_UK: Ints


def team_draft(a_UT: Ints, b_UT: Ints, k: int, rng: np.random.Generator) -> Interleaved:
    """Interleave two lists for each user, best first and padded with `NO_ITEM`.

    A list ends early where either team has nothing left, as in the source: so teams never
    differ by more than one, and no click is credited for want of a rival.
    """
    users = len(a_UT)
    every_U = np.arange(users)
    lists = (a_UT, b_UT)
    taken = [list_UT == NO_ITEM for list_UT in lists]
    items_UK = np.full((users, k), NO_ITEM, dtype=np.int64)
    team_UK = np.full((users, k), NO_TEAM, dtype=np.int64)
    open_U = np.ones(users, dtype=np.bool_)
    lead_U = np.zeros(users, dtype=np.int64)  # |A| − |B|
    for place in range(k):
        open_U &= ~taken[TEAM_A].all(axis=1) & ~taken[TEAM_B].all(axis=1)
        chooses_b_U = np.where(lead_U == 0, rng.random(users) < 0.5, lead_U > 0)
        best = [
            list_UT[every_U, _first_free(taken_UT)] for list_UT, taken_UT in zip(lists, taken, strict=True)
        ]
        items_UK[open_U, place] = np.where(chooses_b_U, best[TEAM_B], best[TEAM_A])[open_U]
        team_UK[open_U, place] = np.where(chooses_b_U, TEAM_B, TEAM_A)[open_U]
        lead_U += np.where(chooses_b_U, -1, 1)
        for list_UT, taken_UT in zip(lists, taken, strict=True):
            taken_UT |= list_UT == items_UK[:, place, None]
    return Interleaved(items_UK, team_UK)


def _first_free(taken_UT: Bools) -> Ints:
    first_U: Ints = np.argmin(taken_UT, axis=1)
    return first_U


@dataclass(frozen=True)
class Preference:
    """Whose items users turned to more often: of each user one vote, and the sign test over them."""

    a: int  # users who clicked more often on items of A
    b: int
    ties: int  # users who clicked, as often on items of A as of B
    share: float | None  # of B among the users who decided; None if none did
    low: float  # 95 % interval of the share (Wilson)
    high: float
    p_value: float  # exact binomial test against one half


def preference(user_I: Ints, team_I: Ints, credited_I: Bools) -> Preference:
    """Count the users who prefer each team.

    Args:
        user_I: the user row of each impression.
        team_I: whose item it showed; `NO_TEAM` is nobody's.
        credited_I: whether it was clicked (or whatever counts).
    """
    clicks_U2 = np.zeros((int(user_I.max(initial=-1)) + 1, 2), dtype=np.int64)
    counted_I = credited_I & (team_I != NO_TEAM)
    np.add.at(clicks_U2, (user_I[counted_I], team_I[counted_I]), 1)
    lead_U = clicks_U2[:, TEAM_B] - clicks_U2[:, TEAM_A]
    a, b = int((lead_U < 0).sum()), int((lead_U > 0).sum())
    ties = int(((lead_U == 0) & (clicks_U2[:, TEAM_A] > 0)).sum())
    if a + b == 0:
        return Preference(a, b, ties, None, 0.0, 1.0, 1.0)
    test = binomtest(b, a + b)
    bounds = test.proportion_ci(CONFIDENCE, method="wilson")
    return Preference(a, b, ties, b / (a + b), float(bounds.low), float(bounds.high), float(test.pvalue))
