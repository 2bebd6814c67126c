"""Group commit: calls that come while a transaction is on its way to the disk share the next one.

Whoever gets the lock writes for all who wait. There is no thread of its own: a call that is alone pays
for nothing but its transaction.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

R = TypeVar("R")


@dataclass(eq=False)
class _Call(Generic[R]):
    rows: Sequence[R]
    done: bool = False
    result: int = 0
    error: BaseException | None = None


class Grouped(Generic[R]):
    """Hands the rows of several calls to one `write`, which returns a number for each of them."""

    def __init__(self, write: Callable[[Sequence[Sequence[R]]], Sequence[int]], most: int) -> None:
        """`most`: rows in one transaction, but a single call's are never split."""
        self._write, self._most = write, most
        self._waiting: deque[_Call[R]] = deque()
        self._writing = threading.Lock()

    def add(self, rows: Sequence[R]) -> int:
        """Write rows, with those of others; return what `write` says of them, raise what it raises."""
        call = _Call(rows)
        self._waiting.append(call)
        with self._writing:
            while not call.done:
                self._write_some()
        if call.error is not None:
            raise call.error
        return call.result

    def _write_some(self) -> None:
        calls = self._next()
        try:
            for call, result in zip(calls, self._write([call.rows for call in calls]), strict=True):
                call.result = result
        except BaseException as error:  # each of the callers raises it
            for call in calls:
                call.error = error
        finally:
            for call in calls:
                call.done = True

    def _next(self) -> list[_Call[R]]:
        calls, rows = [self._waiting.popleft()], 0
        rows = len(calls[0].rows)
        while self._waiting and rows + len(self._waiting[0].rows) <= self._most:
            calls.append(self._waiting.popleft())
            rows += len(calls[-1].rows)
        return calls
