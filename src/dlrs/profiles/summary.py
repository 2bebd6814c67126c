"""Summary: a user's profile kept event by event, with all moments; the mergeable twin of the batch learner.

Both hold the same: by bucket and interaction type the number of events, of each discrete feature the
share of each value added up over the events, of each continuous one the moments. So a window is
the merge of its buckets, and no order or split of the events matters: a late event lands in the bucket of
its own time. What may not happen is that an event is added twice, and a sum cannot tell. Therefore
every event has an id that is unique for ever, and all pass one `Door` before they are added anywhere.

Weights of the level "user-item" (`weights`) have to enter with the event. Online that is possible with
the weights of a published fit, but not exactly: a new step changes the weights of events that
were added before, and a bucket no longer knows its items. It is rebuilt from the log with the next fit.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from dlrs.profiles.moments import Moments

Values = Sequence[tuple[str, float]]
"""The distinct values of one discrete feature with their shares, which sum to 1; empty: unknown."""


@dataclass(frozen=True)
class Event:
    """What one user did with an item version, and the features that it had then."""

    id: str
    time: datetime
    type: str
    discrete: Mapping[str, Values]
    continuous: Mapping[str, float | None]
    weight: float = 1.0  # other than 1 only if weights belong to the event: see the module


@dataclass
class Door:
    """Lets every event in once. A service's event table does the same by a unique key."""

    seen: set[str] = field(default_factory=set)

    def admit(self, events: Iterable[Event]) -> list[Event]:
        """Return the events that never came before, in their order."""
        admitted = []
        for event in events:
            if event.id not in self.seen:
                self.seen.add(event.id)
                admitted.append(event)
        return admitted


@dataclass
class Summary:
    """What some events say: those of a bucket, a window, an interaction type or all of them."""

    events: int = 0
    weight: float = 0.0  # λ
    known: Counter[str] = field(default_factory=Counter)  # events in which each discrete feature was known
    shares: dict[str, dict[str, float]] = field(default_factory=dict)
    moments: dict[str, Moments] = field(default_factory=dict)

    @classmethod
    def of(cls, event: Event) -> Summary:
        """Return the summary of one event."""
        named = {name: values for name, values in event.discrete.items() if values}
        numbers = {name: number for name, number in event.continuous.items() if number is not None}
        return cls(
            events=1,
            weight=event.weight,
            known=Counter(named.keys()),
            shares={name: {v: s * event.weight for v, s in values} for name, values in named.items()},
            moments={name: Moments.of(number, event.weight) for name, number in numbers.items()},
        )

    def __add__(self, other: Summary) -> Summary:
        """Return the summary of all events of both."""
        return Summary(
            events=self.events + other.events,
            weight=self.weight + other.weight,
            known=self.known + other.known,
            shares={name: _added(self.shares, other.shares, name) for name in self.shares | other.shares},
            moments={
                name: self.moments.get(name, Moments()) + other.moments.get(name, Moments())
                for name in self.moments | other.moments
            },
        )

    def weighing(self, factor: float) -> Summary:
        """Return the summary with the weight of each event multiplied."""
        return Summary(
            events=self.events,
            weight=self.weight * factor,
            known=self.known.copy(),
            shares={n: {v: s * factor for v, s in shares.items()} for n, shares in self.shares.items()},
            moments={name: moments.weighing(factor) for name, moments in self.moments.items()},
        )

    def frequencies(self, name: str) -> dict[str, float]:
        """Return the relative frequencies of a discrete feature's known values; they sum to 1."""
        shares = self.shares.get(name, {})
        total = sum(shares.values())
        return {value: share / total for value, share in shares.items()}

    def known_share(self, name: str) -> float:
        """Return in what share of the events a discrete feature was known: its importance."""
        return self.known[name] / self.events


def _added(
    one: Mapping[str, dict[str, float]], other: Mapping[str, dict[str, float]], name: str
) -> dict[str, float]:
    first, second = one.get(name, {}), other.get(name, {})
    return {value: first.get(value, 0.0) + second.get(value, 0.0) for value in first | second}


@dataclass
class UserSummary:
    """One user's summaries by bucket and interaction type."""

    origin: datetime  # any bucket border, as the split's `test_from`
    width: timedelta  # `buckets.bucket_width`
    buckets: dict[tuple[datetime, str], Summary] = field(default_factory=dict)

    def add(self, event: Event) -> None:
        """Add an event that passed the door, late or not."""
        start = event.time - (event.time - self.origin) % self.width
        key = (start, event.type)
        self.buckets[key] = self.buckets.get(key, Summary()) + Summary.of(event)

    def window(self, since: datetime, until: datetime) -> dict[str, Summary]:
        """Return the summary of [since, until) for each interaction type: the profiles per type.

        Raises:
            ValueError: the window does not begin and end where buckets do.
        """
        for moment in (since, until):
            if (moment - self.origin) % self.width:
                raise ValueError(f"expected a window of whole buckets of {self.width}, received {moment}")
        by_type: dict[str, Summary] = {}
        for (start, kind), summary in sorted(self.buckets.items()):
            if since <= start < until:
                by_type[kind] = by_type.get(kind, Summary()) + summary
        return by_type

    def forget(self, until: datetime) -> None:
        """Drop the buckets that begin before `until`: no window will need them again."""
        self.buckets = {key: summary for key, summary in self.buckets.items() if key[0] >= until}


def merge(one: UserSummary, other: UserSummary) -> UserSummary:
    """Return the summary of the events of both; no event may be in both.

    Raises:
        ValueError: their buckets are not the same stretches of time.
    """
    if one.width != other.width or (one.origin - other.origin) % one.width:
        raise ValueError(
            f"expected buckets of {one.width} from {one.origin}, received {other.width}, {other.origin}"
        )
    keys = one.buckets | other.buckets
    buckets = {key: one.buckets.get(key, Summary()) + other.buckets.get(key, Summary()) for key in keys}
    return UserSummary(one.origin, one.width, buckets)


def merge_types(by_type: Mapping[str, Summary], weights: Mapping[str, float]) -> Summary:
    """Return f_u = (1/λ_u) Σ_v Σ_k ψ(S_uv^k) f_v as a summary: each type weighs its ψ [T §A.2]."""
    merged = Summary()
    for kind in sorted(by_type):
        merged = merged + by_type[kind].weighing(weights[kind])
    return merged
