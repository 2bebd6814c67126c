"""Quick: the one kind of request that comes by the hundred a second goes round the framework.

Routing, validation and a change of threads would cost as much as finding the candidates. So whoever knows
such requests by path and query says so (`Quickly`), and all others, those with mistakes included, go the
usual way. Access, places, errors, log lines and metrics are the same for both.

Where nothing that a list asks for waits for anybody, it is made on the event loop's own thread: two threads
would wait for each other at every request, the loop for the interpreter and the list for the loop. Between
two lists the loop has its turn, so that those who wait are counted, and refused, as ever.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from dlrs.service.http.access import Access
from dlrs.service.http.admission import Gate
from dlrs.service.http.errors import answer_to
from dlrs.service.http.naming import name_of, request_id
from dlrs.service.http.notes import Notes
from dlrs.service.http.requests import dressed

WITH_BODY = (b"content-length", b"transfer-encoding")


@dataclass(frozen=True)
class Known:
    """A request that is known: its parameters, and what makes the JSON of its answer."""

    parameters: dict[str, str]  # those of the path, for the log
    answer: Callable[[], bytes]


class Quickly(Protocol):
    """Answers GETs of one route, for which callers need the scope `read`."""

    @property
    def path(self) -> str:
        """The template of the route, by which requests are counted."""
        ...

    @property
    def waits(self) -> bool:
        """Whether an answer may wait for another process: then it is made in a thread."""
        ...

    def known(self, path: str, query: bytes) -> Known | None:
        """Return what a request is; None for any but plain ones, which go the usual way."""
        ...


class Quick:
    """Answers what is known, before any middleware; it passes on the rest, and what there is no room for."""

    def __init__(self, app: ASGIApp, *, gate: Gate, access: Access, notes: Notes, quickly: Quickly) -> None:
        self._app, self._gate, self._access = app, gate, access
        self._notes, self._quickly = notes, quickly

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, or pass it on."""
        known = self._known(scope)
        if known is None:
            await self._app(scope, receive, send)
            return
        began, name, status = time.perf_counter(), name_of(scope["headers"]), 499
        token = request_id.set(name)
        try:
            answer = await self._answer(scope, known)
            status = answer.status_code
            answer.raw_headers = dressed(answer.raw_headers, name)
            await answer(scope, receive, send)
        finally:
            spent = time.perf_counter() - began
            self._notes.take(self._quickly.path, "GET", status, spent, known.parameters)
            request_id.reset(token)

    def _known(self, scope: Scope) -> Known | None:
        if scope["type"] != "http" or scope["method"] != "GET" or self._gate.is_full:
            return None
        if any(name in WITH_BODY for name, _ in scope["headers"]):
            return None
        return self._quickly.known(scope["path"], scope["query_string"])

    async def _answer(self, scope: Scope, known: Known) -> Response:
        try:
            self._access.check(Request(scope), "read")
            return Response(await self._made(known.answer), media_type="application/json")
        except Exception as error:
            answer = answer_to(error)
            if answer.status_code == 500:
                self._notes.log.exception("fault", exc_info=error)
            return answer

    async def _made(self, make: Callable[[], bytes]) -> bytes:
        """Return an answer when it has its place."""
        await self._gate.enter()
        began = time.perf_counter()
        try:
            if self._quickly.waits:
                return await run_in_threadpool(make)
            await asyncio.sleep(0)  # who came meanwhile gets into the line, or is refused
            began = time.perf_counter()
            return make()
        finally:
            self._gate.leave(time.perf_counter() - began)
