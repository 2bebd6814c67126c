"""Error pages: people whose browser asked for a page are told of an error by one; programs get JSON as ever.

It stands round everything else, so that no matter who refuses a request, both are told the same.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

import orjson
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send


@dataclass(frozen=True)
class Told:
    """An error, and where one may try again: the address asked for, None where a form was sent."""

    status: int
    message: str
    request_id: str | None
    again: str | None


class ErrorPages(Protocol):
    """Shows errors of a page's addresses."""

    @property
    def headers(self) -> Mapping[str, str]:
        """Headers of its pages, which replace those of the same names."""
        ...

    def has(self, path: str) -> bool:
        """Tell whether this is an address of the page."""
        ...

    def shown(self, told: Told, *, part: bool) -> str:
        """Return a page; where `part`, what is put into one that is there already."""
        ...


class Showing:
    """Middleware, the outermost one."""

    def __init__(self, app: ASGIApp, *, pages: ErrorPages) -> None:
        self._app, self._pages = app, pages

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on; of its answer only an error in JSON is written anew."""
        if scope["type"] != "http" or not _is_browser(Headers(scope=scope)):
            await self._app(scope, receive, send)
            return
        start: Message | None = None
        body = b""

        async def sent(message: Message) -> None:
            nonlocal start, body
            if message["type"] == "http.response.start" and self._is_for_people(scope, message):
                start = message
            elif start is None:
                await send(message)
            else:
                body += message.get("body", b"")
                if not message.get("more_body", False):
                    await self._show(scope, start, body, send)

        await self._app(scope, receive, sent)

    def _is_for_people(self, scope: Scope, start: Message) -> bool:
        status = start["status"]
        nobodys = status == 404 and scope.get("route") is None  # no address of the API either
        kind = Headers(raw=start["headers"]).get("content-type", "")
        return status >= 400 and (nobodys or self._pages.has(scope["path"])) and "json" in kind

    async def _show(self, scope: Scope, start: Message, body: bytes, send: Send) -> None:
        error = orjson.loads(body)["error"]
        asked = Headers(scope=scope)
        part = "hx-request" in asked and "hx-boosted" not in asked
        told = Told(start["status"], error["message"], error["request_id"], _again(scope))
        text = self._pages.shown(told, part=part).encode()
        fresh = {
            **self._pages.headers,
            "Content-Type": "text/html; charset=utf-8",
            "Content-Length": str(len(text)),
        }
        replaced = {name.lower().encode() for name in fresh}
        headers = [pair for pair in start["headers"] if pair[0].lower() not in replaced]
        headers += [(name.lower().encode(), value.encode()) for name, value in fresh.items()]
        await send({**start, "headers": headers})
        await send({"type": "http.response.body", "body": text})


def _is_browser(headers: Headers) -> bool:
    return "text/html" in headers.get("accept", "") or "hx-request" in headers


def _again(scope: Scope) -> str | None:
    if scope["method"] != "GET":
        return None
    path, query = scope.get("raw_path") or b"/", scope.get("query_string", b"")
    # two slashes at the start would lead to another host
    return "/" + (path + (b"?" + query if query else b"")).decode("latin-1").lstrip("/\\")
