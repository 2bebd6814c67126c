"""Bodies: read whole before a request gets its place, up to a size, within a time.

A slow sender therefore keeps nobody else waiting. What is too large is thrown away as it comes, up to a
limit, and then refused: an answer while the caller still sends gets lost when the connection closes.
"""

from __future__ import annotations

import asyncio

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from dlrs.service.http.errors import told
from dlrs.service.http.json_answers import Json
from dlrs.service.http.nesting import MOST_LEVELS, is_too_deep

PATIENCE = 20.0  # seconds for a whole body
AT_A_TIME = 64  # bodies that are being read
THROWN_AWAY = 32_000_000  # bytes of a body that is too large; then the connection closes whatever comes


class Bodies:
    """Middleware: hands a request on with its body in one piece."""

    def __init__(self, app: ASGIApp, *, largest: int, patience: float = PATIENCE) -> None:
        self._app, self._largest, self._patience = app, largest, patience
        self._reading = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Read the body, or refuse it."""
        if scope["type"] != "http" or not _has_body(scope):
            await self._app(scope, receive, send)
            return
        body = await self._read(scope, receive)
        if isinstance(body, Json):
            await body(scope, receive, send)
        elif body is not None and is_too_deep(body) and b"json" in _type(scope):
            text = f"body: expected {MOST_LEVELS} levels of lists and objects at most, received more."
            await told(422, "RequestError", text)(scope, receive, send)
        elif body is not None:
            await self._app(scope, _replayed(body, receive), send)

    async def _read(self, scope: Scope, receive: Receive) -> bytes | Json | None:
        """Return the body, the answer that refuses it, or None if the caller went away."""
        if self._reading >= AT_A_TIME:
            return told(503, "Overloaded", "Too many bodies at a time.", headers={"Retry-After": "1"})
        self._reading += 1
        try:
            async with asyncio.timeout(self._patience):
                return await self._collect(receive, is_too_large=_announced(scope) > self._largest)
        except TimeoutError:
            return told(
                408,
                "RequestError",
                f"body: expected within {self._patience:g} s, received a part.",
                headers={"Connection": "close"},
            )
        finally:
            self._reading -= 1

    async def _collect(self, receive: Receive, *, is_too_large: bool) -> bytes | Json | None:
        parts: list[bytes] = []
        size = 0
        while True:
            message = await receive()
            if message["type"] == "http.disconnect":
                return None
            part = message.get("body", b"")
            size += len(part)
            is_too_large |= size > self._largest
            if is_too_large:
                parts.clear()
            else:
                parts.append(part)
            if size > THROWN_AWAY or not message.get("more_body", False):
                return self._too_large() if is_too_large else b"".join(parts)

    def _too_large(self) -> Json:
        text = f"body: expected {self._largest:,} bytes at most, received more. Send it in parts."
        return told(413, "RequestError", text, headers={"Connection": "close"})


def _has_body(scope: Scope) -> bool:
    return any(name in (b"content-length", b"transfer-encoding") for name, _ in scope["headers"])


def _announced(scope: Scope) -> int:
    for name, value in scope["headers"]:
        if name == b"content-length":
            return int(value) if value.isdigit() else 0
    return 0


def _type(scope: Scope) -> bytes:
    return next((bytes(value) for name, value in scope["headers"] if name == b"content-type"), b"")


def _replayed(body: bytes, receive: Receive) -> Receive:
    """Return a `receive` that gives the body once, and then waits for the caller to go away."""
    given = False

    async def replay() -> Message:
        nonlocal given
        if given:
            return await receive()
        given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return replay
