"""Funnel: where the items that users turned to were lost on the way to the list, stage by stage.

Every held-out pair of a judged user and an item that he met in the test window ends in one stage, the first
of these that holds:

    known       he had met the item before the cut: it is filtered out
    outside     the item is not in the catalogue of the test: not alive
    hit         it stands among the first k of the list
    candidates  the retrieval did not find it: it is not among the T
    cut         it is, but behind those that were handed on to be ranked
    ranker      it was ranked, but below place k

What the candidates hold bounds what any ranker can reach, and the order in which they came is a list of its
own: what ranking adds is the distance to it.

    T candidates of a user   P pairs   N every item row there is
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from scipy import sparse

from dlrs.arrays import NO_ITEM, Bools, Doubles, Ints, positions_in, stores, stores_pairs
from dlrs.data.interactions import Interactions
from dlrs.evaluation.groups import item_groups, per_user
from dlrs.evaluation.report import Counts
from dlrs.evaluation.staged import Shortlist
from dlrs.evaluation.static import StaticTest
from dlrs.metrics import ranked

KNOWN, OUTSIDE, CANDIDATES, CUT, RANKER, HIT = "known", "outside", "candidates", "cut", "ranker", "hit"
STAGES = (KNOWN, OUTSIDE, CANDIDATES, CUT, RANKER, HIT)

DEPTHS = tuple(int(first * 10**power) for power in range(1, 7) for first in (1, 2, 5))
"""How many of the candidates to look at, to see what more of them would bring."""

PerUser = dict[str, dict[str, Doubles]]
"""Group of items → metric → one value for each user who has a relevant item of the group."""


@dataclass(frozen=True)
class Stages:
    """A two-stage recommender looked into."""

    candidates: int  # T
    handed_on: int
    pairs: Counts
    reach: dict[str, dict[str, float]]  # group → `@100` → share of the relevant pairs among the first so many
    ceiling: PerUser  # what a perfect ranker would reach with these candidates
    retrieval: PerUser  # the candidates in the order that the retrieval found them, without a ranker


def held_out(window: Interactions, test: StaticTest) -> sparse.csr_array:
    """Return what each judged user turned to in the window, whether it counts or not: (U, N)."""
    users = int(max(window.user_E.max(initial=0), test.users_U.max(initial=0))) + 1
    return window.matrix(users, len(test.counts_N))[test.users_U]


def look_into(
    shortlists: Iterable[Shortlist],
    items_UK: Ints,
    held_out_UN: sparse.csr_array,
    test: StaticTest,
    ks: Sequence[int],
) -> Stages:
    """Judge both stages of a recommender.

    Args:
        shortlists: what was found for the users of the test, some users after the other.
        items_UK: what became of it: the lists that were recommended.
        held_out_UN: all that these users turned to in the window; see `held_out`.
        test: what the lists are judged on.
        ks: lengths of the lists.
    """
    pairs = _pairs(held_out_UN, test)
    first, places, done, candidates, handed_on = [], [], 0, 0, 0
    for some in shortlists:
        users = len(some.items_UT)
        here = slice(*np.searchsorted(pairs.row_P, [done, done + users]))
        places.append(_places(some.items_UT, pairs.row_P[here] - done, pairs.item_P[here], pairs.items))
        first.append(_padded(some.items_UT, max(ks)))
        candidates, handed_on, done = some.items_UT.shape[1], some.handed_on, done + users
    first_UK, candidate_P = np.concatenate(first), np.concatenate(places)
    hits_UK = stores(test.relevant_UN, first_UK)
    ranked_P = pairs.relevant_P & (candidate_P >= 0) & (candidate_P < handed_on)
    groups = item_groups(test)
    return Stages(
        candidates=candidates,
        handed_on=min(handed_on, candidates),
        pairs=_losses(pairs, candidate_P, handed_on, items_UK, test, ks),
        reach={
            name: _reach(candidate_P[pairs.relevant_P & counted_N[pairs.item_P]], candidates)
            for name, counted_N in groups.items()
        },
        ceiling={
            name: _ceiling(
                np.bincount(pairs.row_P[ranked_P & counted_N[pairs.item_P]], minlength=done),
                test.positives(counted_N),
                ks,
            )
            for name, counted_N in groups.items()
        },
        retrieval={
            name: per_user(hits_UK, first_UK, test, counted_N, ks) for name, counted_N in groups.items()
        },
    )


@dataclass(frozen=True)
class _Pairs:
    """The held-out pairs by row of the test's users."""

    row_P: Ints
    item_P: Ints
    known_P: Bools
    outside_P: Bools
    items: int

    @property
    def relevant_P(self) -> Bools:
        """Which of them the lists are judged on."""
        return ~self.known_P & ~self.outside_P


