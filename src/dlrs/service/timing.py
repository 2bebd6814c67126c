"""Timing: how long each stage of one request took."""

from __future__ import annotations

import time
from types import TracebackType


class Stages:
    """Milliseconds by stage; a stage that is entered again adds up."""

    def __init__(self) -> None:
        self.spent: dict[str, float] = {}

    def stage(self, name: str) -> Stage:
        """Count the time until the end of a `with` block for this stage, errors included."""
        return Stage(name, self.spent)


class Stage:
    """A block whose time counts. A generator as context manager would take three times as long."""

    __slots__ = ("_began", "_name", "_spent")

    def __init__(self, name: str, spent: dict[str, float]) -> None:
        self._name, self._spent = name, spent

    def __enter__(self) -> None:
        self._began = time.perf_counter()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        spent = (time.perf_counter() - self._began) * 1e3
        self._spent[self._name] = self._spent.get(self._name, 0.0) + spent
