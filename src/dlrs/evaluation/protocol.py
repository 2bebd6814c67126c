"""Protocol: every recommender asked for the same users, every list checked the same way.

`N` counts every item row there is; only some of them are in the catalogue of the test.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from scipy import sparse

from dlrs.arrays import NO_ITEM, Bools, Ints, stores
from dlrs.evaluation.static import StaticTest
from dlrs.progress import track
from dlrs.recommenders.recommender import Ranking, Recommender


class ProtocolError(AssertionError):
    """A recommender returned lists that `Recommender.recommend` forbids: a bug in it, not in the data."""


def recommend_all(
    recommenders: Mapping[str, Recommender], test: StaticTest, k: int, *, block: int = 1024
) -> dict[str, Ints]:
    """Ask each recommender for its best k items for the users of the test, `block` users at a time.

    Returns the lists by the recommender's name: (U, k) item rows, best first, padded with NO_ITEM.

    Raises:
        ProtocolError: a recommender broke the protocol.
    """
    return {
        name: lists_of(name, recommender, test, k, block=block) for name, recommender in recommenders.items()
    }


def lists_of(name: str, recommender: Recommender, test: StaticTest, k: int, *, block: int = 1024) -> Ints:
    """Ask one recommender; see `recommend_all`."""
    lists = []
    for start in track(range(0, len(test.users_U), block), f"evaluate {name}"):
        users = test.users_U[start : start + block]
        known_UN = test.known_UN[start : start + block]
        ranking = recommender.recommend(users, k, known_UN=known_UN)
        check(name, ranking, users, k, known_UN, test.in_catalogue_N)
        lists.append(ranking.items_UK)
    return np.concatenate(lists)


def check(
    name: str, ranking: Ranking, users_U: Ints, k: int, known_UN: sparse.csr_array, in_catalogue_N: Bools
) -> None:
    """Hold lists against what `Recommender.recommend` promises.

    Raises:
        ProtocolError: they break it.
    """
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
