"""Features: what describes an item, or a user, and how each column is read."""

from __future__ import annotations

from datetime import datetime
from typing import Literal, Self

from pydantic import Field, model_validator

from dlrs.schema.description import Description, Instant, TimeFormat

DatePart = Literal["year", "month", "day", "weekday", "hour"]


class Continuous(Description):
    """One continuous feature: `number`, or `time` (read as seconds since the epoch)."""

    kind: Literal["number", "time"] = Field(
        default="number", description="what its cells hold; a time is read as seconds since 1970"
    )
    format: TimeFormat | None = None
    transform: Literal["log"] | None = Field(
        default=None, description="'log': the model sees ln(1 + x), for prices and counts with a long tail"
    )
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

    @model_validator(mode="after")
    def _readable(self) -> Self:
        if self.kind == "number" and self.format is not None:
            raise ValueError('a format is for times, so the feature needs kind = "time"')
        low = self.bounds[0]
        if self.transform == "log" and (self.kind == "time" or low is None or low < 0):
            raise ValueError("ln(1 + x) needs numbers from 0 on: set min to 0 or more")
        return self


class Date(Description):
    """One column of times, taken apart: each part is a categorical feature of its own."""

    parts: tuple[DatePart, ...] = Field(
        min_length=1, description="what is taken of its times, a feature each: NAME_month"
    )
    format: TimeFormat | None = None


class MultiValued(Description):
    """One column of lists: text cut at the separator, a JSON list, or a list column of Parquet."""

    separator: str = Field(
        default=",", min_length=1, description="what stands between the values of a cell that is a text"
    )


class Text(Description):
    """One column of free text: its words and runs of words, hashed into a fixed number of values."""

    ngrams: int = Field(default=2, ge=1, le=5, description="1: words; 2: pairs of neighbours too; …")
    buckets: int = Field(default=4096, ge=2, description="values that the hashes fall into")


class Features(Description):
    """All features of an item or of a user, by the name of their column."""

    continuous: dict[str, Continuous] = Field(default_factory=dict)
    categorical: tuple[str, ...] = Field(
        default=(), description="columns whose cells hold one value of a vocabulary each"
    )
    dates: dict[str, Date] = Field(default_factory=dict)
    multi_valued: dict[str, MultiValued] = Field(default_factory=dict)
    text: dict[str, Text] = Field(default_factory=dict)

    @property
    def date_parts(self) -> dict[str, tuple[str, DatePart]]:
        """Column and part that each date feature is made of: published_month is published's month."""
        return {
            f"{column}_{part}": (column, part) for column, date in self.dates.items() for part in date.parts
        }

    @property
    def single_valued(self) -> tuple[str, ...]:
        """Features with at most one value of a vocabulary: categorical ones and parts of dates."""
        return (*self.categorical, *self.date_parts)

    @property
    def discrete(self) -> tuple[str, ...]:
        """All features with values of a vocabulary, in the order of their columns in the encoding."""
        return (*self.single_valued, *self.multi_valued, *self.text)

    @property
    def names(self) -> tuple[str, ...]:
        """All features."""
        return (*self.continuous, *self.discrete)

    @model_validator(mode="after")
    def _some_and_distinct(self) -> Self:
        if not self.names:
            raise ValueError("expected at least one feature, received none")
        twice = sorted({name for name in self.names if self.names.count(name) > 1})
        if twice:
            raise ValueError(f"expected each feature once, received twice: {', '.join(twice)}")
        return self


def _seconds(bound: float | datetime | None) -> float | None:
    return bound.timestamp() if isinstance(bound, datetime) else bound
