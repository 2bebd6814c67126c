"""Askers: what strategies know of the users who ask."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np

from dlrs.arrays import Bools, Floats, Ints
from dlrs.candidates.histories import Embed, Histories
from dlrs.model.forward import Representations


@dataclass(frozen=True)
class Askers:
    """U users: what UserNet made of them, and what stands for their histories."""

    users: Representations
    liked_UD: Floats  # the pseudo-user, as is the next 0 without a history
    last_UD: Floats  # what he met last
    met_U: Bools  # who has a history

    @classmethod
    def of(cls, users: Representations, histories: Histories | None, embed: Embed) -> Self:
        """Embed the histories, if there are any: a row for each of the users."""
        if histories is None:
            nothing_UD = np.broadcast_to(np.float32(0), users.embedding_ND.shape)
            return cls(users, nothing_UD, nothing_UD, np.zeros(len(users), dtype=np.bool_))
        return cls(users, *histories.vectors(embed), histories.any_U)

    def __len__(self) -> int:
        return len(self.users)

    def take(self, rows: Ints) -> Askers:
        """Return some of them, in the order given."""
        vectors = (self.liked_UD[rows], self.last_UD[rows])
        return Askers(self.users.take(rows), *vectors, self.met_U[rows])
