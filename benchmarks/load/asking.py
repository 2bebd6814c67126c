"""Asking: one request after the other over one connection, for what is no load."""

from __future__ import annotations

import json
import time
from http.client import HTTPConnection, HTTPException
from typing import Any


class Asker:
    """A connection that is kept alive and opened anew where it broke."""

    def __init__(self, address: tuple[str, int]) -> None:
        self._connection = HTTPConnection(*address, timeout=60)

    def ask(self, method: str, path: str, body: Any = None) -> tuple[int, Any]:
        """Return the status and the JSON of the answer; 0 and the error where none came."""
        content = None if body is None else json.dumps(body).encode()
        head = {} if body is None else {"Content-Type": "application/json"}
        try:
            self._connection.request(method, path, content, head)
            answer = self._connection.getresponse()
            text = answer.read()
        except (OSError, HTTPException) as error:
            self._connection.close()
            return 0, repr(error)
        return answer.status, json.loads(text) if text else None

    def get(self, path: str) -> Any:
        """Return the JSON at a path, trying again for a while where the server is too busy.

        Raises:
            RuntimeError: it does not answer with 200.
        """
        for _ in range(20):
            status, answer = self.ask("GET", path)
            if status == 200:
                return answer
            time.sleep(0.05)
        raise RuntimeError(f"GET {path}: expected 200, received {status}: {answer}")

    def tell(self, method: str, path: str, body: Any = None) -> Any:
        """Send a write, which must succeed; its JSON.

        Raises:
            RuntimeError: it does not.
        """
        status, answer = self.ask(method, path, body)
        if not 200 <= status < 300:
            raise RuntimeError(f"{method} {path}: expected 2xx, received {status}: {answer}")
        return answer

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()
