"""What a column's name says."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from dlrs.inference.columns import Seen

USER_WORDS = (
    "user",
    "userid",
    "uid",
    "usr",
    "customer",
    "visitor",
    "member",
    "client",
    "buyer",
    "shopper",
    "subscriber",
    "reviewer",
    "reader",
    "viewer",
    "listener",
    "player",
    "account",
    "person",
    "email",
    "mail",
    "who",
)
STAND_IN_WORDS = ("anonymous", "cookie", "device", "session")
"""What may stand in for a user who is not known, the most lasting first."""

ABOUT_USERS = (
    "type", "kind", "group", "segment", "level", "status", "plan", "agent", "browser", "os", "ip", "age",
    "gender", "language", "locale", "country", "region", "city", "zip",
)  # fmt: skip
"""What a column speaks of that is called after users and yet has no ids of theirs, like user_country."""

TYPE_WORDS = ("type", "event", "action", "interaction", "kind", "behavior", "behaviour", "did")
TIME_WORDS = ("time", "timestamp", "date", "when", "at")


def speaks_of(column: Seen, word: str) -> bool:
    """Tell whether a column's name has the word as one of its own: lastSeen and last_seen have "seen"."""
    name = in_words(column)
    return f"_{word}_" in f"_{name}_" or (len(word) > 4 and word in name)


def in_words(column: Seen) -> str:
    """Return a column's name in small letters, its words parted by "_"."""
    return re.sub(r"[^a-z0-9]+", "_", re.sub(r"(?<=[a-z])(?=[A-Z])", "_", column.name).lower())


def called_user(column: Seen) -> bool:
    """Tell whether a column is called like a user, or like what stands in for one."""
    return any(speaks_of(column, word) for word in (*USER_WORDS, *STAND_IN_WORDS))


def named_as_id(column: Seen) -> bool:
    """Tell whether a column is called an id."""
    name = column.name.lower()
    return name in ("id", "key", "sku") or name.endswith(("_id", "id", "_key", "_no", "number"))


def first_named(columns: Iterable[Seen], words: Sequence[str], taken: Iterable[str | None]) -> str | None:
    """Return the first column that is called by one of the words, the first words first."""
    free = [c for c in columns if c.name not in set(taken)]
    return next((c.name for word in words for c in free if speaks_of(c, word)), None)
