"""The name of a request, by which its log lines and its answer are found again."""

from __future__ import annotations

import re
from contextvars import ContextVar

from dlrs.service.random_names import new_name

request_id: ContextVar[str | None] = ContextVar("request_id", default=None)

_SANE = re.compile(rb"[A-Za-z0-9._-]{1,64}")


def name_of(headers: list[tuple[bytes, bytes]]) -> str:
    """Return the name that a caller gave in X-Request-Id if it is sane, else a new one.

    >>> name_of([(b"x-request-id", b"abc-1")])
    'abc-1'
    >>> len(name_of([(b"x-request-id", b"two words")]))
    16
    """
    for name, value in headers:
        if name == b"x-request-id" and _SANE.fullmatch(value):
            return value.decode()
    return new_name(8)
