"""Requests: each gets a name, headers that keep browsers safe, a log line and a place in the metrics."""

from __future__ import annotations

import hashlib
import secrets
import time
from typing import Any

from starlette.types import ASGIApp, Message, Receive, Scope, Send
from structlog.typing import FilteringBoundLogger

from dlrs.service.http.errors import answer_to
from dlrs.service.http.naming import name_of, request_id
from dlrs.service.metrics import Metrics

METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
SAFE = {  # unless a route says otherwise
    b"x-content-type-options": b"nosniff",
    b"x-frame-options": b"DENY",
    b"referrer-policy": b"no-referrer",
    b"cache-control": b"no-store",
    b"content-security-policy": b"default-src 'none'; frame-ancestors 'none'",
}


class Requests:
    """Middleware around all routes."""

    def __init__(self, app: ASGIApp, *, metrics: Metrics, log: FilteringBoundLogger) -> None:
        self._app, self._metrics, self._log = app, metrics, log
        self._salt = secrets.token_bytes(16)
        self._timers: dict[tuple[str, str, int], Any] = {}

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
                message = {**message, "headers": _dressed(message.get("headers", ()), name)}
            await send(message)

        try:
            await self._app(scope, receive, sent)
        except Exception as error:
            answer = answer_to(error)
            if answer.status_code == 500:
                self._log.exception("fault", exc_info=error)
            if not status:
                await answer(scope, receive, sent)
        finally:
            self._note(scope, status or 499, time.perf_counter() - began)
            request_id.reset(token)

    def _note(self, scope: Scope, status: int, seconds: float) -> None:
        """Count a request by the template of its route, never by its path: that has ids in it."""
        route = getattr(scope.get("route"), "path", None) or "-"
        method = scope["method"] if scope["method"] in METHODS else "-"
        timer = self._timers.get((route, method, status))
        if timer is None:
            timer = self._metrics.request.labels(route, method, str(status))
            self._timers[route, method, status] = timer
        timer.observe(seconds)
        ids = {key: self._hashed(value) for key, value in scope.get("path_params", {}).items()}
        self._log.info(
            "request", method=method, route=route, status=status, ms=round(seconds * 1e3, 3), **ids
        )

    def _hashed(self, value: Any) -> str:
        """Return a word for an id that is the same until the service stops, and tells nothing after it."""
        text = str(value).encode("utf-8", "surrogatepass")
        return hashlib.blake2b(text, key=self._salt, digest_size=6).hexdigest()


def _dressed(headers: Any, name: str) -> list[tuple[bytes, bytes]]:
    listed = list(headers)
    there = {key.lower() for key, _ in listed}
    listed += [pair for pair in SAFE.items() if pair[0] not in there]
    listed.append((b"x-request-id", name.encode()))
    return listed
