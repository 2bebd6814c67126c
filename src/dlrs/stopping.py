"""Stopping: what Ctrl-C and a polite kill do to a running verb."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType


@contextmanager
def stoppable() -> Iterator[list[signal.Signals]]:
    """Let the first signal that asks to stop unwind the verb, so that it clears up; a second one kills.

    Gives the signals that came.
    """
    threading.excepthook = _leave_to_the_main_thread
    received: list[signal.Signals] = []

    def stop(number: int, _: FrameType | None) -> None:
        received.append(signal.Signals(number))
        signal.signal(number, signal.SIG_DFL)
        raise KeyboardInterrupt

    before = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield received
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _leave_to_the_main_thread(failure: threading.ExceptHookArgs) -> None:
    """Keep quiet of a full disk in TensorBoard's thread: it hands the error over to whoever writes next."""
    if not isinstance(failure.exc_value, OSError):
        threading.__excepthook__(failure)
