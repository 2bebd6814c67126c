"""Requests: each gets a name, headers that keep browsers safe, a log line and a place in the metrics."""

from __future__ import annotations

import time
from typing import Any

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from dlrs.service.http.errors import answer_to
from dlrs.service.http.naming import name_of, request_id
from dlrs.service.http.notes import Notes

SAFE = {  # unless a route says otherwise
    b"x-content-type-options": b"nosniff",
    b"x-frame-options": b"DENY",
    b"referrer-policy": b"no-referrer",
    b"cache-control": b"no-store",
    b"content-security-policy": b"default-src 'none'; frame-ancestors 'none'",
}


class Requests:
    """Middleware around all routes."""

    def __init__(self, app: ASGIApp, *, notes: Notes) -> None:
        self._app, self._notes = app, notes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request; a fault of a route becomes a 500 that tells nothing of our insides."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began, name, status = time.perf_counter(), name_of(scope["headers"]), 0
        token = request_id.set(name)

        async def sent(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message = {**message, "headers": dressed(message.get("headers", ()), name)}
            await send(message)

        try:
            await self._app(scope, receive, sent)
        except Exception as error:
            answer = answer_to(error)
            if answer.status_code == 500:
                self._notes.log.exception("fault", exc_info=error)
            if not status:
                await answer(scope, receive, sent)
        finally:
            route = getattr(scope.get("route"), "path", None) or "-"
            spent, parameters = time.perf_counter() - began, scope.get("path_params", {})
            self._notes.take(route, scope["method"], status or 499, spent, parameters)
            request_id.reset(token)


def dressed(headers: Any, name: str) -> list[tuple[bytes, bytes]]:
    """Return headers with those that every answer has."""
    listed = list(headers)
    there = {key.lower() for key, _ in listed}
    listed += [pair for pair in SAFE.items() if pair[0] not in there]
    listed.append((b"x-request-id", name.encode()))
    return listed
