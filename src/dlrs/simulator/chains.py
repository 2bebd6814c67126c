"""Chains: what follows the first look at an ad, and of which type each interaction is.

The types of one user and one ad form a Markov chain (method §2); the better an ad fits, the longer
the chain and the likelier its strong types. Shapes: P pairs of a user and an ad, E events.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from dlrs.arrays import Bools, Columns, Doubles, Floats, Ints
from dlrs.simulator.choices import Choices
from dlrs.simulator.settings import DAY

Codes = NDArray[np.int8]  # positions in TYPES

TYPES = ("view", "bookmark", "print", "contact")
FIRST = np.array([0.9535, 0.0438, 0.0017, 0.0010])
NEXT = np.array(
    [
        [0.8320, 0.1560, 0.0065, 0.0055],
        [0.7320, 0.2540, 0.0075, 0.0065],
        [0.8280, 0.1250, 0.0380, 0.0090],
        [0.8190, 0.1250, 0.0090, 0.0470],
    ]
)
REPEATS = 1.3  # interactions after the first, on average, before deletions cut them short
SAME_VISIT = 0.82  # share of them that follow within minutes; the others come days later


@dataclass(frozen=True)
class Events:
    """E interactions. Times are seconds since the simulation's start."""

    user_E: Columns
    item_E: Columns
    time_E: Columns
    type_E: Codes  # position in TYPES

    def __len__(self) -> int:
        return len(self.user_E)

    def take(self, chosen: Ints | Bools | slice) -> Events:
        """Return some of them."""
        return Events(*(getattr(self, field.name)[chosen] for field in fields(self)))

    @classmethod
    def joined(cls, parts: Sequence[Events]) -> Events:
        """Put some one after the other."""
        parts = [cls.none(), *parts]
        names = [field.name for field in fields(cls)]
        return cls(*(np.concatenate([getattr(part, name) for part in parts]) for name in names))

    @classmethod
    def none(cls) -> Events:
        """Return no event."""
        nothing = np.zeros(0, np.int32)
        return cls(nothing, nothing, nothing, np.zeros(0, np.int8))

    def in_order(self) -> Events:
        """Sort by time; at the same time, what was put first comes first."""
        return self.take(np.argsort(self.time_E, kind="stable"))


def draw_chains(choices: Choices, zeal_P: Floats, until_P: Ints, rng: np.random.Generator) -> Events:
    """Draw the interactions of each pair, until `until_P` (when the ad is sold, or all ends); by pair.

    `zeal_P` is 1 for an ad that fits as well as most that are chosen, more for better ones.
    """
    length_P = np.minimum(rng.geometric(1 / (1 + REPEATS * zeal_P.astype(np.float64))), 60)
    pair_E = np.repeat(np.arange(len(length_P)), length_P)
    start_P = np.cumsum(length_P) - length_P
    step_E = np.arange(len(pair_E)) - start_P[pair_E]
    time_E = choices.time_P[pair_E] + _since_first(step_E, start_P[pair_E], rng)
    kept_E = time_E < until_P[pair_E]
    pair_E, step_E, time_E = pair_E[kept_E], step_E[kept_E], time_E[kept_E]
    return Events(
        choices.user_P[pair_E].astype(np.int32),
        choices.item_P[pair_E].astype(np.int32),
        time_E.astype(np.int32),
        _types(step_E, zeal_P[pair_E], rng),
    )


def zeal(fit_P: Floats) -> Floats:
    """Turn the fit, as a standard score among what is chosen, into a factor on what follows."""
    zeal_P: Floats = np.exp(np.float32(0.4) * np.clip(fit_P, -2, 2) - np.float32(0.08))
    return zeal_P


def _since_first(step_E: Ints, start_E: Ints, rng: np.random.Generator) -> Ints:
    """Seconds since the first look: minutes, or some days and about the same hour."""
    count = len(step_E)
    minutes_E = rng.exponential(150, count) + 5
    days_E = rng.geometric(0.3, count) * DAY + rng.normal(0, 3600, count)
    gap_E = np.where(rng.random(count) < SAME_VISIT, minutes_E, days_E) * (step_E > 0)
    total_E = np.cumsum(gap_E.astype(np.int64))
    since_E: Ints = total_E - total_E[start_E] if count else total_E
    return since_E


def _types(step_E: Ints, zeal_E: Floats, rng: np.random.Generator) -> Codes:
    """Walk the chains, all of them one step at a time; events come pair by pair.

    Events that were cut off are the last of their pair, so a step's predecessor is one place before.
    """
    first, following = _reach(FIRST), _reach(NEXT)
    rarity_E = rng.random(len(step_E)) / zeal_E
    last_E = np.append(step_E[1:] == 0, True)
    type_E = np.zeros(len(step_E), dtype=np.int8)
    now = np.flatnonzero(step_E == 0)
    type_E[now] = (rarity_E[now, None] < first).sum(axis=1)
    while len(now := now[~last_E[now]] + 1):
        type_E[now] = (rarity_E[now, None] < following[type_E[now - 1]]).sum(axis=1)
    return type_E


def _reach(chances: Doubles) -> Doubles:
    """Turn chances of each type into those of at least bookmark, at least print, at least contact."""
    reach: Doubles = np.cumsum(chances[..., ::-1], axis=-1)[..., -2::-1]
    return reach
