"""OtherService: a service of another process, asked over HTTP; its errors come back as ours."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Self

import httpx
import orjson

from dlrs.errors import DataError, RequestError, StorageFull, Unavailable, WrongBundle

PATIENCE = httpx.Timeout(2.0, connect=0.5)
"""Seconds until another process counts as unavailable, if nothing else is said."""

JSON = "application/json"


class OtherService:
    """Asks, and keeps connections open. Safe for threads."""

    def __init__(self, name: str, client: httpx.Client) -> None:
        """Take what errors call the service, and a client whose base is its address."""
        self._name, self._client = name, client

    @classmethod
    def at(cls, name: str, url: str, key: str | None, timeout: httpx.Timeout) -> Self:
        """Talk to the service at an address, with an API key where it asks for one."""
        headers = {} if key is None else {"Authorization": f"Bearer {key}"}
        return cls(name, httpx.Client(base_url=url, headers=headers, timeout=timeout))

    def close(self) -> None:
        """Close all connections."""
        self._client.close()

    def ask(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        params: Mapping[str, Any] | None = None,
        accept: str = JSON,
        timeout: httpx.Timeout | None = None,
    ) -> bytes:
        """Return the content of the answer.

        Raises:
            Unavailable: there is none in time, or the service says that it cannot now.
            RequestError, DataError, WrongBundle, StorageFull: as the service raised them.
        """
        content = None if body is None else orjson.dumps(body)
        headers = {"Accept": accept} | ({} if body is None else {"Content-Type": JSON})
        patience: Any = self._client.timeout if timeout is None else timeout
        try:
            answer = self._client.request(
                method, path, content=content, params=params, headers=headers, timeout=patience
            )
        except httpx.TransportError as error:
            raise Unavailable(
                f"{self._name} at {self._client.base_url}: expected an answer, received "
                f"{type(error).__name__}: {error}. Ask again soon."
            ) from error
        if answer.is_success:
            return answer.content
        raise self._error(answer)

    def _error(self, answer: httpx.Response) -> Exception:
        try:
            told = orjson.loads(answer.content)["error"]
            message = told["message"]
        except (orjson.JSONDecodeError, KeyError, TypeError):
            told, message = {}, f"{self._name}: expected an answer, received status {answer.status_code}."
        if answer.status_code == 409 and "asked" in told:
            return WrongBundle(told["asked"], told["held"])
        if told.get("type") == "DataError":
            return DataError(message)
        kinds = {413: RequestError, 422: RequestError, 507: StorageFull}
        return kinds.get(answer.status_code, Unavailable)(message)
