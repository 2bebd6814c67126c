"""Unlinked: why no two of the tables are a log and its items, and what came nearest."""

from __future__ import annotations

import re
from collections.abc import Sequence

from dlrs.inference.columns import TIME_HINTS, Seen, SeenTable
from dlrs.inference.links import SHARED, Link, comes_back, ids_of, links_between, times_of
from dlrs.inference.names import TIME_WORDS, speaks_of

DATE_LIKE = re.compile(r"\d{1,4}[-./ ]\d{1,2}[-./ ]\d{1,4}|\d{9,13}|\d{1,2}:\d{2}")


def why_unlinked(tables: Sequence[SeenTable]) -> str:
    """Return an error's text: which part of a log and its items is not there, and how to mend it."""
    names = " and ".join(str(table.source) for table in tables)
    links = links_between(tables, tables)
    faults = _faults(max(links, key=_nearness), tables) if links else [_strangers(tables)]
    missing = " And ".join(faults)
    return (
        f"{names}: expected a log of events with a time, and a table whose ids it names, received none: "
        f"{missing}"
    )


def _nearness(link: Link) -> tuple[bool, bool, float]:
    """Order links by how near they are to one of a log and its items."""
    return link.fits, link.share > 0 or link.alike, link.liking


def _faults(nearest: Link, tables: Sequence[SeenTable]) -> list[str]:
    faults = []
    if nearest.share == 0 and not nearest.alike:
        return [_strangers(tables)]  # which of them is the log cannot be told
    if nearest.share < SHARED:
        faults.append(_foreign(nearest))
    elif not comes_back(nearest.ours):
        faults.append(
            f"column '{nearest.ours.name}' of {nearest.log.source.table} has each id once; "
            "pass the table that has a row for each event."
        )
    if not times_of(nearest.log):
        faults.append(_timeless(nearest.log))
    return faults


def _foreign(nearest: Link) -> str:
    ours, theirs = nearest.ours, nearest.theirs
    return (
        f"the nearest are column '{ours.name}' of {nearest.log.source.table}, like {_some(ours)}, and column "
        f"'{theirs.name}' of {nearest.items.source.table}, like {_some(theirs)}, which has "
        f"{100 * nearest.share:.0f} % of those ids. Write both alike (leading zeros? a prefix?), or add the "
        "column with the item's id."
    )


def _strangers(tables: Sequence[SeenTable]) -> str:
    """Say which columns may hold ids, where none of two tables has one in common."""
    shown = [
        f"{t.source.table}: " + (", ".join(f"{c.name} ({_some(c)})" for c in ids_of(t)) or "none")
        for t in tables
    ]
    return (
        "no column of one table has an id in common with a column of ids of another. The columns that may "
        f"hold ids are, of {'; of '.join(shown)}. Each event needs the id of its item, as the item table "
        "has it."
    )


def _some(column: Seen) -> str:
    return " and ".join(f"'{value[:40]}'" for value in column.common[:2])


def _timeless(log: SeenTable) -> str:
    named = [c for c in log.columns if any(speaks_of(c, word) for word in TIME_WORDS)]
    hinted = [c for c in log.columns if any(hint in c.name.lower() for hint in TIME_HINTS)]
    like = [c for c in log.columns if c.common and DATE_LIKE.search(c.common[0])]
    near = next((c for c in (*[c for c in named if c in like], *like, *named, *hinted) if c.common), None)
    if near is None:
        there = ", ".join(c.name for c in log.columns)
        return f"{log.source.table} has no column with the time of each event, only {there}. Add it."
    return (
        f"no column of {log.source.table} can be read as times. The nearest is '{near.name}', with cells "
        f"like '{near.common[0][:40]}'. Write them like 2017-10-14T03:00:00Z, with an offset like +02:00 "
        "and not by the zone's name, or in seconds since 1970."
    )
