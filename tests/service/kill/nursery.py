"""Forks services, one after another, from a process that has imported everything already.

    python nursery.py REGISTRY STATE FOLD_AT WORKERS [DATABASE]

For each line on stdin it forks `dlrs serve` and prints "pid N"; the service prints what it prints when it is
ready; when it has ended, "ended N". So a service that is to be killed soon costs no interpreter's start. A
service is the leader of a group of processes: its workers are in it, too.
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
    registry, state, fold_at, workers = (
        Path(sys.argv[1]),
        Path(sys.argv[2]),
        int(sys.argv[3]),
        int(sys.argv[4]),
    )
    database = sys.argv[5] if len(sys.argv) > 5 else None
    settings = Settings(
        registry,
        state,
        database=database,
        port=0,
        workers=workers,
        as_of="watermark",
        fold_at=fold_at,
        deadline=5.0,
    )
    for _ in sys.stdin:
        pid = os.fork()
        os.setpgid(pid, pid or os.getpid())  # on both sides: whoever comes first
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
