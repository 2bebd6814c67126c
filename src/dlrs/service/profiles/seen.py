"""Seen: what one user did since the bundle, as columns that grow.

Events come in any order; `encounters` gives them in that of their time, events of one moment in that of a
hash of their ids. So whatever the order of arrival, the same events give the same bits.
"""

from __future__ import annotations

import hashlib
from array import array
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from dlrs.arrays import AnyArray, Ints
from dlrs.data.one_row import OneRow
from dlrs.past.encounters import as_seen
from dlrs.profiles.one_user import Encounters, Packed
from dlrs.schema import Features
from dlrs.service.seams import Event, Raw

NAN = float("nan")


@dataclass(frozen=True)
class SeenColumns:
    """Encounters, with the item and the raw features of each of their versions."""

    encounters: Encounters
    items_V: list[str]
    raws_V: list[Raw]


class Seen:
    """Events of one user with item versions; a version is an item and a key of its features."""

    def __init__(self, features: Features, types: Mapping[str, int], read: OneRow) -> None:
        self._features, self._types, self._read = features, types, read
        self._time, self._tie = array("q"), array("Q")
        self._type, self._version = array("h"), array("l")
        self._rows: dict[tuple[str, str], int] = {}
        self._items: list[str] = []
        self._raws: list[Raw] = []
        self._numbers, self._known = array("d"), array("b")
        self._starts, self._code, self._share = array("q", [0]), array("q"), array("d")
        self._codes: dict[tuple[str, str], int] = {}

    def __len__(self) -> int:
        return len(self._time)

    def has(self, item_id: str, key: str) -> bool:
        """Tell whether a version was met before, so that its features need not be fetched."""
        return (item_id, key) in self._rows

    def add(self, event: Event, key: str, raw: Raw | None) -> None:
        """Add an event; `raw` may be None where `has` is true."""
        row = self._rows.get((event.item_id, key))
        if row is None:
            row = self._rows[event.item_id, key] = len(self._items)
            self._add_version(event.item_id, raw or {})
        self._time.append(event.time)
        self._tie.append(_hash(event.id))
        self._type.append(self._types[event.type])
        self._version.append(row)

    def _add_version(self, item_id: str, raw: Raw) -> None:
        self._items.append(item_id)
        self._raws.append(raw)
        numbers = map(raw.get, self._features.continuous)
        self._numbers.extend([NAN if number is None else float(number) for number in numbers])
        for name, shares in self._read.shares(raw).items():
            self._known.append(len(shares) > 0)
            for value, share in shares.items():
                self._code.append(self._codes.setdefault((name, value), len(self._codes)))
                self._share.append(share)
        self._starts.append(len(self._code))

    def columns(self) -> SeenColumns:
        """Return all events in order."""
        time_E, tie_E = np.array(self._time), np.array(self._tie)
        order = np.lexsort((tie_E, time_E))
        versions, features = len(self._items), self._features
        number_VC = np.array(self._numbers).reshape(versions, len(features.continuous))
        known_VF = np.array(self._known, dtype=np.bool_).reshape(versions, len(features.discrete))
        encounters = Encounters(
            time_E=time_E[order],
            type_E=np.array(self._type)[order],
            version_E=np.array(self._version)[order],
            number_VC=as_seen(number_VC, features),
            known_VF=known_VF,
            values=Packed(np.array(self._starts), np.array(self._code), np.array(self._share)),
            names_K=list(self._codes),
        )
        return SeenColumns(encounters, self._items, self._raws)

    def keep(self, since: int, until: int, most: int) -> Seen:
        """Return the newest `most` events of [since, until) and all later ones, and forget the others."""
        time_E, tie_E = np.array(self._time), np.array(self._tie)
        order = np.lexsort((tie_E, time_E))
        first, last = np.searchsorted(time_E[order], [since, until])
        return self._take(order[max(first, last - most) :])

    def _take(self, events: Ints) -> Seen:
        kept = Seen(self._features, self._types, self._read)
        keys = list(self._rows)
        version_E: AnyArray = np.array(self._version)[events]
        for row in np.unique(version_E).tolist():
            kept._rows[keys[row]] = len(kept._items)
            kept._add_version(self._items[row], self._raws[row])
        kept._version.extend(np.unique(version_E, return_inverse=True)[1].tolist())
        for column in ("_time", "_tie", "_type"):
            getattr(kept, column).extend(np.array(getattr(self, column))[events].tolist())
        return kept


def _hash(id: str) -> int:
    digest = hashlib.blake2b(id.encode("utf-8", "surrogatepass"), digest_size=8).digest()
    return int.from_bytes(digest, "little")
