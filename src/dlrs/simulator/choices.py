"""Choices: who opened which ad for the first time."""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np

from dlrs.arrays import Bools, Floats, Ints


@dataclass(frozen=True)
class Choices:
    """P looks: who opened which ad when, and how well it fitted."""

    user_P: Ints
    item_P: Ints
    time_P: Ints
    fit_P: Floats

    def __len__(self) -> int:
        return len(self.user_P)

    def take(self, chosen: Ints | Bools) -> Choices:
        """Return some of them, by position or by mask."""
        return Choices(*(getattr(self, field.name)[chosen] for field in fields(self)))

    @classmethod
    def joined(cls, parts: list[Choices]) -> Choices:
        """Put some one after the other; there must be one at least."""
        names = [field.name for field in fields(cls)]
        return cls(*(np.concatenate([getattr(part, name) for part in parts]) for name in names))
