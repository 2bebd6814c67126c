"""Stores: what the services ask of their database.

They raise `errors.Unavailable` where it does not answer, `errors.StorageFull` where a write found no room.
Times are microseconds since 1970, UTC.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from dlrs.candidates.filtering.filters import Filter
from dlrs.service.seams import Erased, Event, Raw, Wanted

ALL = 2**62
"""More than there ever is."""


@dataclass(frozen=True, slots=True)
class StoredEvent:
    """An event, its place in the order of arrival, and a key of the features that its item had."""

    seq: int
    event: Event
    features: str


class EventStore(Protocol):
    """Events and the features that their items had, by a hash of them."""

    def add(self, events: Sequence[tuple[Event, Raw]]) -> int:
        """Store events whose ids are new, in one transaction that is on the disk on return; return how many.

        Concurrent calls share a transaction. Of several with one id the first that arrived counts.
        """
        ...

    def of_user(self, user_id: str, after: int = 0, most: int = ALL) -> Sequence[StoredEvent]:
        """Return a user's newest `most` events that arrived after one, in the order of arrival.

        An indexed look-up.
        """
        ...

    def after(self, seq: int, most: int) -> Sequence[StoredEvent]:
        """Return the events of all users that arrived after one, as they arrived, `most` at a time."""
        ...

    def before(self, time: int) -> int:
        """Return a number after which all events arrived that happened at a time or later."""
        ...

    def features(self, keys: Sequence[str]) -> Mapping[str, Raw]:
        """Return features by their keys."""
        ...

    def users_after(self, seq: int, since: int, most: int) -> tuple[int, Sequence[str]]:
        """Return the last of the next `most` events after a number, and their distinct users.

        Only events of the time `since` and later count. Without any, the number is that which was given.
        """
        ...

    def popular(self, since: int, most: int, without: Sequence[str] = ()) -> Sequence[tuple[str, int]]:
        """Return the items with most distinct users of events since a time, and how many users.

        Events of the types `without` do not count.
        """
        ...


@dataclass(frozen=True)
class UserRecord:
    """What is kept of a user beside his events."""

    overrides: tuple[Filter, ...] = ()
    erased: int | None = None  # when; events of the bundle's log before it do not exist
    revision: int = 0  # grows with every change, erasure included


class UserStore(Protocol):
    """Overrides and erasures."""

    def get(self, user_id: str) -> UserRecord:
        """Return what is kept; an empty record for an unknown user."""
        ...

    def override(self, user_id: str, filters: Sequence[Filter]) -> None:
        """Replace a user's overrides."""
        ...

    def erase(self, user_id: str, at: int) -> None:
        """Delete events, overrides, decisions, all of a user, and remember that he is erased."""
        ...

    def erased(self, after: int) -> Erased:
        """Return who was erased after an erasure."""
        ...


@dataclass(frozen=True, slots=True)
class ItemChange:
    """One change of the item storage. Numbers ascend; there are no gaps that fill up later."""

    seq: int
    item_id: str
    features: Raw | None  # None: deleted
    time: int  # when it was taken: the version holds from then on


class ItemStore(Protocol):
    """The item storage: every version since the service began, as a list of changes."""

    def put(self, items: Mapping[str, Raw | None], at: int, *, unchanged_since: int | None = None) -> int:
        """Append a change for each item (None: it is deleted), in one transaction; return the last number.

        Return 0, and do nothing, if one of the items has a change after the number `unchanged_since`.
        """
        ...

    def after(self, seq: int, most: int) -> Sequence[ItemChange]:
        """Return the changes after a number, ascending, `most` at a time."""
        ...

    def last(self) -> int:
        """Return the number of the last change, 0 before the first."""
        ...

    def at(self, wanted: Sequence[Wanted]) -> Sequence[ItemChange | None]:
        """Return the change of each item that held at a time; None where all are later, or there is none."""
        ...

    def first(self, ids: Sequence[str]) -> Mapping[str, ItemChange]:
        """Return the first change of each item that has any."""
        ...

    def latest(self, ids: Sequence[str]) -> Mapping[str, ItemChange]:
        """Return the newest change of each item that has any."""
        ...


@dataclass(frozen=True)
class Decision:
    """One answer of the Ranking Service, with all that it followed from."""

    id: str
    time: int
    user_id: str | None
    bundle_id: str
    seq: int  # of the item storage
    request: Mapping[str, Any]  # JSON: k, page, filters, …
    profile: bytes  # the encoded profile: safetensors
    candidates: Sequence[str]  # ids, in the order in which they came
    answer: Sequence[tuple[str, float]]  # ids and scores
    degraded: str | None = None


class DecisionStore(Protocol):
    """Decisions of late."""

    def keep(self, decision: Decision) -> None:
        """Keep it soon, in the background; the oldest ones make room. Never raises, never waits."""
        ...

    def get(self, id: str) -> Decision | None:
        """Return a decision, None if there is none or it is not kept any more."""
        ...
