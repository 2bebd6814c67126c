"""Seams: what the three services ask of one another, in one process or over HTTP. What they ask of the
database stands in `stores`.

    Ranking Service ──▶ ProfileSource     what is known of a user
                    └──▶ CandidateSource  what is near, and what ItemNet made of it
    User Profile API ──▶ EventStore, UserStore; CandidateSource (which features an item had)
    Candidate Service ──▶ ItemStore

Whoever holds one of these does not know whether it is an object of the same process or a client. All of them
may raise `errors.Unavailable`.

    T candidates    D coordinates    Times are microseconds since 1970, UTC.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from dlrs.arrays import Floats
from dlrs.candidates.filtering.filters import Filter
from dlrs.candidates.filtering.shortfall import Shortfall
from dlrs.model.forward import Representations

Raw = Mapping[str, Any]
"""Raw features of one item version by name, as in `Published.items`: number, text, list of texts, None."""


# --- the User Profile API ------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Event:
    """What a user did with an item. The id is unique for ever: an event with a known id changes nothing."""

    id: str
    user_id: str
    item_id: str
    type: str
    time: int


@dataclass(slots=True)  # not frozen, as neither are `Item` and `Ranked`: to make one takes half as long
class Met:
    """An event of a history; `features` are those that the item had then, where they were asked for."""

    item_id: str
    type: str
    time: int
    weight: float  # ψ of its type
    features: Raw | None = None


@dataclass(frozen=True, slots=True)
class Number:
    """A continuous feature of a profile as the model sees it: transformed, not scaled."""

    mean: float
    std: float


@dataclass(frozen=True)
class Profile:
    """What the events of a user's window say of him; without any event, nothing (method §2).

    The same numbers as `profiles.learner` makes of the same events.
    """

    user_id: str | None  # None: a guest
    version: str  # another one whenever anything here is another: a key for caches
    events: int
    known: Mapping[str, float]  # discrete feature -> in what share of the events it was known
    values: Mapping[str, Mapping[str, float]]  # discrete feature -> value -> weighted count
    numbers: Mapping[str, Number]  # continuous features that were known
    history: Sequence[Met]  # of the window, oldest first
    known_ids: Sequence[str]  # all items that the user ever met, each once
    overrides: tuple[Filter, ...] = ()
    own: Raw | None = None  # features of the user's own, where the marketplace has some


@dataclass(frozen=True)
class Refused:
    """An event that was not taken, and why."""

    id: str
    reason: str


@dataclass(frozen=True)
class Added:
    """What became of some events: all but the refused ones are safe on the disk."""

    new: int
    repeated: int
    refused: Sequence[Refused] = ()


@dataclass(frozen=True)
class Erased:
    """The users of some erasures after a number, 1,000 at most, in their order; `seq`: of the last of them.

    Without any, `seq` is the number of the last erasure that there was.
    """

    seq: int
    user_ids: Sequence[str]


@dataclass(frozen=True)
class Active:
    """The users of some events after a number, in their order; `seq`: of the last of these events.

    Without any, `seq` is the number that was asked after.
    """

    seq: int
    user_ids: Sequence[str]


class ProfileSource(Protocol):
    """The User Profile API, as the Ranking Service and the page see it."""

    def profile(self, user_id: str, *, described: int = 20) -> Profile:
        """Return the profile of now; an unknown user has an empty one.

        The newest `described` events of the history come with features.
        """
        ...

    def guest(self, events: Sequence[Event], *, described: int = 20) -> Profile:
        """Return the profile that these events make. Nothing is kept; unknown items are left out."""
        ...

    def add(self, events: Sequence[Event]) -> Added:
        """Take events; on return they are safe, and `profile` knows them."""
        ...

    def override(self, user_id: str, filters: Sequence[Filter]) -> None:
        """Replace what a user never wants to miss or see: filters that every list of his passes."""
        ...

    def erase(self, user_id: str) -> None:
        """Forget everything about a user, the log before the bundle's watermark included."""
        ...

    def erased(self, after: int) -> Erased:
        """Return who was erased after an erasure: whoever keeps anything of users forgets these, too."""
        ...

    def active(self, after: int, since: int = 0) -> Active:
        """Return who did something in the next events after one, of events of a time and later."""
        ...

    def popular(self, most: int) -> Sequence[tuple[str, int]]:
        """Return the items that most users met of late, and how many users: each counts once an item."""
        ...


