"""What a recipe says of evaluation: at one cut, and at every moment."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Self

from pydantic import Field, model_validator

from dlrs.schema import Description, Duration


class Evaluation(Description):
    """Whom the models are judged on and how precisely (method §7)."""

    k: tuple[Annotated[int, Field(ge=1)], ...] = Field(
        default=(1, 5, 10, 30, 100),
        min_length=1,
        description="lengths of the lists that are judged, the shortest first",
    )
    max_users: int = Field(default=20_000, ge=1, description="more test users than this: a seeded sample")
    resamples: int = Field(default=1000, ge=1, description="of the bootstrap over users")
    seed: int = Field(default=0, ge=0, description="of what is drawn at random")
    seeds: int = Field(
        default=1, ge=1, description="evaluate --all: trainings of each model that draws at random"
    )

    @model_validator(mode="after")
    def _ascending(self) -> Self:
        if list(self.k) != sorted(set(self.k)):
            raise ValueError(f"k: expected distinct lengths, the shortest first, received {self.k}")
        return self


class Prequential(Description):
    """How the test window is replayed, each interaction judged at its own moment."""

    delay: Duration = Field(default=timedelta(minutes=1), description="from an event to when it is known")
    step: Duration = Field(
        default=timedelta(minutes=1), description="requests within one are asked together, as of its start"
    )
    retrain: Duration | None = Field(
        default=None, description="from one fit of the models to the next; none: profiles.refresh"
    )
    max_requests: int = Field(default=20_000, ge=1, description="more than this: a seeded sample")
