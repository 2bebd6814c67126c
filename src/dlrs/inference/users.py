"""Users: which column of a log says who it was, and why."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from dlrs.errors import DataError
from dlrs.inference.columns import Seen, SeenTable
from dlrs.inference.links import ids_of, owner
from dlrs.inference.names import ABOUT_USERS, STAND_IN_WORDS, USER_WORDS, in_words, named_as_id, speaks_of


def find_user(events: SeenTable, taken: Mapping[str, str], others: Sequence[SeenTable]) -> tuple[str, str]:
    """Return the column with the user's id, and the reason: its name, or a table that has its values.

    What else a column holds says nothing: an id of a visit looks like a user's.

    Args:
        events: the log.
        taken: its columns that play another part, and which.
        others: tables that are neither the log nor the items; one may be of the users.

    Raises:
        DataError: no column is called like a user.
    """
    free = [c for c in events.columns if c.name not in taken and c.distinct > 1 and not c.is_list]
    named = _best_named(events, free, USER_WORDS)
    if named is not None:
        return named.name, f"by its name; {_counts(named)}"
    for column in ids_of(events):
        table = next((t for t in others if column.name not in taken and owner(events, column.name, t)), None)
        if table is not None:
            return column.name, f"by its values, which {table.source.table} has; {_counts(column)}"
    stand_in = _best_named(events, free, STAND_IN_WORDS)
    if stand_in is not None:
        return stand_in.name, f"no column called like a user tells them apart; {_counts(stand_in)}"
    raise DataError(
        f"{events.source}: expected a column with the user's id, called like one (user, uid, customer, "
        f"visitor, member, email, session …), received {_shown(events, taken)}. Call the column 'user' in "
        "the export, or pass the table of users, too."
    )


def _best_named(events: SeenTable, columns: Sequence[Seen], words: Sequence[str]) -> Seen | None:
    """Return a column of ids that is called by one of the words, the first words first.

    Of several it is the one that is called just so, or an id, or has most values.
    """
    ids = {c.name for c in ids_of(events) if not any(speaks_of(c, about) for about in ABOUT_USERS)}
    for word in words:
        found = [c for c in columns if speaks_of(c, word) and (c.name in ids or in_words(c) == word)]
        if found:
            return max(found, key=lambda c: (in_words(c) == word, named_as_id(c), c.distinct))
    return None


def _counts(column: Seen) -> str:
    return f"{column.distinct:,} of them, {column.filled / column.distinct:.1f} events each on average"


def _shown(events: SeenTable, taken: Mapping[str, str]) -> str:
    return ", ".join(f"'{c.name}' ({_part(c, taken)})" for c in events.columns)


def _part(column: Seen, taken: Mapping[str, str]) -> str:
    if column.name in taken:
        return taken[column.name]
    if column.distinct <= 1:
        return f"only '{column.common[0]}' in every row" if column.common else "empty"
    return f"like '{column.common[0][:40]}'"
