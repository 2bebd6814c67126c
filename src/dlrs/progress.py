"""Progress on standard error for everything that takes longer than a glance.

In a terminal a bar or a spinner moves; elsewhere, as in a log file, each longer piece of work leaves one
line when it is done. So it does in a process that works beside others (`training.apart`): two bars cannot
move in one place.
"""

from __future__ import annotations

import multiprocessing
import os
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import TypeVar

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

T = TypeVar("T")
FOLLOWS = os.environ.get("RANK", "0") != "0"
"""Of several workers that torchrun started only the first one shows anything; errors each says itself."""

NAME = multiprocessing.current_process().name
APART = "" if NAME == "MainProcess" else f"{NAME}: "
"""What a process that works beside others writes before its lines."""

console = Console(stderr=True, quiet=FOLLOWS, force_terminal=False if APART else None)

GLANCE = 1.0
"""Seconds. What is over sooner leaves no line in a log."""


def track(steps: Iterable[T], description: str, total: int | None = None) -> Iterator[T]:
    """Yield from `steps` while a bar shows how many are done and how long the rest will take."""
    columns = (
        TextColumn("  {task.description}"),
        BarColumn(bar_width=28),
        MofNCompleteColumn(),
        TimeRemainingColumn(elapsed_when_finished=True),
    )
    started = time.perf_counter()
    with Progress(*columns, console=console, disable=not console.is_terminal) as progress:
        yield from progress.track(steps, total=total, description=description)
    if not console.is_terminal and time.perf_counter() - started > GLANCE:
        _done(description, started)


@contextmanager
def stage(description: str) -> Iterator[None]:
    """Show a spinner while one long call runs, then its name and the seconds it took."""
    started = time.perf_counter()
    with console.status(f"  {description}"):
        yield
    _done(description, started)


def _done(description: str, started: float) -> None:
    console.print(f"  [green]✓[/green] {APART}{description} [dim]{time.perf_counter() - started:.1f} s[/dim]")
