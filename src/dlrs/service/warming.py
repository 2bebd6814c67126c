"""Warming: what is mapped from files is put into this process's page tables before a request needs it.

A request reads a few rows from all over a large catalogue. Where the process has not read a page before, the
system stops it to look for the page, even if that is in memory: sixty times a request, in a new process.
"""

from __future__ import annotations

import ctypes
import mmap
from collections.abc import Iterable
from dataclasses import fields
from pathlib import Path

import pyarrow as pa

from dlrs.arrays import AnyArray, StoredArrays

POPULATE_READ = 22
"""Linux's number for `madvise`, since 5.14; an older one refuses it, and nothing happens."""

AT_ONCE = 1 << 24
"""Bytes: others that need pages meanwhile wait no longer than for these."""

SHARE = 0.5
"""The share of the memory that is available that may be read: more would drive out what is needed."""


def warm(arrays: Iterable[AnyArray], tables: Iterable[pa.Table] = ()) -> None:
    """Put the pages of arrays and tables into place, unless they are more than fit well."""
    places = [(array.ctypes.data, array.nbytes) for array in arrays if array.nbytes]
    for table in tables:
        for column in table.columns:
            buffers = (buffer for chunk in column.chunks for buffer in chunk.buffers())
            places += [(buffer.address, buffer.size) for buffer in buffers if buffer is not None]
    if sum(size for _, size in places) > SHARE * _available():
        return
    advise = ctypes.CDLL(None, use_errno=True).madvise
    advise.argtypes = (ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int)
    for begin, size in places:
        first = begin - begin % mmap.PAGESIZE
        for at in range(first, begin + size, AT_ONCE):
            if advise(at, min(AT_ONCE, begin + size - at), POPULATE_READ):
                break


def arrays_of(stored: StoredArrays) -> list[AnyArray]:
    """Return all arrays of a dataclass of arrays."""
    return [getattr(stored, field.name) for field in fields(stored)]  # type: ignore[arg-type]


def _available() -> int:
    """Return the bytes of memory that programs can still have; 0 where the system does not say."""
    try:
        text = Path("/proc/meminfo").read_text(encoding="ascii")
    except OSError:
        return 0
    return next((int(line.split()[1]) << 10 for line in text.splitlines() if "MemAvailable" in line), 0)
