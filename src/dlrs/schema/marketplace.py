"""Marketplace: one description of a marketplace's tables, features and rules."""

from __future__ import annotations

import hashlib
import json
from datetime import datetime, timedelta
from typing import Literal, Self

from pydantic import Field, model_validator

from dlrs.schema.columns import ITEM, RESERVED, USER, VERSION
from dlrs.schema.description import Description, Duration, Instant, written
from dlrs.schema.features import Features
from dlrs.schema.tables import EventTable, ItemTable, UserTable


class Profiles(Description):
    """Which events describe a user, and how often the description is renewed (method §2)."""

    window: Duration = Field(
        default=timedelta(days=30), description="how far back a profile's events reach, and a history's"
    )
    refresh: Duration = Field(
        default=timedelta(days=7),
        description="from one profile of a user to the next; the cuts of [marketplace.split] lie a multiple "
        "of it apart",
    )
    minimum_events: int = Field(default=2, ge=1, description="fewer events in the window: no profile")
    weights: Literal["domain", "user", "user-item"] = Field(
        default="domain", description="whose Markov chain weighs the interaction types"
    )


class Split(Description):
    """Cuts in time. Train is [train_from, test_from), test is [test_from, test_until)."""

    train_from: Instant = Field(description="events before it serve the first profiles alone")
    validation_from: Instant = Field(
        description="what happens from here to test_from tells when to stop learning"
    )
    test_from: Instant = Field(description="nothing from here on is learned from when models are judged")
    test_until: Instant = Field(description="where the test ends")

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if not self.train_from < self.validation_from < self.test_from < self.test_until:
            raise ValueError("expected train_from < validation_from < test_from < test_until")
        return self


class Marketplace(Description):
    """The whole description. Its hash travels with everything that is computed under it."""

    name: str = Field(description="what it is called in reports")
    items: ItemTable
    events: EventTable
    users: UserTable | None = Field(default=None, description="if users have features of their own")
    interaction_types: tuple[str, ...] = Field(default=("view",), min_length=1, description="weakest first")
    negative_types: tuple[str, ...] = Field(
        default=(),
        description="types that say no: shown and passed by, deleted. Such events are in no profile, "
        "history, count or test; training may draw from them what their user did not want",
    )
    refusing_types: tuple[str, ...] = Field(
        default=(),
        description="those of negative_types after which the item is not recommended to this user again",
    )
    features: Features
    negatives_by: str = Field(description="feature within whose values negatives are drawn (Algorithm 1)")
    profiles: Profiles = Profiles()
    split: Split

    @model_validator(mode="after")
    def _has_names_of_its_own(self) -> Self:
        # a feature may be the very column that plays the part, as the item's id may
        parts = {ITEM: self.items.id, VERSION: self.items.version}
        _require_own_names("features", self.features, parts)
        if self.users is not None:
            _require_own_names("users.features", self.users.features, {USER: self.users.id})
        if len(set(self.event_types)) < len(self.event_types):
            raise ValueError(
                "interaction_types and negative_types: expected each once in both together, received "
                f"{self.event_types}"
            )
        if foreign := set(self.refusing_types).difference(self.negative_types):
            raise ValueError(
                f"refusing_types: expected some of negative_types {self.negative_types}, "
                f"received {sorted(foreign)}"
            )
        return self

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        if self.negatives_by not in self.features.single_valued:
            there = ", ".join(self.features.single_valued) or "there are none; add one"
            raise ValueError(
                f"negatives_by: expected one of the categorical features ({there}), "
                f"received '{self.negatives_by}'"
            )
        if self.events.type is None and len(self.event_types) > 1:
            raise ValueError(
                "interaction_types and negative_types list several, so events.type must name their column"
            )
        if self.events.version is not None and self.items.version is None:
            raise ValueError("events.version is set, so items.version must name its counterpart")
        for start in (self.split.train_from, self.split.validation_from):
            if (self.split.test_from - start) % self.profiles.refresh:
                raise ValueError(
                    f"split: expected a whole number of profile refreshes ({written(self.profiles.refresh)}) "
                    f"between {start} and test_from {self.split.test_from}"
                )
        return self

    @property
    def event_types(self) -> tuple[str, ...]:
        """All types that the log may hold: those of interactions, then the negative ones."""
        return (*self.interaction_types, *self.negative_types)

    @property
    def passing_types(self) -> tuple[str, ...]:
        """The negative types after which an item may still be recommended to this user."""
        return tuple(name for name in self.negative_types if name not in self.refusing_types)

    @property
    def period_starts(self) -> tuple[datetime, ...]:
        """Start of every training period, oldest first, then the cut: when profiles are renewed."""
        split, refresh = self.split, self.profiles.refresh
        count = (split.test_from - split.train_from) // refresh
        return tuple(split.train_from + i * refresh for i in range(count + 1))

    @property
    def hash(self) -> str:
        """Return 12 hexadecimal digits that change when anything in the description does."""
        content = json.dumps(self.model_dump(mode="json"), sort_keys=True)
        return hashlib.sha256(content.encode()).hexdigest()[:12]


def _require_own_names(place: str, features: Features, parts: dict[str, str | None]) -> None:
    for name in features.names:
        if name in RESERVED and parts.get(name) != name:
            raise ValueError(
                f"{place}: '{name}' is a name that dlrs keeps for itself; rename the column in the table"
            )
