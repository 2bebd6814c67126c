"""Stores and a Candidate Service in memory: the least that the User Profile API needs of them."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from dlrs.candidates.filtering.filters import Filter
from dlrs.service.seams import Erased, Event, Raw, Wanted
from dlrs.service.stores import ALL, StoredEvent, UserRecord


class FakeEvents:
    def __init__(self) -> None:
        self.stored: dict[str, StoredEvent] = {}
        self.raws: dict[str, Raw] = {}
        self.seq = 0

    def add(self, events: Sequence[tuple[Event, Raw]]) -> int:
        new = 0
        for event, raw in events:
            if event.id not in self.stored:
                key = json.dumps(raw, sort_keys=True)
                self.raws[key] = raw
                self.seq += 1
                self.stored[event.id] = StoredEvent(self.seq, event, key)
                new += 1
        return new

    def of_user(self, user_id: str, after: int = 0, most: int = ALL) -> Sequence[StoredEvent]:
        found = [s for s in self.stored.values() if s.event.user_id == user_id and s.seq > after]
        return found[-most:]

    def features(self, keys: Sequence[str]) -> Mapping[str, Raw]:
        return {key: self.raws[key] for key in keys}

    def popular(self, since: int, most: int, without: Sequence[str] = ()) -> Sequence[tuple[str, int]]:
        raise NotImplementedError


class FakeUsers:
    def __init__(self, events: FakeEvents) -> None:
        self.records: dict[str, UserRecord] = {}
        self.erasures: list[str] = []
        self.events = events

    def get(self, user_id: str) -> UserRecord:
        return self.records.get(user_id, UserRecord())

    def override(self, user_id: str, filters: Sequence[Filter]) -> None:
        record = self.get(user_id)
        self.records[user_id] = replace(record, overrides=tuple(filters), revision=record.revision + 1)

    def erased(self, after: int) -> Erased:
        return Erased(len(self.erasures), self.erasures[after:])

    def erase(self, user_id: str, at: int) -> None:
        self.erasures.append(user_id)
        self.records[user_id] = UserRecord(erased=at, revision=self.get(user_id).revision + 1)
        stored = self.events.stored
        for id in [id for id, s in stored.items() if s.event.user_id == user_id]:
            del stored[id]


class FakeCandidates:
    """Knows versions only: `version(item, time)` gives features or None."""

    def __init__(self, version: Callable[[str, int], Raw | None]) -> None:
        self.version = version
        self.calls = 0

    def versions(self, wanted: Sequence[Wanted]) -> Sequence[Raw | None]:
        self.calls += 1
        return [self.version(one.item_id, one.time) for one in wanted]

    def __getattr__(self, name: str) -> Any:
        raise AssertionError(f"the User Profile API asks for {name}")
