"""Marketplace: one description of a marketplace's tables, features and rules.

Everything that names a column of the user's data names it here and nowhere else. The tables
inside dlrs use the constants below, so that no later stage knows what the user called things.
"""

from __future__ import annotations

import hashlib
import json
import re
from datetime import datetime, timedelta
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, model_validator

# The column names of every table inside dlrs.
USER = "user_id"
ITEM = "item_id"
EVENT = "event_id"
TIME = "time"
TYPE = "type"
VERSION = "version"
OPERATION = "operation"
VALID_FROM = "valid_from"
VALID_TO = "valid_to"

RESERVED = frozenset(
    (
        ITEM,
        VERSION,
        OPERATION,
        VALID_FROM,
        VALID_TO,
        "_row",
        "item_row",
        "version_row",
        "reason",
        "repeat",
        "rows",
    )
)
"""Columns that stand beside the features in tables inside dlrs."""

DELETE = "delete"
"""The operation that ends an item's life; every other value creates or updates it."""


def _duration(value: object) -> object:
    if not isinstance(value, str) or value.startswith("P"):  # ISO 8601, as manifests keep it: P30D
        return value
    match = re.fullmatch(r"\s*(\d+)\s*(d|h|m)\s*", value)
    if match is None:
        raise ValueError(f"expected a duration like '30d', '12h' or '15m', received '{value}'")
    unit = {"d": "days", "h": "hours", "m": "minutes"}[match.group(2)]
    return timedelta(**{unit: int(match.group(1))})


def _zoned(value: datetime) -> datetime:
    if value.tzinfo is None:
        raise ValueError(f"expected a time with its zone, like 2017-10-14T03:00:00Z, received '{value}'")
    return value


def _positive(value: timedelta) -> timedelta:
    if value <= timedelta(0):
        raise ValueError("expected a duration longer than zero")
    return value


Duration = Annotated[timedelta, BeforeValidator(_duration), AfterValidator(_positive)]
Instant = Annotated[datetime, AfterValidator(_zoned)]


class Description(BaseModel):
    """A part of a TOML: frozen, and any key that it does not know is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class ItemTable(Description):
    """Where the item ads are: one row per item, or one per version of an item."""

    table: str = Field(description="file name in the data folder: Parquet or CSV")
    id: str = Field(description="column with the item's id")
    valid_from: str | None = Field(
        default=None, description="column: from when the row holds; none means from always"
    )
    version: str | None = Field(default=None, description="column with the version's name, if ads change")
    operation: str | None = Field(default=None, description="column with create / update / delete")

    @model_validator(mode="after")
    def _versions_need_time(self) -> Self:
        if self.valid_from is None and (self.version or self.operation):
            raise ValueError("'version' and 'operation' need 'valid_from': from when does a row hold?")
        return self


class EventTable(Description):
    """Where the log of interactions is."""

    table: str = Field(description="file name in the data folder: Parquet or CSV")
    user: str = Field(description="column with the user's id")
    item: str = Field(description="column with the item's id")
    time: str = Field(description="column with the time; without a zone it is read as UTC")
    type: str | None = Field(default=None, description="column with the interaction type")
    version: str | None = Field(
        default=None, description="column with the item version that the user saw; else joined by time"
    )
    id: str | None = Field(
        default=None, description="column with the event's id, unique for ever: a repeated one is left out"
    )


class Continuous(Description):
    """One continuous feature: `number`, or `time` (read as seconds since the epoch)."""

    kind: Literal["number", "time"] = "number"
    min: float | Instant | None = Field(default=None, description="rows below it go to quarantine")
    max: float | Instant | None = Field(default=None, description="rows above it go to quarantine")

    @property
    def bounds(self) -> tuple[float | None, float | None]:
        """The bounds as numbers: times in seconds since the epoch (method §3)."""
        return _seconds(self.min), _seconds(self.max)

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        low, high = self.bounds
        if low is not None and high is not None and low >= high:
            raise ValueError(f"expected min < max, received min {self.min} and max {self.max}")
        if self.kind == "number" and (isinstance(self.min, datetime) or isinstance(self.max, datetime)):
            raise ValueError('a bound is a time, so the feature needs kind = "time"')
        return self


def _seconds(bound: float | datetime | None) -> float | None:
    return bound.timestamp() if isinstance(bound, datetime) else bound


class Features(Description):
    """The item features. Users have none of their own: they are what they interacted with."""

    continuous: dict[str, Continuous] = Field(default_factory=dict)
    categorical: tuple[str, ...] = ()

    @model_validator(mode="after")
    def _some_and_distinct(self) -> Self:
        names = [*self.continuous, *self.categorical]
        if not self.categorical:
            raise ValueError("expected at least one categorical feature, received none")
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ValueError(f"expected each feature once, received twice: {', '.join(twice)}")
        return self


class Profiles(Description):
    """Which events describe a user, and how often the description is renewed (method §2)."""

    window: Duration = timedelta(days=30)
    refresh: Duration = timedelta(days=7)
    minimum_events: int = Field(default=2, ge=1, description="fewer events in the window: no profile")
    weights: Literal["domain", "user", "user-item"] = Field(
        default="domain", description="whose Markov chain weighs the interaction types"
    )


class Split(Description):
    """Cuts in time. Train is [train_from, test_from), test is [test_from, test_until)."""

    train_from: Instant
    validation_from: Instant
    test_from: Instant
    test_until: Instant

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if not self.train_from < self.validation_from < self.test_from < self.test_until:
            raise ValueError("expected train_from < validation_from < test_from < test_until")
        return self


class Marketplace(Description):
    """The whole description. Its hash travels with everything that is computed under it."""

    name: str
    items: ItemTable
    events: EventTable
    interaction_types: tuple[str, ...] = Field(default=("view",), min_length=1, description="weakest first")
    features: Features
    negatives_by: str = Field(
        description="categorical feature within which negatives are drawn (Algorithm 1)"
    )
    profiles: Profiles = Profiles()
    split: Split

    @model_validator(mode="after")
    def _has_names_of_its_own(self) -> Self:
        own = {ITEM: self.items.id, VERSION: self.items.version}
        for name in (*self.features.continuous, *self.features.categorical):
            # a feature may be the very column that plays the part, as the item's id may
            if name in RESERVED and own.get(name) != name:
                raise ValueError(
                    f"features: '{name}' is a name that dlrs keeps for itself; rename the column in the table"
                )
        if len(set(self.interaction_types)) < len(self.interaction_types):
            raise ValueError(f"interaction_types: expected each once, received {self.interaction_types}")
        return self

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        if self.negatives_by not in self.features.categorical:
            raise ValueError(
                f"negatives_by: expected one of the categorical features "
                f"({', '.join(self.features.categorical)}), received '{self.negatives_by}'"
            )
        if self.events.type is None and len(self.interaction_types) > 1:
            raise ValueError("interaction_types lists several, so events.type must name their column")
        if self.events.version is not None and self.items.version is None:
            raise ValueError("events.version is set, so items.version must name its counterpart")
        for start in (self.split.train_from, self.split.validation_from):
            if (self.split.test_from - start) % self.profiles.refresh:
                raise ValueError(
                    f"split: expected a whole number of profile refreshes ({self.profiles.refresh}) "
                    f"between {start} and test_from {self.split.test_from}"
                )
        return self

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
