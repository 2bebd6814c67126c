"""Threads: how many torch trains with."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch


@contextmanager
def one_thread() -> Iterator[None]:
    """Let torch compute on one thread for the length of the block.

    Matrices of a batch are small: on two idle cores a second thread brings nothing (86,000 pairs/s
    with one and with two at batch 2,048, 46,000 and 44,000 at 256), and where another program needs
    a core, threads that wait for each other are ten times slower than one.
    """
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)
