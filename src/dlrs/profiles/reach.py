"""Reach: how far back from a moment a user's events count: as far as his profile of then."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

from dlrs.arrays import Ints
from dlrs.data.interactions import micros
from dlrs.profiles.buckets import MICROSECOND, bucket_width
from dlrs.schema import Marketplace


@dataclass(frozen=True)
class Reach:
    """The window of profiles, which ends at the first border of buckets after a moment. Microseconds."""

    window: int
    width: int  # of buckets
    origin: int  # one of the borders

    @classmethod
    def of(cls, marketplace: Marketplace) -> Self:
        """Take a marketplace's."""
        window, width = marketplace.profiles.window, bucket_width(marketplace)
        return cls(window // MICROSECOND, width // MICROSECOND, micros(marketplace.split.test_from))

    def border(self, moment: int) -> int:
        """Return the first border of buckets after a moment."""
        return self.origin + ((moment - self.origin) // self.width + 1) * self.width

    def since(self, moments_R: Ints) -> Ints:
        """Return from when on events count that are asked about at each moment: (R,)."""
        borders_R: Ints = self.origin + ((moments_R - self.origin) // self.width + 1) * self.width
        return borders_R - self.window
