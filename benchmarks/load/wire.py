"""HTTP/1.1 as far as a load generator needs it: requests as bytes, answers of a known length."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

END_OF_HEAD = b"\r\n\r\n"


@dataclass(frozen=True, slots=True)
class Call:
    """A request ready to be sent; `kind` is the line of the table it counts for."""

    kind: str
    data: bytes

    @classmethod
    def of(cls, kind: str, method: str, path: str, body: Any = None) -> Call:
        """Build a request; `path` is quoted already, `body` becomes JSON."""
        head = f"{method} {path} HTTP/1.1\r\nHost: localhost\r\n"
        if body is None:
            return cls(kind, f"{head}\r\n".encode())
        content = json.dumps(body, separators=(",", ":")).encode()
        head += f"Content-Type: application/json\r\nContent-Length: {len(content)}\r\n\r\n"
        return cls(kind, head.encode() + content)


@dataclass(frozen=True, slots=True)
class Reply:
    """A whole answer."""

    status: int
    body: bytes
    retry_after: bool  # it says when to come again
    closes: bool  # the server will close the connection


def take_reply(received: bytearray) -> Reply | None:
    """Return the answer that `received` begins with, and take it away; None while a part is missing.

    Raises:
        ValueError: an answer without a length, such as a chunked one.
    """
    end = received.find(END_OF_HEAD)
    if end < 0:
        return None
    head = bytes(received[:end]).lower()
    begin = end + len(END_OF_HEAD)
    until = begin + _length(head)
    if len(received) < until:
        return None
    body = bytes(received[begin:until])
    del received[:until]
    return Reply(int(head[9:12]), body, b"\r\nretry-after:" in head, b"\r\nconnection: close" in head)


def _length(head: bytes) -> int:
    field = head.find(b"\r\ncontent-length:")
    if field < 0:
        if head[9:12] in (b"204", b"304"):
            return 0
        raise ValueError(f"expected an answer with Content-Length, received {head!r}")
    return int(head[field + 17 :].split(b"\r\n", 1)[0])
