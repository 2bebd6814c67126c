"""Settings of a simulation, and the calendar that follows from them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Literal

from dlrs.errors import SchemaError

TRAIN_FROM = datetime(2017, 4, 3, tzinfo=UTC)
"""A Monday of the year the method was first measured in; always the same, so that runs compare."""

Scale = Literal["demo", "thesis"]
Network = Literal["thesis", "history"]
Ranker = Literal["network", "moment"]

DAY = 86_400
"""Seconds. Inside the simulator, times are int64 seconds since the simulation's start."""


@dataclass(frozen=True)
class Simulation:
    """How large a marketplace, over how long, and which of all the possible ones.

    Raises:
        SchemaError: a setting is out of its range.
    """

    users: int = 2000
    items: int = 20_000  # ads: the stock at the start and all that arrive later
    weeks: int = 5  # of which the last is the test week and the one before it validation
    warm_up_days: int = 30  # events before the first train week, for its profiles (method §9)
    seed: int = 0
    guest_share: float = 0.1  # guests for each user: visitors with ids of their own, who come once or twice
    scale: Scale = "demo"  # what the recipe is made for
    network: Network = "thesis"  # which networks the recipe trains
    ranker: Ranker = "network"  # what orders the candidates; moment: behind the history network only
    ads: str | None = None  # file of real ads to take as the catalogue; `items` of them, all for 0

    def __post_init__(self) -> None:
        _at_least(1, users=self.users)
        if self.ads is None or self.items:
            _at_least(10, items=self.items)
        _at_least(3, weeks=self.weeks)  # one to train on, one to validate, one to test
        _at_least(0, warm_up_days=self.warm_up_days, seed=self.seed)
        if not 0 <= self.guest_share <= 100:
            raise SchemaError(
                f"simulation, 'guest_share': expected a number from 0 to 100, received {self.guest_share!r}."
            )

    @property
    def guests(self) -> int:
        """How many guests there are, beside the users."""
        return round(self.guest_share * self.users)

    @property
    def days(self) -> int:
        """Length of the simulated span."""
        return self.warm_up_days + 7 * self.weeks

    @property
    def start(self) -> datetime:
        """When the first event can happen."""
        return TRAIN_FROM - timedelta(days=self.warm_up_days)

    @property
    def train_from(self) -> datetime:
        """When the first train week begins."""
        return TRAIN_FROM

    @property
    def validation_from(self) -> datetime:
        """When the last train week begins."""
        return self.test_from - timedelta(days=7)

    @property
    def test_from(self) -> datetime:
        """When train ends and the test week begins."""
        return TRAIN_FROM + timedelta(days=7 * (self.weeks - 1))

    @property
    def test_until(self) -> datetime:
        """When the simulation ends."""
        return TRAIN_FROM + timedelta(days=7 * self.weeks)


def _at_least(minimum: int, **settings: int) -> None:
    for name, value in settings.items():
        if not isinstance(value, int) or isinstance(value, bool) or value < minimum:
            raise SchemaError(
                f"simulation, '{name}': expected a whole number of at least {minimum}, received {value!r}."
            )


SCALES: dict[Scale, Simulation] = {
    "demo": Simulation(network="history"),
    "thesis": Simulation(users=100_000, items=1_711_190, scale="thesis"),
}
"""Named sizes: of a first look, and of the data that the method was measured on (method §7)."""
