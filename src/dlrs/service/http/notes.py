"""Notes: a log line and a place in the metrics for each request."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Mapping
from typing import Any

from structlog.typing import FilteringBoundLogger

from dlrs.service.http.logs import write_line
from dlrs.service.metrics import Metrics

METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")


class Notes:
    """Takes them. Used from one event loop."""

    def __init__(self, metrics: Metrics, log: FilteringBoundLogger) -> None:
        self.log, self._metrics = log, metrics
        self._salt = secrets.token_bytes(16)
        self._timers: dict[tuple[str, str, int], Any] = {}

    def take(
        self, route: str, method: str, status: int, seconds: float, parameters: Mapping[str, Any]
    ) -> None:
        """Count a request by the template of its route, never by its path: that has ids in it."""
        method = method if method in METHODS else "-"
        timer = self._timers.get((route, method, status))
        if timer is None:
            timer = self._metrics.request.labels(route, method, str(status))
            self._timers[route, method, status] = timer
        timer.observe(seconds)
        ids = {key: self._hashed(value) for key, value in parameters.items()}
        write_line("request", method=method, route=route, status=status, ms=round(seconds * 1e3, 3), **ids)

    def _hashed(self, value: Any) -> str:
        """Return a word for an id that is the same until the service stops, and tells nothing after it."""
        text = str(value).encode("utf-8", "surrogatepass")
        return hashlib.blake2b(text, key=self._salt, digest_size=6).hexdigest()
