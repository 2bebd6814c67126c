"""The folder in which processes that serve one port share their metrics.

`prometheus_client` looks for it once, when it is imported first: this module must not import it.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

VARIABLE = "PROMETHEUS_MULTIPROC_DIR"
MEMORY = Path("/dev/shm")


@contextmanager
def shared() -> Iterator[Path]:
    """Give the folder to all processes that are forked in the block; then delete it.

    It is in memory where there is such a place: a full disk must not take the service along.
    """
    folder = Path(tempfile.mkdtemp(prefix="dlrs-metrics-", dir=MEMORY if MEMORY.is_dir() else None))
    os.environ[VARIABLE] = str(folder)
    try:
        yield folder
    finally:
        del os.environ[VARIABLE]
        shutil.rmtree(folder, ignore_errors=True)
