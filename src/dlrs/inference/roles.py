"""Roles: which table and which column plays which part, by what they hold and what they are called."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from dlrs.errors import DataError
from dlrs.inference.columns import SeenTable
from dlrs.inference.links import Link, links_between, owner, times_of
from dlrs.inference.names import ABOUT_USERS, TIME_WORDS, TYPE_WORDS, called_user, first_named, named_as_id
from dlrs.inference.unlinked import why_unlinked
from dlrs.inference.users import find_user
from dlrs.schema.columns import OPERATIONS

FROM_WORDS = (
    "valid_from", "created", "published", "posted", "listed", "since", "first_seen", "added", "start",
    "online", "from",
)  # fmt: skip
TO_WORDS = (
    "valid_to",
    "until",
    "removed",
    "deleted",
    "ended",
    "sold",
    "last_seen",
    "expire",
    "offline",
    "end",
)
EVENT_ID_WORDS = ("event_id", "id", "uuid", "key")


@dataclass(frozen=True)
class Roles:
    """The parts that tables and columns play."""

    items: SeenTable
    item_id: str
    valid_from: str | None
    valid_to: str | None
    version: str | None
    operation: str | None
    events: SeenTable
    event_item: str
    event_user: str
    why_user: str
    event_time: str
    event_type: str | None
    event_version: str | None
    event_id: str | None
    users: SeenTable | None
    user_id: str | None


def find_roles(tables: Sequence[SeenTable]) -> Roles:
    """Tell the log from the table of items, and what their columns are.

    Raises:
        DataError: no pair of tables fits, or the log has no user.
    """
    link = _find_link(tables)
    events, items, item_id = link.log, link.items, link.theirs.name
    others = [table for table in tables if table is not events and table is not items]
    times = times_of(events)
    event_time = first_named(times, TIME_WORDS, ()) or max(times, key=lambda c: c.distinct).name
    taken = {link.ours.name: "the item", event_time: "the time"}
    event_type = _type(events, taken)
    if event_type is not None:
        taken[event_type] = "the type"
    event_user, why_user = find_user(events, taken, others)
    taken[event_user] = "the user"
    users = next(((t, c) for t in others if (c := owner(events, event_user, t))), (None, None))
    valid_from = _valid_from(items, item_id)
    versioned = valid_from is not None and not items[item_id].is_unique
    version = first_named(items.columns, ("version",), {item_id}) if versioned else None
    return Roles(
        items=items,
        item_id=item_id,
        valid_from=valid_from,
        valid_to=first_named(times_of(items), TO_WORDS, {item_id, valid_from}),
        version=version,
        operation=_operation(items) if versioned else None,
        events=events,
        event_item=link.ours.name,
        event_user=event_user,
        why_user=why_user,
        event_time=event_time,
        event_type=event_type,
        event_version=first_named(events.columns, (version,), taken) if version else None,
        event_id=first_named([c for c in events.columns if c.is_unique], EVENT_ID_WORDS, taken),
        users=users[0],
        user_id=users[1],
    )


def _find_link(tables: Sequence[SeenTable]) -> Link:
    """Return the link that is most like one of a log and its items.

    Raises:
        DataError: there is none.
    """
    links = [link for link in links_between([t for t in tables if times_of(t)], tables) if link.fits]
    if not links:
        raise DataError(why_unlinked(tables))
    return max(links, key=lambda link: (link.liking, link.ours.name, link.theirs.name))


def _type(events: SeenTable, taken: dict[str, str]) -> str | None:
    """Return the column that says what users did; user_type says what they are."""
    few = [c for c in events.columns if 2 <= c.distinct <= 12]
    others = [c for c in few if not called_user(c)]
    theirs = [c for c in few if not named_as_id(c)]
    deeds = [word for word in TYPE_WORDS if word not in ABOUT_USERS]
    return first_named(others, TYPE_WORDS, taken) or first_named(theirs, deeds, taken)


def _valid_from(items: SeenTable, item_id: str) -> str | None:
    """Return the column with the time from when a row holds; of versions the first one without gaps."""
    times = [c for c in items.columns if c.times and c.times.complete]
    named = first_named(times, FROM_WORDS, {item_id})
    return times[0].name if named is None and not items[item_id].is_unique and times else named


def _operation(items: SeenTable) -> str | None:
    return next((c.name for c in items.columns if {v.lower() for v in c.common} <= set(OPERATIONS)), None)
