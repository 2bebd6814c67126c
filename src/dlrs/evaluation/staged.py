"""Staged: what a recommender of two stages finds before it ranks, so that each stage can be judged alone."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np
from scipy import sparse

from dlrs.arrays import Ints
from dlrs.evaluation.static import StaticTest
from dlrs.progress import track
from dlrs.recommenders.recommender import Recommender, TwoStageRecommender


@dataclass(frozen=True)
class Shortlist:
    """The candidates of U users as item rows, in the order of the retrieval, padded with `NO_ITEM`.

    The first `handed_on` of them were ranked: all T, unless a stage between cuts them.
    """

    items_UT: Ints
    handed_on: int


@runtime_checkable
class Staged(Protocol):
    """A recommender that can show its candidates. One of another kind has this beside `Recommender`."""

    def shortlist(self, users_U: Ints, k: int, *, known_UN: sparse.csr_array) -> Shortlist:
        """Return what `recommend` with the same arguments finds before it ranks."""
        ...


def staged(recommender: Recommender) -> Staged | None:
    """Return how to look between the stages of a recommender; None if it has but one."""
    match recommender:
        case TwoStageRecommender():
            return _TwoStages(recommender)
        case Staged():
            return recommender
        case _:
            return None


def shortlists(
    name: str, stages: Staged, test: StaticTest, k: int, *, block: int = 1024
) -> Iterator[Shortlist]:
    """Yield the candidates of the users of a test, `block` at a time: all of them would take gigabytes."""
    for start in track(range(0, len(test.users_U), block), f"candidates of {name}"):
        users = slice(start, start + block)
        yield stages.shortlist(test.users_U[users], k, known_UN=test.known_UN[users])


class _TwoStages:
    """Ours: a strategy over an index finds T candidates, and RankNet orders all of them."""

    def __init__(self, recommender: TwoStageRecommender) -> None:
        self._model = recommender

    def shortlist(self, users_U: Ints, k: int, *, known_UN: sparse.csr_array) -> Shortlist:
        audience = self._model.audience
        histories = None if audience.histories is None else audience.histories.take(users_U)
        askers = self._model.askers(audience.take(users_U), histories)
        most = max(self._model.settings.count, k)
        positions_UT = self._model.candidates(askers, most, known_UN=known_UN).positions_UT
        items_UT = np.where(positions_UT >= 0, self._model.items_A[positions_UT], positions_UT)
        return Shortlist(items_UT, items_UT.shape[1])
