"""Contents: raw features as JSON, and the key that they are known by."""

from __future__ import annotations

import re
from collections.abc import Iterable
from hashlib import blake2b
from typing import Any

import orjson

from dlrs.errors import RequestError
from dlrs.service.seams import Raw

SURROGATE = re.compile("[\ud800-\udfff]")
SORTED = orjson.OPT_SORT_KEYS | orjson.OPT_SERIALIZE_NUMPY


def encoded(content: Any) -> bytes:
    """Return JSON; equal features give equal bytes. RequestError if JSON cannot say it."""
    try:
        return orjson.dumps(content if isinstance(content, list) else dict(content), option=SORTED)
    except TypeError as error:
        raise RequestError(f"features: expected what JSON can say, {error}.") from error


def decoded(content: str) -> Any:
    """Return what JSON says."""
    return orjson.loads(content)


def keyed(features: Raw) -> tuple[str, str]:
    """Return the key of features, a hash of 128 bits in hexadecimal digits, and their JSON."""
    content = encoded(features)
    return blake2b(content, digest_size=16).hexdigest(), content.decode()


def check_texts(texts: Iterable[str]) -> None:
    """RequestError for what one of the two databases cannot hold: NUL and lone surrogates."""
    joined = "".join(texts)
    if "\0" in joined or SURROGATE.search(joined):
        raise RequestError("event: expected ids and a type without NUL and lone surrogates, received some.")
