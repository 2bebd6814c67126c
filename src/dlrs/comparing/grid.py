"""Grid: what `dlrs candidates compare` goes through."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from typing import get_args

from dlrs.comparing.objectives import Goal
from dlrs.errors import SchemaError
from dlrs.settings.candidates import Candidates

INDEXES: tuple[str, ...] = get_args(Candidates.model_fields["index"].annotation)
STRATEGIES: tuple[str, ...] = get_args(Candidates.model_fields["strategy"].annotation)
COUNTS = (50, 100, 200, 500, 1000, 2000)
EFFORTS = (0.0625, 0.125, 0.25, 0.5, 1.0, 2.0)
USERS = 1000
KNOBS = {
    "ivf": "probes",
    "ivf-pq": "probes",
    "kmeans": "probes",
    "annoy": "annoy_search_k",
    "lopq": "lopq_looks",
}
"""The setting that says how much of an index is looked at; `exact` looks at all of it."""


@dataclass(frozen=True)
class Grid:
    """Every index with every strategy with every goal, and what is changed along the curves.

    `count` is the T of the tables, and of those ways that look at more or at less than the recipe says;
    0 stands for the recipe's.
    """

    goals: tuple[Goal, ...]
    indexes: Sequence[str] = INDEXES
    strategies: Sequence[str] = STRATEGIES
    counts: Sequence[int] = COUNTS
    efforts: Sequence[float] = EFFORTS
    count: int = 0
    users: int = USERS

    def __post_init__(self) -> None:
        """Refuse what is not there. SchemaError."""
        _require_known("indexes", self.indexes, INDEXES)
        _require_known("strategies", self.strategies, STRATEGIES)
        if not all(0 < effort < math.inf for effort in self.efforts):
            raise SchemaError(
                f"candidates compare, efforts: expected finite numbers above 0, received {[*self.efforts]}."
            )

    @property
    def strategy(self) -> str:
        """The strategy for which more and less of an index is looked at: `direct`, or the first."""
        return "direct" if "direct" in self.strategies else self.strategies[0]

    def counts_of(self, items: int) -> Iterator[int]:
        """Yield the counts of the curve and the table's, those that leave something of so many items out."""
        yield from (count for count in sorted({*self.counts, self.count}) if count < items)


def installed() -> tuple[str, ...]:
    """Return the indexes that can be built here: annoy is an extra."""
    return tuple(name for name in INDEXES if name != "annoy" or find_spec("annoy") is not None)


def _require_known(what: str, received: Sequence[str], known: Sequence[str]) -> None:
    unknown = [name for name in received if name not in known]
    if unknown or not received:
        raise SchemaError(
            f"candidates compare, {what}: expected some of {', '.join(known)}, "
            f"received {', '.join(unknown) or 'none'}. Choose among these."
        )
