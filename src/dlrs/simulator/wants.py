"""Wants: what a visit looks for. Shapes: R visits, D width of the hidden character."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from dlrs.arrays import Floats, Ints
from dlrs.simulator.users import Users
from dlrs.simulator.visits import Tastes, Visits


@dataclass(frozen=True)
class Wants:
    """What each of R visits looks for: one taste of its user."""

    subcategory_R: Ints
    model_R: Ints
    price_R: Floats  # log €
    tolerance_R: Floats
    age_R: Floats
    character_RD: Floats
    latitude_R: Floats
    longitude_R: Floats
    radius_R: Floats

    def __len__(self) -> int:
        return len(self.model_R)

    @classmethod
    def of(cls, visits: Visits, users: Users, tastes: Tastes) -> Wants:
        """Look up the taste of each visit."""
        at = visits.user_R, visits.taste_R
        numbers = (
            tastes.price_US[at],
            users.tolerance_US[at],
            users.age_US[at],
            users.character_USD[at],
            users.latitude_U[visits.user_R],
            users.longitude_U[visits.user_R],
            users.radius_U[visits.user_R],
        )
        return cls(users.subcategory_US[at], users.model_US[at], *(n.astype(np.float32) for n in numbers))
