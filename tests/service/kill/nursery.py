"""Forks services, one after another, from a process that has imported everything already.

    python nursery.py REGISTRY STATE FOLD_AT

For each line on stdin it forks `dlrs serve` and prints "pid N"; the service prints what it prints when it is
ready; when it has ended, "ended N". So a service that is to be killed soon costs no interpreter's start.
"""

from __future__ import annotations

import os
import sys
import traceback
from pathlib import Path

import dlrs.service.wiring  # noqa: F401 - what takes the time
from dlrs.service.settings import Settings
from dlrs.service.starting import start


def main() -> None:
    """See the head of the file."""
    registry, state, fold_at = Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3])
    settings = Settings(registry, state, port=0, as_of="watermark", fold_at=fold_at, deadline=5.0)
    for _ in sys.stdin:
        pid = os.fork()
        if pid == 0:
            try:
                start(settings)
            except BaseException:
                traceback.print_exc()
            finally:
                os._exit(1)
        print(f"pid {pid}", flush=True)
        os.waitpid(pid, 0)
        print(f"ended {pid}", flush=True)


if __name__ == "__main__":
    main()
