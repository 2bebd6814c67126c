"""Turning away: while there is no room, a plain GET is refused before anything else looks at it.

What refusals cost, lists lack. `Refusing` refuses whatever comes, but only after a request was parsed and has
a task of its own, which takes several times as long. What comes here is one whole request without a body on a
connection that is between two requests; anything else goes the usual way, people's browsers included, which
are shown a page (`error_pages`).
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from typing import Any, cast

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from dlrs.service.http.admission import Gate, refusal
from dlrs.service.http.together import Together

PLAIN = re.compile(
    rb"GET (?!/health/|/metrics)[!-~]+ HTTP/1\.1\r\n"
    rb"(?:(?!content-length:|transfer-encoding:|upgrade:|expect:|connection:(?! ?keep-alive\r)"
    rb"|accept:[^\r\n]*text/html|hx-request:)"
    rb"[a-z0-9-]+:[^\r\n\0]*\r\n)*\r\n",
    re.IGNORECASE,
)
"""One request of a program that has no body, ends with its head, and leaves the connection as it is."""


class TurningAway(HttpToolsProtocol):
    """A connection."""

    def __init__(self, *args: Any, gate: Gate, refused: Callable[[], None], **options: Any) -> None:
        super().__init__(*args, **options)
        self._gate, self._refused = gate, refused
        self._within = False  # a request of which a part is still to come

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Somebody connected."""
        super().connection_made(transport)
        self.transport = cast(asyncio.Transport, Together(transport, self.loop))

    def data_received(self, data: bytes) -> None:
        """Refuse what came, or pass it on."""
        if not (self._gate.is_full and self._is_between() and PLAIN.fullmatch(data)):
            super().data_received(data)
            return
        self._refused()
        self.transport.write(refusal(self._gate.wait))
        if self.timeout_keep_alive_task is not None:
            self.timeout_keep_alive_task.cancel()
        self.timeout_keep_alive_task = self.loop.call_later(
            self.timeout_keep_alive, self.timeout_keep_alive_handler
        )

    def on_message_begin(self) -> None:
        """A request began."""
        self._within = True
        super().on_message_begin()

    def on_message_complete(self) -> None:
        """All of it is there."""
        self._within = False
        super().on_message_complete()

    def _is_between(self) -> bool:
        return (
            not self._within
            and (self.cycle is None or self.cycle.response_complete)
            and not self.flow.write_paused
            and not self.transport.is_closing()
        )
