"""An item storage in memory, as the contract of `stores.ItemStore` says."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence

from dlrs.service.seams import Raw, Wanted
from dlrs.service.stores import ItemChange


class MemoryItems:
    def __init__(self) -> None:
        self.changes: list[ItemChange] = []
        self._lock = threading.Lock()

    def put(self, items: Mapping[str, Raw | None], at: int, *, unchanged_since: int | None = None) -> int:
        with self._lock:
            later = [] if unchanged_since is None else self.changes[unchanged_since:]
            if any(change.item_id in items for change in later):
                return 0
            for id, features in items.items():
                self.changes.append(ItemChange(len(self.changes) + 1, id, features, at))
            return len(self.changes)

    def after(self, seq: int, most: int) -> Sequence[ItemChange]:
        return self.changes[seq : seq + most]

    def last(self) -> int:
        return len(self.changes)

    def at(self, wanted: Sequence[Wanted]) -> Sequence[ItemChange | None]:
        return [self._last(one.item_id, one.time) for one in wanted]

    def first(self, ids: Sequence[str]) -> Mapping[str, ItemChange]:
        return {change.item_id: change for change in reversed(self.changes) if change.item_id in ids}

    def latest(self, ids: Sequence[str]) -> Mapping[str, ItemChange]:
        return {change.item_id: change for change in self.changes if change.item_id in ids}

    def _last(self, id: str, time: int) -> ItemChange | None:
        held = [change for change in self.changes if change.item_id == id and change.time <= time]
        return held[-1] if held else None
