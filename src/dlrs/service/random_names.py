"""Random names: names that nobody can guess, of the system's randomness.

To ask the system costs little where one does so all the time, and thirty times as much between other work.
"""

from __future__ import annotations

import os
from threading import Lock

AT_ONCE = 4096
"""Bytes that the system is asked for."""

_lock = Lock()
_bytes = bytearray()


def new_name(size: int) -> str:
    """Return `size` random bytes, `AT_ONCE` at most, in hexadecimal."""
    with _lock:
        if len(_bytes) < size:
            _bytes[:] = os.urandom(AT_ONCE)
        name = _bytes[-size:].hex()
        del _bytes[-size:]
    return name


os.register_at_fork(after_in_child=_bytes.clear)  # or two processes would give the same names
