"""Together: the head of an answer and its body in one write.

uvicorn writes them one after the other. Each write is a call of the system and wakes the client up, who finds
no more than a head.
"""

from __future__ import annotations

import asyncio
from typing import Any


class Together:
    """A transport that keeps what is written until the next write, or the loop's next turn."""

    def __init__(self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop) -> None:
        self._transport, self._loop = transport, loop
        self._kept = b""

    def write(self, data: bytes) -> None:
        """Write what was kept and this, or keep it."""
        if self._kept:
            data, self._kept = self._kept + data, b""
            self._transport.write(data)
        elif data:
            self._kept = data
            self._loop.call_soon(self._write_kept)

    def close(self) -> None:
        """Write what was kept, and close."""
        self._write_kept()
        self._transport.close()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)

    def _write_kept(self) -> None:
        data, self._kept = self._kept, b""
        if data and not self._transport.is_closing():
            self._transport.write(data)
