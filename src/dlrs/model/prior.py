"""Prior: how likely anybody turns to an item, by how it stands: its own share of the history network's logit.

The cosine says whom an item suits. It was learnt from items that had been met, and knows nothing of the
moment: that half of what users turn to next nobody has met yet, or that an ad of yesterday is looked at more
than one of last month. So a scalar is added to each item's logit. Of the first degree it is linear in four
facts: whether nobody has met it, how often it was met, how often of late, and how old it is. The logarithms
of counts and age together are a rate: meetings a day. Of the second degree their squares and products count
as well: what was met often goes on or is over, and which of both the other facts tell. `training.prior` fits
the weights on what the network has not seen.

    N items    F facts
"""

from __future__ import annotations

import json
from dataclasses import asdict, astuple, dataclass
from pathlib import Path
from typing import Self

import numpy as np

from dlrs.arrays import Doubles, Floats, Ints
from dlrs.errors import ArtifactError

PRIOR = "prior.json"
FACTS_OF_DEGREE = {1: 4, 2: 10}


@dataclass(frozen=True)
class Standing:
    """How N items stand at a moment."""

    met_N: Ints  # events on each before it
    recent_N: Ints  # those of late: `Candidates.recent_window`
    days_N: Doubles  # since each began, or the log, whichever was later; 0: not yet

    def __len__(self) -> int:
        return len(self.met_N)

    def take(self, rows: Ints) -> Standing:
        """Return that of some of them, in the order given."""
        return Standing(self.met_N[rows], self.recent_N[rows], self.days_N[rows])

    def facts_NF(self, degree: int = 1) -> Doubles:
        """Return what a prior of this degree is linear in: in the order of the fields of `Prior`."""
        met_N, recent_N, days_N = np.log1p(self.met_N), np.log1p(self.recent_N), np.log1p(self.days_N)
        facts = [self.met_N == 0, met_N, recent_N, days_N]
        if degree > 1:
            facts += [met_N**2, recent_N**2, days_N**2, met_N * recent_N, met_N * days_N, recent_N * days_N]
        return np.column_stack(facts).astype(np.float64)


NEWBORN = Standing(np.zeros(1, dtype=np.int64), np.zeros(1, dtype=np.int64), np.zeros(1))
"""That of an item that came a moment ago."""


@dataclass(frozen=True)
class Prior:
    """Weights of the facts, in units of a logit."""

    new: float  # whether nobody met it
    met: float  # ln(1 + events)
    recent: float  # ln(1 + events of late)
    age: float  # ln(1 + days)
    met_met: float = 0.0  # the squares and products of the last three: of the second degree
    recent_recent: float = 0.0
    age_age: float = 0.0
    met_recent: float = 0.0
    met_age: float = 0.0
    recent_age: float = 0.0

    @property
    def degree(self) -> int:
        """Whether squares and products count: 2, or not: 1."""
        return 2 if any(astuple(self)[FACTS_OF_DEGREE[1] :]) else 1

    def of(self, standing: Standing) -> Floats:
        """Return what is added to each item's logits: (N,)."""
        weight_F = np.array(astuple(self)[: FACTS_OF_DEGREE[self.degree]])
        return np.asarray(standing.facts_NF(self.degree) @ weight_F, dtype=np.float32)

    def save(self, folder: Path) -> None:
        """Write the weights beside the networks."""
        (folder / PRIOR).write_text(json.dumps(asdict(self), indent=1), encoding="utf-8")

    @classmethod
    def load_if_there(cls, folder: Path) -> Self | None:
        """Read what `save` wrote; None where the networks have no prior.

        Raises:
            ArtifactError: the file is damaged.
        """
        if not (folder / PRIOR).is_file():
            return None
        try:
            read = json.loads((folder / PRIOR).read_text(encoding="utf-8"))
            return cls(**{name: float(weight) for name, weight in read.items()})
        except (ValueError, TypeError, AttributeError) as error:
            raise ArtifactError(
                f"{folder / PRIOR}: expected the weights of a prior, received: {error}. Train it anew."
            ) from error
