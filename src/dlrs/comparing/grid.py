"""Grid: what `dlrs candidates compare` goes through."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import get_args

from dlrs.comparing.objectives import Goal
from dlrs.errors import SchemaError
from dlrs.recipe import Candidates

INDEXES: tuple[str, ...] = get_args(Candidates.model_fields["index"].annotation)
STRATEGIES: tuple[str, ...] = get_args(Candidates.model_fields["strategy"].annotation)
COUNTS = (50, 100, 200, 500, 1000, 2000)
PROBES = (4, 8, 16, 32, 64, 128)
USERS = 1000


@dataclass(frozen=True)
class Grid:
    """Every index with every strategy with every goal, and what is changed along the curves.

    `count` is the T at which the tables stand and the probes are changed; 0 stands for the recipe's.
    """

    goals: tuple[Goal, ...]
    indexes: Sequence[str] = INDEXES
    strategies: Sequence[str] = STRATEGIES
    counts: Sequence[int] = COUNTS
    probes: Sequence[int] = PROBES
    count: int = 0
    users: int = USERS

    def __post_init__(self) -> None:
        """Refuse what is not there. SchemaError."""
        _require_known("indexes", self.indexes, INDEXES)
        _require_known("strategies", self.strategies, STRATEGIES)

    def counts_of(self, items: int) -> Iterator[int]:
        """Yield the counts of the curve and the table's, those that leave something of so many items out."""
        yield from (count for count in sorted({*self.counts, self.count}) if count < items)


def _require_known(what: str, received: Sequence[str], known: Sequence[str]) -> None:
    unknown = [name for name in received if name not in known]
    if unknown or not received:
        raise SchemaError(
            f"candidates compare, {what}: expected some of {', '.join(known)}, "
            f"received {', '.join(unknown) or 'none'}. Choose among these."
        )
