"""Apart: trainings that need nothing of each other, each in a process of its own.

A history network trains on one thread (`model.threads`), so of several networks as many can be trained at
once as there are processors. Nothing comes back from a process but what it wrote: its checkpoint. Who started
it goes on from there, and finds either a training that is done or, where the process ended early (short of
memory, an error), one to be finished. So an error is told once, by whoever meets it last, and weights are
those of one training after the other, to the last bit.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
import threading
from collections.abc import Callable, Mapping
from multiprocessing import connection
from multiprocessing.process import BaseProcess
from typing import Any


def processors() -> int:
    """Return how many processors this process may use."""
    affinity = getattr(os, "sched_getaffinity", None)  # Linux only
    return len(affinity(0)) if affinity is not None else (os.cpu_count() or 1)


def run_apart(call: Callable[..., object], arguments: Mapping[str, tuple[Any, ...]], at_once: int) -> None:
    """Run `call` once for each name with its arguments, at most so many at once, and return when all ended.

    Args:
        call: a function of a module: a new interpreter imports it.
        arguments: by the name that progress goes under.
        at_once: the most processes.
    """
    # not forked: threads of torch and numpy do not outlive a fork, and their locks do
    spawn = multiprocessing.get_context("spawn")
    waiting = [
        spawn.Process(target=_run, args=(call, those), name=name, daemon=True)
        for name, those in arguments.items()
    ]
    running: list[BaseProcess] = []
    try:
        while waiting or running:
            while waiting and len(running) < at_once:
                running.append(waiting.pop(0))
                running[-1].start()
            connection.wait([process.sentinel for process in running])
            running = [process for process in running if process.is_alive()]
    finally:
        for process in running:
            process.terminate()
            process.join()


def _run(call: Callable[..., object], arguments: tuple[Any, ...]) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C goes to all: who started this one ends it
    threading.Thread(target=_end_with_parent, daemon=True).start()
    try:
        call(*arguments)
    except Exception:  # met again, and told, by who goes on from the checkpoint
        sys.exit(1)


def _end_with_parent() -> None:
    """End this process when the one that started it is gone, killed or not."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)
