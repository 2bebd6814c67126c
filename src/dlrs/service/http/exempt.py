"""What is answered however much there is to do: those who watch over the service must hear of it."""

from __future__ import annotations


def is_exempt(path: str) -> bool:
    """Say whether a path is one of those that need no place.

    >>> is_exempt("/health/ready"), is_exempt("/metrics"), is_exempt("/recommendations/7")
    (True, True, False)
    """
    return path.startswith("/health/") or path == "/metrics"
