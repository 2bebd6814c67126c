"""HttpCandidates: the Candidate Service of another process."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Self

import httpx
import orjson

from dlrs.candidates.filtering.filters import Filter
from dlrs.errors import DataError, RequestError, StorageFull, Unavailable, WrongBundle
from dlrs.service.candidates.forms import BINARY, MOST_ITEMS, answer_of, filters_json
from dlrs.service.seams import CandidateAnswer, CandidateRequest, Gone, Item, Raw, Wanted

PATIENCE = httpx.Timeout(2.0, connect=0.5)
"""Seconds until another process counts as unavailable, if nothing else is said."""

WRITING = httpx.Timeout(30.0, connect=0.5)
"""The same of changes, which wait until they are found."""


class HttpCandidates:
    """`CandidateSource` over HTTP. Safe for threads."""

    def __init__(self, client: httpx.Client) -> None:
        self._client = client

    @classmethod
    def at(cls, url: str, *, key: str | None = None, timeout: httpx.Timeout = PATIENCE) -> Self:
        """Talk to the service at an address, with an API key where it asks for one."""
        headers = {} if key is None else {"Authorization": f"Bearer {key}"}
        return cls(httpx.Client(base_url=url, headers=headers, timeout=timeout))

    def close(self) -> None:
        """Close all connections."""
        self._client.close()

    def candidates(self, request: CandidateRequest) -> CandidateAnswer:
        """Return candidates."""
        queries = [{"vector": one.vector_D.tolist(), "share": one.share} for one in request.queries]
        body = {
            "bundle_id": request.bundle_id,
            "queries": queries,
            "count": request.count,
            "known_ids": list(request.known_ids),
            "filters": filters_json(request.filters),
            "popular": request.popular,
        }
        return answer_of(self._ask("POST", "/candidates", body, accept=BINARY))

    def represent(self, bundle_id: str, ids: Sequence[str]) -> CandidateAnswer:
        """Return what ItemNet made of those items that are there."""
        body = {"bundle_id": bundle_id, "ids": list(ids)}
        return answer_of(self._ask("POST", "/items/represent", body, accept=BINARY))

    def items(self, ids: Sequence[str]) -> Mapping[str, Item]:
        """Return the raw features of items by id."""
        found: dict[str, Item] = {}
        for first in range(0, len(ids), MOST_ITEMS):
            body = {"ids": list(ids[first : first + MOST_ITEMS])}
            for item in orjson.loads(self._ask("POST", "/items/get", body))["items"]:
                found[item["id"]] = Item(**item)
        return found

    def versions(self, wanted: Sequence[Wanted]) -> Sequence[Raw | None]:
        """Return the features that items had."""
        found: list[Raw | None] = []
        for first in range(0, len(wanted), MOST_ITEMS):
            part = wanted[first : first + MOST_ITEMS]
            body = {"wanted": [{"item_id": one.item_id, "time": one.time} for one in part]}
            found += orjson.loads(self._ask("POST", "/items/versions", body))["versions"]
        return found

    def gone(self, after: int) -> Gone:
        """Return what was deleted after a change."""
        return Gone(**orjson.loads(self._ask("GET", f"/items-gone?after={after}")))

    def popular(self, bundle_id: str, count: int, filters: Sequence[Filter] = ()) -> Sequence[str]:
        """Return the ids of the most popular items that are there and pass."""
        body = {"bundle_id": bundle_id, "count": count, "filters": filters_json(filters)}
        ids: list[str] = orjson.loads(self._ask("POST", "/items-popular", body))["ids"]
        return ids

    def put(self, items: Mapping[str, Raw]) -> int:
        """Add items or new versions, 10,000 at a time. DataError if one is refused; others are taken then."""
        seq, ids = 0, list(items)
        for first in range(0, len(ids), MOST_ITEMS):
            body = {"upsert": {id: items[id] for id in ids[first : first + MOST_ITEMS]}}
            answer = orjson.loads(self._ask("POST", "/items", body, timeout=WRITING))
            if answer["refused"]:
                raise DataError(answer["refused"][0]["reason"])
            seq = answer["seq"]
        return seq

    def delete(self, ids: Sequence[str]) -> Sequence[str]:
        """Delete items."""
        deleted: list[str] = []
        for first in range(0, len(ids), MOST_ITEMS):
            body = {"delete": list(ids[first : first + MOST_ITEMS])}
            deleted += orjson.loads(self._ask("POST", "/items", body, timeout=WRITING))["deleted"]
        return deleted

    def _ask(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        accept: str = "application/json",
        timeout: httpx.Timeout | None = None,
    ) -> bytes:
        content = None if body is None else orjson.dumps(body)
        headers = {"Accept": accept} | ({} if body is None else {"Content-Type": "application/json"})
        patience: Any = self._client.timeout if timeout is None else timeout
        try:
            answer = self._client.request(method, path, content=content, headers=headers, timeout=patience)
        except httpx.TransportError as error:
            raise Unavailable(
                f"Candidate Service at {self._client.base_url}: expected an answer, received "
                f"{type(error).__name__}: {error}. Ask again soon."
            ) from error
        if answer.is_success:
            return answer.content
        raise _error(answer)


def _error(answer: httpx.Response) -> Exception:
    try:
        told = orjson.loads(answer.content)["error"]
        message = told["message"]
    except (orjson.JSONDecodeError, KeyError, TypeError):
        told, message = {}, f"Candidate Service: expected an answer, received status {answer.status_code}."
    if answer.status_code == 409 and "asked" in told:
        return WrongBundle(told["asked"], told["held"])
    if told.get("type") == "DataError":
        return DataError(message)
    kinds = {413: RequestError, 422: RequestError, 507: StorageFull}
    return kinds.get(answer.status_code, Unavailable)(message)
