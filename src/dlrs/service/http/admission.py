"""Admission: a bounded number of requests at work, a short queue, and an answer at once to all others.

Beyond what the machine can do, taking every request makes all of them late. So there are as many places as
there are threads, a queue in the order of arrival that can be worked off in `longest_wait` at the pace of
late, and 503 with Retry-After for the rest before anything of theirs was read.

Reads and writes have places of their own. A list is made of short calls of numpy that let go of the
interpreter: two lists at a time hand it to and fro 15,000 times a second, and each takes almost twice the
processor time. So there is one place for reads in each process. Writes wait for the disk, share its
transactions, and must not keep lists waiting.
"""

from __future__ import annotations

import asyncio
import math
import re
import time
from collections import deque
from collections.abc import Callable

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from dlrs.service.http.exempt import is_exempt

PACE = 0.05  # weight of the newest request in the mean time of one
WRITES = ("PUT", "PATCH", "DELETE")
WRITING_POSTS = re.compile(r"/events|/items|/items/versions|/u/[^/]*/(did|never|erase)")
"""Posts that write, or that a write of another process waits for: it asks what versions users saw."""


class Gate:
    """Places for some requests, and a queue before them. Used from one event loop."""

    def __init__(self, places: int, longest_wait: float, seconds: float = 0.005) -> None:
        self.places, self.longest_wait = places, longest_wait
        self.seconds = seconds  # that a request held its place, of late
        self.busy = 0
        self._queue: deque[asyncio.Future[None]] = deque()

    @property
    def wait(self) -> float:
        """Seconds until a request that comes now has a place; 0 if one is free."""
        if self.busy < self.places:
            return 0.0
        return (len(self._queue) + 1) * self.seconds / self.places

    @property
    def is_full(self) -> bool:
        """Whether a request that comes now would wait too long."""
        return self.wait > self.longest_wait

    async def enter(self) -> None:
        """Wait for a place."""
        if self.busy < self.places:
            self.busy += 1
            return
        turn = asyncio.get_running_loop().create_future()
        self._queue.append(turn)
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():
                self._pass_on()  # the place had just come
            else:
                self._queue.remove(turn)
            raise

    def leave(self, seconds: float) -> None:
        """Give a place back after `seconds`. A stall tells little: it counts as the longest wait at most."""
        self.seconds += PACE * (min(seconds, self.longest_wait) - self.seconds)
        self._pass_on()

    def _pass_on(self) -> None:
        while self._queue:
            turn = self._queue.popleft()
            if not turn.done():
                turn.set_result(None)
                return
        self.busy -= 1


class Gates:
    """The gate of each request."""

    def __init__(self, reads: int, writes: int, longest_wait: float) -> None:
        self.reads, self.writes = Gate(reads, longest_wait), Gate(writes, longest_wait)

    def of(self, scope: Scope) -> Gate:
        """Return the gate for a request."""
        method = scope["method"]
        writes = method in WRITES or (method == "POST" and WRITING_POSTS.fullmatch(scope["path"]))
        return self.writes if writes else self.reads


class Refusing:
    """Middleware, the outermost one: refuses what would wait too long, in bytes made beforehand."""

    def __init__(self, app: ASGIApp, *, gates: Gates, refused: Callable[[], None]) -> None:
        self._app, self._gates, self._refused = app, gates, refused

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or refuse it."""
        if scope["type"] == "http" and not is_exempt(scope["path"]):
            gate = self._gates.of(scope)
            if gate.is_full:
                self._refused()
                start = {"type": "http.response.start", "status": 503, "headers": _headers(gate.wait)}
                await send(start)
                await send(_OVERLOADED)
                return
        await self._app(scope, receive, send)


class Placing:
    """Middleware, the innermost one: a request goes on when it has its place.

    It has it until its answer begins to be sent: who reads slowly keeps nobody waiting.
    """

    def __init__(self, app: ASGIApp, *, gates: Gates) -> None:
        self._app, self._gates = app, gates

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Wait for a place, pass the request on, give the place back."""
        if scope["type"] != "http" or is_exempt(scope["path"]):
            await self._app(scope, receive, send)
            return
        gate = self._gates.of(scope)
        await gate.enter()
        began, inside = time.perf_counter(), True

        def leave() -> None:
            nonlocal inside
            if inside:
                inside = False
                gate.leave(time.perf_counter() - began)

        async def sending(message: Message) -> None:
            leave()
            await send(message)

        try:
            await self._app(scope, receive, sending)
        finally:
            leave()


def refusal(wait: float) -> bytes:
    """Return the whole answer to who would wait so many seconds."""
    lines = [b"HTTP/1.1 503 Service Unavailable", *(b": ".join(header) for header in _headers(wait))]
    return b"\r\n".join([*lines, b"", _BODY])


_BODY = (
    b'{"error":{"type":"Overloaded","message":"More requests than can be answered. Ask again soon.",'
    b'"request_id":null}}'
)
_OVERLOADED = {"type": "http.response.body", "body": _BODY}


def _headers(wait: float) -> list[tuple[bytes, bytes]]:
    return [
        (b"content-type", b"application/json"),
        (b"content-length", str(len(_BODY)).encode()),
        (b"retry-after", str(max(1, math.ceil(wait))).encode()),
    ]
