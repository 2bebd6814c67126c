"""What a way to find candidates is worth, and what it costs.

U users    A items of the catalogue, by whose positions candidates are named    T candidates    K best
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from scipy import sparse
from threadpoolctl import threadpool_limits

from dlrs.arrays import Doubles, Ints, positions_in, stores
from dlrs.candidates.generator import Candidates
from dlrs.evaluation.gold_standard import AllPairs, GoldStandard
from dlrs.evaluation.static import StaticTest
from dlrs.metrics.kept import kept, recall
from dlrs.metrics.ranked import precision
from dlrs.ranking.ranker import rank

Result = TypeVar("Result")
Find = Callable[[Ints, int], Candidates]
"""Finds T candidates for some of a question's U users: (places among them, T) → (U, T)."""

KEPT = (10, 100)
"""How many of the gold standard's best should be among the candidates."""

RANKED = (5, 10)
"""k of Precision@k."""

ALONE = 50
"""Users who ask one by one, to time it."""


@dataclass(frozen=True)
class Question:
    """Users, what they knew, wanted, and what the network likes best for them of all items."""

    pairs: AllPairs
    relevant_UA: sparse.csr_array
    best_UK: Ints

    @classmethod
    def of(cls, pairs: AllPairs, test: StaticTest, gold: GoldStandard) -> Question:
        """Bring the test and the gold standard of the same users to the positions of the catalogue."""
        items_UK = gold.items_UK[:, : max(KEPT)].astype(np.int64)
        best_UK = positions_in(pairs.items_A, items_UK.ravel()).reshape(items_UK.shape)
        return cls(pairs, sparse.csr_array(test.relevant_UN[:, pairs.items_A]), best_UK)

    def __len__(self) -> int:
        return len(self.best_UK)

    def precisions(self, positions_UK: Ints) -> dict[str, Doubles]:
        """Return Precision@k of lists."""
        hits_UK = stores(self.relevant_UA, positions_UK)
        return {f"precision@{k}": precision(hits_UK, k) for k in RANKED}

    def rank(self, candidates: Candidates) -> Ints:
        """Return the lists that RankNet makes of everybody's candidates."""
        pairs = self.pairs
        return rank(pairs.nets, pairs.users, pairs.items, candidates, max(RANKED))[0]

    def judge(self, candidates: Candidates, lists_UK: Ints) -> dict[str, Doubles]:
        """Return each user's value of every metric of his candidates, and of the list made of them."""
        positions_UT, items = candidates.positions_UT, len(self.pairs.items_A)
        shares = {f"kept@{k}": kept(positions_UT, self.best_UK, k, items) for k in KEPT}
        return shares | {"recall": recall(positions_UT, self.relevant_UA)} | self.precisions(lists_UK)


@dataclass(frozen=True)
class Measured:
    """One way to find T candidates.

    `effort` is how much of the index is looked at, as a multiple of what the recipe says. `means` of the
    metrics are over the users, with their standard `errors`. Times are CPU milliseconds a user, one thread's:
    `ms_together` and `ms_alone` of finding candidates, where all ask at once and where one does; `ms_ranking`
    of ordering them. UserNet and the embedding of histories are in none of them.
    """

    objective: str
    index: str
    strategy: str
    count: int
    effort: float
    means: Mapping[str, float]
    errors: Mapping[str, float]
    ms_together: float
    ms_alone: float
    ms_ranking: float

    @property
    def ms(self) -> float:
        """From a user's representation to his list."""
        return self.ms_alone + self.ms_ranking


def measure(
    question: Question, find: Find, count: int, *, named: tuple[str, str, str], effort: float = 1.0
) -> Measured:
    """Ask for `count` candidates for all users, and once more for some one by one.

    Args:
        question: who asks and what is right.
        find: the way to find candidates.
        count: T.
        named: objective, index and strategy.
        effort: how much of an index is looked at, as a multiple of what the recipe says.
    """
    everybody = np.arange(len(question))
    some = everybody[:: max(1, len(question) // ALONE)][:ALONE]
    with threadpool_limits(limits=1):
        find(some[:1], count)  # whatever is made at the first call
        together, candidates = _timed(lambda: find(everybody, count))
        alone, _ = _timed(lambda: [find(some[place : place + 1], count) for place in range(len(some))])
        ranking, lists_UK = _timed(lambda: question.rank(candidates))
    values = question.judge(candidates, lists_UK)
    return Measured(
        *named,
        count=count,
        effort=effort,
        means=means(values),
        errors=errors(values),
        ms_together=1000 * together / len(question),
        ms_alone=1000 * alone / len(some),
        ms_ranking=1000 * ranking / len(question),
    )


def means(values: Mapping[str, Doubles]) -> dict[str, float]:
    """Return the mean over the users of each metric."""
    return {name: float(value_U.mean()) for name, value_U in values.items()}


def errors(values: Mapping[str, Doubles]) -> dict[str, float]:
    """Return the standard error of each mean; 0 of a single user's."""
    more = {name: value_U.std(ddof=1) if len(value_U) > 1 else 0.0 for name, value_U in values.items()}
    return {name: float(spread / np.sqrt(len(values[name]))) for name, spread in more.items()}


def _timed(run: Callable[[], Result]) -> tuple[float, Result]:
    """Return CPU seconds and what came of it."""
    started = time.process_time()
    result = run()
    return time.process_time() - started, result