def _pairs(held_out_UN: sparse.csr_array, test: StaticTest) -> _Pairs:
    row_P = np.repeat(np.arange(held_out_UN.shape[0]), np.diff(held_out_UN.indptr))
    item_P = held_out_UN.indices.astype(np.int64)
    known_P = stores_pairs(test.known_UN, row_P, item_P)
    return _Pairs(row_P, item_P, known_P, ~test.in_catalogue_N[item_P], len(test.counts_N))


def _losses(
    pairs: _Pairs, candidate_P: Ints, handed_on: int, items_UK: Ints, test: StaticTest, ks: Sequence[int]
) -> Counts:
    """Count the pairs by the stage that they end in: for each group and k all of its pairs."""
    place_P = _places(items_UK, pairs.row_P, pairs.item_P, pairs.items)
    groups = {name: counted_N[pairs.item_P] for name, counted_N in item_groups(test).items()}
    counts: Counts = {name: {} for name in groups}
    for k in ks:
        conditions = {
            KNOWN: pairs.known_P,
            OUTSIDE: pairs.outside_P,
            HIT: (place_P >= 0) & (place_P < k),
            CANDIDATES: candidate_P < 0,
            CUT: candidate_P >= handed_on,
        }
        names = (*conditions, RANKER)
        stage_P = np.select(list(conditions.values()), list(range(len(conditions))), len(conditions))
        for group, counted_P in groups.items():
            found = np.bincount(stage_P[counted_P], minlength=len(names)).tolist()
            by_stage = dict(zip(names, found, strict=True))
            counts[group][f"@{k}"] = {stage: by_stage[stage] for stage in STAGES}
    return counts


def _places(items_UL: Ints, row_P: Ints, item_P: Ints, items: int) -> Ints:
    """Return at which place of the lists each pair stands, −1 for none: (P,)."""
    rows, columns = np.nonzero(items_UL != NO_ITEM)
    keys_L = rows * items + items_UL[rows, columns]
    order_L = np.argsort(keys_L, kind="stable")
    at_P = positions_in(keys_L[order_L], row_P * items + item_P)
    return np.where(at_P >= 0, np.append(columns[order_L], -1)[at_P], -1)


def _reach(place_P: Ints, candidates: int) -> dict[str, float]:
    """Return which share of the pairs stands among the first 10, 20, 50, … candidates, and among all."""
    if len(place_P) == 0:
        return {}
    depths = [depth for depth in DEPTHS if depth < candidates]
    return {
        f"@{depth}": float(((place_P >= 0) & (place_P < depth)).mean()) for depth in (*depths, candidates)
    }


def _ceiling(found_U: Ints, relevant_U: Ints, ks: Sequence[int]) -> dict[str, Doubles]:
    """Judge the lists that have all relevant candidates first."""
    some_U = relevant_U > 0
    perfect_UK = np.arange(max(ks)) < found_U[:, None]
    return ranked.per_user(perfect_UK[some_U], relevant_U[some_U], ks)


def _padded(items_UT: Ints, k: int) -> Ints:
    """Return the first k, filled up with `NO_ITEM` where there are fewer."""
    lacking = max(0, k - items_UT.shape[1])
    return np.pad(items_UT[:, :k], ((0, 0), (0, lacking)), constant_values=NO_ITEM)
