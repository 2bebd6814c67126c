"""Protocol: every recommender asked for the same users, every list checked and judged the same way.

`N` counts every item row there is; only some of them are in the catalogue of the test.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy import sparse

from dlrs import metrics
from dlrs.arrays import NO_ITEM, Bools, Doubles, Ints, stores
from dlrs.evaluation.static import StaticTest
from dlrs.progress import track
from dlrs.recommender import Ranking, Recommender


class ProtocolError(AssertionError):
    """A recommender returned lists that `Recommender.recommend` forbids: a bug in it, not in the data."""


@dataclass(frozen=True)
class Judged:
    """One recommender's lists and what they are worth: metric → one value for each user.

    `warm_items` and `cold_items` judge the same lists with only the positives that somebody, or
    nobody, met before the cut; their users are those with at least one such positive, so fewer.
    """

    items_UK: Ints
    all_items: dict[str, Doubles]
    warm_items: dict[str, Doubles]
    cold_items: dict[str, Doubles]
    coverage: dict[str, float]  # coverage@k: share of the catalogue that stands in anybody's first k


def evaluate(
    recommenders: Mapping[str, Recommender], test: StaticTest, ks: Sequence[int], *, block: int = 1024
) -> dict[str, Judged]:
    """Ask each recommender for its best max(ks) items, `block` users at a time, and judge the lists.

    Raises:
        ProtocolError: a recommender broke the protocol.
    """
    return {
        name: judge(_recommend_all(name, recommender, test, max(ks), block), test, ks)
        for name, recommender in recommenders.items()
    }


def judge(items_UK: Ints, test: StaticTest, ks: Sequence[int]) -> Judged:
    """Compare lists (best first, padded with NO_ITEM) with what the users of the test turned to."""
    hits_UK = stores(test.relevant_UN, items_UK)
    everything_N = np.ones_like(test.cold_N)
    return Judged(
        items_UK=items_UK,
        all_items=_restricted(hits_UK, items_UK, test, everything_N, ks),
        warm_items=_restricted(hits_UK, items_UK, test, ~test.cold_N, ks),
        cold_items=_restricted(hits_UK, items_UK, test, test.cold_N, ks),
        coverage={f"coverage@{k}": _distinct(items_UK[:, :k]) / len(test.items_A) for k in ks},
    )


def _restricted(
    hits_UK: Bools, items_UK: Ints, test: StaticTest, counted_N: Bools, ks: Sequence[int]
) -> dict[str, Doubles]:
    relevant_U = test.positives(counted_N)
    some_U = relevant_U > 0
    counted_UK = hits_UK & counted_N[items_UK]  # at padding NO_ITEM reads the last item: no hit there anyway
    return metrics.per_user(counted_UK[some_U], relevant_U[some_U], ks)


def _recommend_all(name: str, recommender: Recommender, test: StaticTest, k: int, block: int) -> Ints:
    lists = []
    for start in track(range(0, len(test.users_U), block), f"evaluate {name}"):
        users = test.users_U[start : start + block]
        known_UN = test.known_UN[start : start + block]
        ranking = recommender.recommend(users, k, known_UN=known_UN)
        _check(name, ranking, users, k, known_UN, test.in_catalogue_N)
        lists.append(ranking.items_UK)
    return np.concatenate(lists)


def _check(
    name: str, ranking: Ranking, users_U: Ints, k: int, known_UN: sparse.csr_array, in_catalogue_N: Bools
) -> None:
    items_UK, scores_UK = ranking.items_UK, ranking.scores_UK
    expected = (len(users_U), k)
    if items_UK.shape != expected or scores_UK.shape != expected:
        raise ProtocolError(
            f"{name}: expected items and scores {expected}, received {items_UK.shape} and {scores_UK.shape}."
        )
    padding_UK = items_UK == NO_ITEM
    exists_UK = (items_UK >= 0) & (items_UK < len(in_catalogue_N))
    sorted_UK = np.sort(items_UK, axis=1)
    breaches = {
        "an item outside of the catalogue": ~padding_UK
        & ~(exists_UK & in_catalogue_N[np.where(exists_UK, items_UK, 0)]),
        "a known positive": stores(known_UN, items_UK),
        "an item twice": (sorted_UK[:, 1:] == sorted_UK[:, :-1]) & (sorted_UK[:, 1:] != NO_ITEM),
        "an item behind padding": padding_UK[:, :-1] & ~padding_UK[:, 1:],
        "scores that rise, or NaN": ~(scores_UK[:, 1:] <= scores_UK[:, :-1]),
    }
    for breach, broken in breaches.items():
        if broken.any():
            row = int(broken.any(axis=1).argmax())
            raise ProtocolError(
                f"{name}: expected distinct new items of the catalogue, best first, "
                f"received {breach} for user row {users_U[row]}: {items_UK[row].tolist()}."
            )


def _distinct(items_UK: Ints) -> int:
    return len(np.unique(items_UK[items_UK != NO_ITEM]))
