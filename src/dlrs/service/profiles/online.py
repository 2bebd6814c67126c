"""Online: a user's profile of now, from his past in the bundle and his events since.

It is what the batch learner makes of the period that begins at the next border of buckets: the window
before that border, this moment included. Two things differ, on purpose: already one event makes a profile
(`minimum_events` is for training), and of more than `MOST` events in the window only the newest count.

An event weighs ψ of its type, the domain's, as the bundle's facts say; so do profiles of a recipe with
`weights = "user"` or `"user-item"`, whose own chains a bundle does not hold: there, and only there, the batch
learner's numbers are others.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np

from dlrs.arrays import AnyArray, Bools, Doubles, Ints
from dlrs.data.interactions import micros
from dlrs.data.one_row import OneRow
from dlrs.past.encounters import encounters
from dlrs.past.stored import Past
from dlrs.profiles.buckets import MICROSECOND, bucket_width
from dlrs.profiles.one_user import Encounters, OneProfile, summarise
from dlrs.service.bundle import ServingBundle
from dlrs.service.profiles.history import History
from dlrs.service.profiles.seen import Seen, SeenColumns
from dlrs.service.seams import Event, Met, Raw

MOST = 10_000
"""Events of a window that count, the newest ones: who has more is no person."""


@dataclass(frozen=True)
class Described:
    """A profile without whose it is."""

    summary: OneProfile
    history: History


NOTHING = np.empty(0, dtype=np.int64)
"""Which events a copy of none has: a slice of none would keep all."""


class _Later(NamedTuple):
    """The events since the bundle that a history is told of."""

    time_E: Ints
    type_E: AnyArray
    version_E: AnyArray
    items_V: Sequence[str]
    raws_V: Sequence[Raw]


class Online:
    """Computes profiles under one bundle. Reading only: shared by threads."""

    def __init__(self, bundle: ServingBundle, past: Past, *, most: int = MOST) -> None:
        self.bundle, self.past, self.most = bundle, past, most
        self._marketplace = bundle.recipe.marketplace
        self.window = self._marketplace.profiles.window // MICROSECOND
        self._width = bucket_width(self._marketplace) // MICROSECOND
        self._origin = micros(self._marketplace.split.test_from)
        types = self._marketplace.interaction_types
        self.types = {name: place for place, name in enumerate(types)}
        self.event_types = self._marketplace.event_types
        self.passing = frozenset(self._marketplace.passing_types)
        self._read = OneRow(self._marketplace.features)
        self._weight_T: Doubles = np.array([bundle.weights.get(name, 1.0) for name in types])

    @cached_property
    def watermark(self) -> int:
        """What happened before is in the bundle."""
        return micros(self.bundle.watermark)

    def border(self, now: int) -> int:
        """Return the first border of buckets after now."""
        return self._origin + ((now - self._origin) // self._width + 1) * self._width

    def seen(self) -> Seen:
        """Return room for a user's events."""
        return Seen(self._marketplace.features, self.types, self._read)

    def weight(self, kind: str) -> float:
        """Return ψ of an interaction type."""
        return float(self._weight_T[self.types[kind]])

    def in_past(self, row: int | None, event: Event, erased: int) -> bool:
        """Tell whether the past, of before `erased` nothing, holds an event: user, item, type and moment."""
        if row is None or not erased <= event.time < self.watermark:
            return False
        arrays, first = self.past.arrays, self.past.events(row).start
        time_E = arrays.time_E[self.past.events(row)]
        low, high = np.searchsorted(time_E, event.time, "left"), np.searchsorted(time_E, event.time, "right")
        for place in range(first + int(low), first + int(high)):
            same_type = int(arrays.type_E[place]) == self.types.get(event.type)
            if same_type and self._items(arrays.version_E[place : place + 1]) == [event.item_id]:
                return True
        return False

    def describe(self, row: int | None, seen: Seen, border: int, erased: int, described: int) -> Described:
        """Return the profile of the window before `border`.

        Args:
            row: of the past; None without one.
            seen: the user's events since, see `in_past`.
            border: see `border`.
            erased: events of the past before it do not exist.
            described: how many of the newest events come with features.
        """
        since = border - self.window
        lying = self._events(row, max(since, erased), border)
        events: slice | Ints = lying
        base = encounters(self.past, lying)[0]
        columns = seen.columns() if len(seen) else SeenColumns(base.take(NOTHING), [], [])
        new = columns.encounters
        if len(new) and (new.time_E[0] < since or new.time_E[-1] >= border):
            new = new.take(slice(*np.searchsorted(new.time_E, [since, border])))
        if len(base) + len(new) > self.most:
            kept = self._newest(base, new)
            events, base, new = (
                np.arange(lying.start, lying.stop)[kept[: len(base)]],
                base.take(kept[: len(base)]),
                new.take(kept[len(base) :]),
            )
        parts = [part for part in (base, new) if len(part)]
        summary = summarise(parts, self._marketplace.features, self._weight_T)

        later = _Later(new.time_E, new.type_E, new.version_E, columns.items_V, columns.raws_V)

        def mets(newest: int) -> list[Met]:  # it is kept for long, so it holds little
            return self._mets(events, later, newest, described)

        return Described(summary, History(summary.events, mets))

    def _events(self, row: int | None, since: int, until: int) -> slice:
        """Return which of the past's events are a user's and of some time."""
        events = slice(0, 0) if row is None else self.past.events(row)
        low, high = np.searchsorted(self.past.arrays.time_E[events], [since, until]).tolist()
        return slice(events.start + low, events.start + high)

    def _newest(self, base: Encounters, new: Encounters) -> Bools:
        """Tell which events of both are the newest; of one moment, those of the past count as older."""
        order = np.argsort(np.concatenate([base.time_E, new.time_E]), kind="stable")
        kept: Bools = np.zeros(len(order), dtype=np.bool_)
        kept[order[len(order) - self.most :]] = True
        return kept

    def _mets(self, events: slice | Ints, later: _Later, newest: int, described: int) -> list[Met]:
        """Return the newest events, oldest first, with the features of the newest `described` of them."""
        times, type_E, versions = self._newest_of(events, later, newest)
        wanted = np.array(sorted(set(versions)), dtype=np.int64)
        item_of = self._items_of(wanted, later)
        told = versions[max(0, len(versions) - described) :]
        all_told = len(told) == len(versions)
        raw_of = self._raws(wanted if all_told else np.array(sorted(set(told)), dtype=np.int64), later)
        kinds, weights = list(self.types), self._weight_T.tolist()
        rows = zip(versions, type_E, times, strict=True)
        first = len(versions) - described
        return [
            Met(
                item_of[version],
                kinds[kind],
                time,
                weights[kind],
                raw_of[version] if place >= first else None,
            )
            for place, (version, kind, time) in enumerate(rows)
        ]

    def _newest_of(
        self, events: slice | Ints, later: _Later, newest: int
    ) -> tuple[list[int], list[int], list[int]]:
        """Return time, type and version of the newest events, oldest first; later versions come last."""
        arrays = self.past.arrays
        of_past = _last(events, newest)
        parts = [(arrays.time_E[of_past], arrays.type_E[of_past], arrays.version_E[of_past])]
        if newest and len(later.time_E):
            some, known = slice(-newest, None), len(arrays.item_M)
            parts.append((later.time_E[some], later.type_E[some], later.version_E[some] + known))
            columns = [np.concatenate(column) for column in zip(*parts, strict=True)]
            order = np.argsort(columns[0], kind="stable")[-newest:]
            parts = [(columns[0][order], columns[1][order], columns[2][order])]
        times, types, versions = (column.tolist() for column in parts[0])
        return times, types, versions

    def _items_of(self, wanted: Ints, later: _Later) -> dict[int, str]:
        """Return the items of some versions, ascending: those of the past come first."""
        known = len(self.past.arrays.item_M)
        of_past = wanted[wanted < known]
        found = dict(zip(of_past.tolist(), self._items(of_past), strict=True))
        return found | {v: later.items_V[v - known] for v in wanted[len(of_past) :].tolist()}

    def _raws(self, wanted: Ints, later: _Later) -> dict[int, Raw]:
        """Return the features of some versions, ascending."""
        known = len(self.past.arrays.item_M)
        of_past = wanted[wanted < known]
        found: dict[int, Raw] = dict(zip(of_past.tolist(), self.past.raws(of_past), strict=True))
        return found | {v: later.raws_V[v - known] for v in wanted[len(of_past) :].tolist()}

    def _items(self, versions: AnyArray) -> Sequence[str]:
        return self.past.item_ids(self.past.arrays.item_M[versions])


def _last(events: slice | Ints, most: int) -> slice | Ints:
    """Return the last of some events."""
    if isinstance(events, slice):
        return slice(max(events.start, events.stop - most), events.stop)
    return events[max(0, len(events) - most) :]