# --- the Candidate Service -----------------------------------------------------------------------


@dataclass(frozen=True)
class Query:
    """One source of candidates: what is near a vector of the bundle's space."""

    vector_D: Floats
    share: float = 1.0


@dataclass(frozen=True)
class CandidateRequest:
    """What to look for. `count` distinct items that pass all filters and are not known.

    The shares of the queries and `popular` say in which proportion the list is made (`generator.merge`).
    """

    bundle_id: str
    queries: tuple[Query, ...]
    count: int
    known_ids: Sequence[str] = ()
    filters: tuple[Filter, ...] = ()
    popular: float = 0.0  # the share of what is popular, whatever the vectors
    also_ids: Sequence[str] = ()  # wanted beside them, as far as they pass and are not known


@dataclass(frozen=True)
class CandidateAnswer:
    """T items, nearest first, and what ItemNet made of each of them; all of one bundle.

    What was wanted beside them comes last, of similarity 0.
    """

    bundle_id: str
    seq: int  # the last change of the item storage that it has seen
    ids: Sequence[str]
    items: Representations
    similarity_T: Floats
    shortfall: Shortfall | None = None


@dataclass(slots=True)
class Item:
    """An item as it is now, or was when it went."""

    id: str
    features: Raw
    gone: bool = False


@dataclass(frozen=True)
class Gone:
    """The items that went in changes after some number, up to the change `seq`."""

    seq: int
    ids: Sequence[str]


@dataclass(frozen=True)
class Wanted:
    """An item, as it was at a time."""

    item_id: str
    time: int


class CandidateSource(Protocol):
    """The Candidate Service, as its callers see it."""

    def candidates(self, request: CandidateRequest) -> CandidateAnswer:
        """Return candidates. Deleted items are never among them.

        Raises:
            WrongBundle: it holds no such bundle (yet, or any more); the error names those that it holds.
            RequestError: a filter does not fit, or a vector has another width.
        """
        ...

    def represent(self, bundle_id: str, ids: Sequence[str]) -> CandidateAnswer:
        """Return those of some items that are there, in the order given; similarity 0. WrongBundle, too."""
        ...

    def items(self, ids: Sequence[str]) -> Mapping[str, Item]:
        """Return the raw features of items by id; those that nobody ever heard of are left out."""
        ...

    def versions(self, wanted: Sequence[Wanted]) -> Sequence[Raw | None]:
        """Return the features that each item had at a time; None where it was not there, or is unknown.

        Before the oldest version that is known the oldest one counts.
        """
        ...

    def gone(self, after: int) -> Gone:
        """Return what was deleted after a change of the item storage."""
        ...

    def popular(self, bundle_id: str, count: int, filters: Sequence[Filter] = ()) -> Sequence[str]:
        """Return the ids of the items that were most popular before the bundle's watermark and are there."""
        ...

    def put(self, items: Mapping[str, Raw]) -> int:
        """Add items or new versions of them, checked already; on return they are safe, and found by all.

        Returns the number of the last change.
        """
        ...

    def delete(self, ids: Sequence[str]) -> Sequence[str]:
        """Delete items; on return that is safe, and nobody finds them. Returns those that were there."""
        ...


# --- what an answer tells ------------------------------------------------------------------------


@dataclass(slots=True)
class Ranked:
    """One item of a list."""

    id: str
    score: float
    features: Raw
    reason: str | None = None


@dataclass(frozen=True)
class UsersFound:
    """The users that suit an item best, and their logits, best first."""

    bundle_id: str
    item_id: str
    users: Sequence[tuple[str, float]]


@dataclass(frozen=True)
class Answer:
    """A list of the Ranking Service. `degraded` says how much less than the whole path it is."""

    decision_id: str
    bundle_id: str | None
    user_id: str | None
    items: Sequence[Ranked]
    degraded: str | None = None  # None, or "stale" (his last known profile), "cosine", "cached", "popular"
    basis: str = "profile"  # or "popular": nothing is known of the user
    filters: tuple[Filter, ...] = ()  # that all items pass, overrides included, after `steps` of relaxing
    steps: int = 0
    shortfall: Shortfall | None = None
    stages: Mapping[str, float] = field(default_factory=dict)  # milliseconds
