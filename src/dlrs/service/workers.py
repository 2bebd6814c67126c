"""Workers: several processes that serve one port, forked from one that has read everything already.

What the parent has read is shared until somebody writes to it. It must not have a second thread: a fork
copies the thread that calls it, and the locks that the others hold for ever. A worker that dies is forked
anew. When the parent dies, the workers stop.
"""

from __future__ import annotations

import gc
import os
import signal
import sys
import threading
import time
import traceback
from collections.abc import Callable
from types import FrameType

from dlrs.errors import DlrsError

POLL = 0.05  # seconds between two looks at the workers
FIRST_PAUSE, LONGEST_PAUSE = 0.1, 5.0  # seconds before one that died is forked anew; doubles each time
HEALTHY = 30.0  # seconds of life after which a death is no reason to pause longer
PATIENCE = 15.0  # seconds for a worker to stop; then it is killed

Work = Callable[[Callable[[], None]], None]
"""What a worker does; it calls what it is given when it is ready."""


class Workers:
    """Keeps `count` workers alive until SIGTERM or SIGINT."""

    def __init__(
        self, work: Work, count: int, ready: Callable[[], None], died: Callable[[int], None]
    ) -> None:
        self._work, self._count, self._ready, self._died = work, count, ready, died
        self._places: dict[int, int] = {}  # process -> its place
        self._began: dict[int, float] = {}  # place -> when
        self._pause = dict.fromkeys(range(count), FIRST_PAUSE)
        self._due: dict[int, float] = dict.fromkeys(range(count), 0.0)  # place -> when to fork for it
        self._stopping = False
        self._said, self._says = os.pipe()  # a byte for each worker that is ready
        self._alive, self._living = os.pipe()  # ends when the parent does
        os.set_blocking(self._said, False)

    def run(self) -> int:
        """Return the exit status of the service: 0 if it was asked to stop."""
        if threading.active_count() > 1:
            raise AssertionError("a fork with a second thread running may hang")
        gc.collect()
        gc.freeze()  # what is there now is never looked at again, and so stays shared
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._stop)
        waiting = self._count
        while not self._stopping:
            self._fork_due()
            if waiting:
                waiting -= self._heard()
                if not waiting:
                    self._ready()
            failed = self._reap()
            if failed is not None and waiting:
                self._end()
                return failed
            time.sleep(POLL)
        self._end()
        return 0

    def _fork_due(self) -> None:
        now = time.monotonic()
        for place in [place for place, due in self._due.items() if due <= now]:
            del self._due[place]
            self._began[place] = now
            sys.stdout.flush()
            sys.stderr.flush()
            process = os.fork()
            if process == 0:
                os._exit(self._be_worker())
            self._places[process] = place

    def _be_worker(self) -> int:
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, signal.SIG_DFL)
        os.close(self._living)
        threading.Thread(target=self._follow_parent, name="parent", daemon=True).start()
        try:
            self._work(lambda: _say(self._says))
            return 0
        except DlrsError as error:
            print(f"error: {error}", file=sys.stderr)
            return 2
        except BaseException:
            traceback.print_exc()
            return 1
        finally:
            sys.stdout.flush()
            sys.stderr.flush()

    def _follow_parent(self) -> None:
        os.read(self._alive, 1)
        os.kill(os.getpid(), signal.SIGTERM)

    def _heard(self) -> int:
        try:
            return len(os.read(self._said, self._count))
        except BlockingIOError:
            return 0

    def _reap(self) -> int | None:
        """Plan new workers for those that died; return the exit status of one of them."""
        status = None
        for process in list(self._places):
            ended, code = os.waitpid(process, os.WNOHANG)
            if ended:
                place, now = self._places.pop(process), time.monotonic()
                if now - self._began[place] > HEALTHY:
                    self._pause[place] = FIRST_PAUSE
                self._due[place] = now + self._pause[place]
                self._pause[place] = min(2 * self._pause[place], LONGEST_PAUSE)
                status = os.waitstatus_to_exitcode(code) or 1
                self._died(process)
        return status

    def _stop(self, _: int, __: FrameType | None) -> None:
        self._stopping = True

    def _end(self) -> None:
        for process in self._places:
            os.kill(process, signal.SIGTERM)
        until = time.monotonic() + PATIENCE
        while self._places and time.monotonic() < until:
            self._reap()
            time.sleep(POLL)
        for process in self._places:
            os.kill(process, signal.SIGKILL)
            os.waitpid(process, 0)


def _say(pipe: int) -> None:
    os.write(pipe, b".")
