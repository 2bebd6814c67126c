"""Visits: who comes to the marketplace on a day, when, for which taste, and for how many ads.

Shapes: U users, S tastes, R visits of a day.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from dlrs.arrays import Doubles, Ints
from dlrs.simulator.settings import DAY
from dlrs.simulator.users import DEALER, Users

HOURS = np.array([2, 1, 1, 1, 1, 2, 5, 9, 12, 13, 14, 14, 15, 14, 14, 15, 17, 20, 24, 29, 32, 29, 18, 7.0])
WEEKDAYS = np.array([1.0, 0.98, 0.97, 0.97, 0.92, 0.97, 1.19])  # from Monday
REST, MOOD, DEALERS_MOOD = 0.85, 1.6, 0.3  # how slowly interest rises and falls, and how far
MOST_VISITS = 30.0  # a day
DRIFT, PRICE_DRIFT = 0.07, 0.01  # daily steps of the weights of a user's tastes, and of their prices


@dataclass(frozen=True)
class Tastes:
    """What drifts in the course of time."""

    weight_US: Doubles
    price_US: Doubles
    interest_U: Doubles  # log factor on the number of visits, mean 0

    @classmethod
    def at_first(cls, users: Users, rng: np.random.Generator) -> Tastes:
        """Return the tastes that the users start with."""
        return cls(users.weight_US, users.price_US, rng.normal(0, 1, len(users.kind_U)))

    def next_day(self, rng: np.random.Generator) -> Tastes:
        """Take a day's step."""
        step_US = rng.normal(0, 1, self.weight_US.shape)
        interest_U = REST * self.interest_U + np.sqrt(1 - REST**2) * rng.normal(0, 1, len(step_US))
        price_US = self.price_US + PRICE_DRIFT * rng.normal(0, 1, step_US.shape)
        return Tastes(self.weight_US + DRIFT * step_US, price_US, interest_U)


@dataclass(frozen=True)
class Visits:
    """R visits of one day, by user."""

    user_R: Ints
    taste_R: Ints
    time_R: Ints
    length_R: Ints  # ads that the user means to open

    def __len__(self) -> int:
        return len(self.user_R)

    def take(self, chosen: Ints | slice) -> Visits:
        """Return some of them."""
        return Visits(self.user_R[chosen], self.taste_R[chosen], self.time_R[chosen], self.length_R[chosen])


def draw_visits(users: Users, tastes: Tastes, day: int, weekday: int, rng: np.random.Generator) -> Visits:
    """Draw the visits of a day; `weekday` 0 is a Monday."""
    mood_U = np.where(users.kind_U == DEALER, DEALERS_MOOD, MOOD)
    lust_U = np.exp(mood_U * tastes.interest_U - mood_U**2 / 2) * WEEKDAYS[weekday]
    known_U = rng.poisson(np.minimum(users.monthly_U / 28 * lust_U, MOST_VISITS))
    guests_U = (users.comes_U2 == day).sum(axis=1)
    user_R = np.repeat(np.arange(len(known_U)), known_U + guests_U)
    further_R = np.maximum(users.opens_U[user_R] - 1, 0.05)
    weight_RS = tastes.weight_US[user_R]
    hour_R = rng.choice(24, len(user_R), p=HOURS / HOURS.sum())
    return Visits(
        user_R=user_R,
        taste_R=np.argmax(weight_RS + rng.gumbel(size=weight_RS.shape), axis=1),
        time_R=day * DAY + hour_R * 3600 + rng.integers(0, 3600, len(user_R)),
        length_R=1 + rng.poisson(rng.gamma(1.5, further_R / 1.5)),
    )
