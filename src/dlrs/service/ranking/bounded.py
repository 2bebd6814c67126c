"""Bounded: a mapping of what was used last, for all threads."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable
from threading import Lock
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class Bounded(Generic[K, V]):
    """Keeps so many values; the one that was used longest ago makes room."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._kept: OrderedDict[K, V] = OrderedDict()
        self._lock = Lock()

    def get(self, key: K) -> V | None:
        """Return a value, None if there is none."""
        with self._lock:
            if (value := self._kept.get(key)) is not None:
                self._kept.move_to_end(key)
            return value

    def put(self, key: K, value: V) -> None:
        """Keep a value."""
        with self._lock:
            self._kept[key] = value
            self._kept.move_to_end(key)
            if len(self._kept) > self._most:
                self._kept.popitem(last=False)

    def drop(self, key: K) -> None:
        """Forget a value, if there is one."""
        with self._lock:
            self._kept.pop(key, None)

    def drop_all(self, test: Callable[[K], bool]) -> None:
        """Forget the values of all keys that pass. It looks at every one."""
        with self._lock:
            for key in [key for key in self._kept if test(key)]:
                del self._kept[key]

    def __len__(self) -> int:
        return len(self._kept)
