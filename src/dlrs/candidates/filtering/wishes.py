"""Wishes: filters and steps as a request gives them in JSON texts, one a text or a list of them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from dlrs.candidates.filtering.filters import Filter, parse_filters
from dlrs.candidates.filtering.relaxing import Step, parse_steps
from dlrs.errors import RequestError


def read_filters(texts: Sequence[str], *, source: str = "--where") -> tuple[Filter, ...]:
    """Read filters. RequestError, which names `source`, if a text is no JSON or one is no filter."""
    return parse_filters(_listed(texts, source), source=source)


def read_steps(texts: Sequence[str], *, source: str = "--relax") -> tuple[Step, ...]:
    """Read steps. RequestError, which names `source`, if a text is no JSON or one is no step."""
    return parse_steps(_listed(texts, source), source=source)


def _listed(texts: Sequence[str], source: str) -> list[Any]:
    """Return all that several texts hold as one list."""
    listed: list[Any] = []
    for text in texts:
        try:
            content = json.loads(text)
        except ValueError as error:
            raise RequestError(
                f"{source}: expected JSON, received {text!r} ({error}). Put it into single quotes, "
                """so that the shell leaves it alone: '{"feature": "price", "max": 5000}'."""
            ) from error
        listed.extend(content if isinstance(content, list) else [content])
    return listed
