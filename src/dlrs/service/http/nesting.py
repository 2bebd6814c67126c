"""Nesting: how deep the lists and objects of a JSON text go, found without building them.

Parsers and validators call themselves for each level, so that a few kilobytes of brackets use up the stack.
"""

from __future__ import annotations

import re

import numpy as np

MOST_LEVELS = 32

_ESCAPED = re.compile(rb"\\.", re.DOTALL)
_QUOTE = ord('"')


def is_too_deep(body: bytes, most: int = MOST_LEVELS) -> bool:
    """Say whether a JSON text has more than `most` levels. Brackets within texts count for nothing.

    >>> is_too_deep(b"[[1]]", most=1), is_too_deep(b'["[[[["]', most=1), is_too_deep(b"[1],[2]", most=1)
    (True, False, False)
    """
    if body.count(b"[") + body.count(b"{") <= most:
        return False
    if b"\\" in body:
        body = _ESCAPED.sub(b"", body)
    bytes_B = np.frombuffer(body, np.uint8)
    outside_B = np.cumsum(bytes_B == _QUOTE) % 2 == 0
    outer = bytes_B[outside_B]
    opening, closing = (outer == ord("[")) | (outer == ord("{")), (outer == ord("]")) | (outer == ord("}"))
    return bool(np.cumsum(opening.astype(np.int64) - closing).max(initial=0) > most)
