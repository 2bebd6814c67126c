"""Taking events: which of them are refused, and with which features their items go to the store."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from dlrs.data.interactions import micros
from dlrs.errors import RequestError
from dlrs.service.seams import CandidateSource, Event, Raw, Refused, Wanted

AHEAD = 86_400_000_000
"""Microseconds that an event may be ahead of the clock: those of browsers go wrong."""

LATEST = micros(datetime(9999, 12, 31, tzinfo=UTC))
"""What is later has no place in ISO 8601."""

LONGEST = 512
"""Characters of an id."""


@dataclass(frozen=True)
class Taken:
    """Events with the features of their items, and the events that were refused."""

    events: Sequence[tuple[Event, Raw]]
    refused: Sequence[Refused]


def take(events: Sequence[Event], types: Collection[str], now: int, candidates: CandidateSource) -> Taken:
    """Look at each event by itself, and ask for the features of all items at once."""
    fitting, refused = [], []
    for event in events:
        reason = _wrong(event, types, now)
        if reason is None:
            fitting.append(event)
        else:
            refused.append(Refused(event.id, reason))
    raw_of = features_then(fitting, candidates)
    taken = []
    for event in fitting:
        raw = raw_of[event.item_id, event.time]
        if raw is None:
            reason = f"item_id: expected an item that was there at the time, received '{event.item_id}'."
            refused.append(Refused(event.id, reason))
        else:
            taken.append((event, raw))
    return Taken(taken, refused)


def features_then(events: Sequence[Event], candidates: CandidateSource) -> dict[tuple[str, int], Raw | None]:
    """Return the features that each event's item had at the time, by item and time."""
    moments = list(dict.fromkeys((event.item_id, event.time) for event in events))
    if not moments:
        return {}
    raws = candidates.versions([Wanted(*moment) for moment in moments])
    return dict(zip(moments, raws, strict=True))


def id_problem(name: str, id: str) -> str | None:
    """Tell what is wrong with an id, None if nothing is."""
    if not 0 < len(id) <= LONGEST:
        return f"{name}: expected 1 to {LONGEST} characters, received {len(id)}."
    if "\0" in id:
        return f"{name}: expected no character NUL, received one."
    try:
        id.encode()
    except UnicodeEncodeError:
        return f"{name}: expected valid text, received half of a surrogate pair."
    return None


def expect_id(user_id: str) -> None:
    """Make sure that this may be the id of a user.

    Raises:
        RequestError: it may not.
    """
    problem = id_problem("user_id", user_id)
    if problem is not None:
        raise RequestError(problem)


def unsendable(event: Event) -> str | None:
    """Tell what is wrong with an event whatever the marketplace, None if nothing is."""
    ids = (("id", event.id), ("user_id", event.user_id), ("item_id", event.item_id))
    for name, id in ids:
        problem = id_problem(name, id)
        if problem is not None:
            return problem
    if not 0 <= event.time < LATEST:
        return "time: expected one from 1970 to 9999, received another one."
    return None


def _wrong(event: Event, types: Collection[str], now: int) -> str | None:
    problem = unsendable(event)
    if problem is not None:
        return problem
    if event.type not in types:
        return f"type: expected one of {', '.join(types)}, received '{event.type[:80]}'."
    if event.time > now + AHEAD:
        return "time: expected one no more than a day ahead of the service's clock, received a later one."
    return None
