"""Wishes: what a list is asked for, and what was found, before it is an answer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from dlrs.candidates.filtering.filters import Filter
from dlrs.candidates.filtering.kinds import check, kinds_of
from dlrs.candidates.filtering.relaxing import Step, ladder
from dlrs.candidates.filtering.shortfall import Shortfall
from dlrs.errors import RequestError
from dlrs.schema import Features
from dlrs.service.ranking.asking import Page
from dlrs.service.seams import Profile, Ranked


@dataclass(frozen=True)
class Wish:
    """A list of `k` items for a user, or a guest (None)."""

    user_id: str | None
    k: int
    page: Page = "home"
    filters: tuple[Filter, ...] = ()
    relax: tuple[Step, ...] = ()
    explain: bool = True

    def rungs(self, profile: Profile | None, features: Features) -> list[tuple[Filter, ...]]:
        """Return the filters that hold after 0, 1, … steps; his overrides are never relaxed.

        Raises:
            RequestError: a filter does not fit the features, or a step none of the filters.
        """
        if self.filters:
            check(self.filters, kinds_of(features))
        overrides = fitting(profile.overrides, features) if profile is not None else ()
        return [(*rung, *overrides) for rung in ladder(self.filters, self.relax)]

    def known(self, profile: Profile | None) -> Sequence[str]:
        """Return the items that must not come back."""
        return () if profile is None or self.page == "search" else profile.known_ids

    def to_json(self) -> dict[str, Any]:
        """Return it as JSON knows it."""
        return {
            "k": self.k,
            "page": self.page,
            "filters": [wanted.model_dump(mode="json") for wanted in self.filters],
            "relax": [step.model_dump(mode="json") for step in self.relax],
        }


@dataclass(frozen=True)
class Found:
    """A list, and all that it followed from."""

    bundle_id: str | None
    seq: int
    items: Sequence[Ranked]
    candidates: Sequence[str] = ()
    encoded: bytes = b""
    degraded: str | None = None
    basis: str = "profile"
    filters: tuple[Filter, ...] = ()
    steps: int = 0
    shortfall: Shortfall | None = None
    ranker: Literal["network", "moment"] = "network"
    of: str | None = None
    """The decision of which this is the list once more."""


def fitting(overrides: Sequence[Filter], features: Features) -> tuple[Filter, ...]:
    """Return the overrides that fit: with another bundle, features that they are about may have gone."""
    kinds = kinds_of(features) if overrides else {}
    return tuple(wanted for wanted in overrides if _fits(wanted, kinds))


def _fits(wanted: Filter, kinds: Mapping[str, Any]) -> bool:
    try:
        check([wanted], kinds)
    except RequestError:
        return False
    return True
