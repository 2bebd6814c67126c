"""HttpCandidates: the Candidate Service of another process."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Self

import httpx
import numpy as np
import orjson

from dlrs.candidates.filtering.filters import Filter
from dlrs.errors import DataError
from dlrs.service.candidates.forms import BINARY, MOST_ITEMS, answer_of, filters_json
from dlrs.service.other_service import PATIENCE, OtherService
from dlrs.service.seams import CandidateAnswer, CandidateRequest, Gone, Item, Raw, Wanted

KNOWN_BYTES = 1_000_000
"""What the known ids of one request may take: a crawler met more items than a body may hold."""

WRITING = httpx.Timeout(30.0, connect=0.5)
"""The same of changes, which wait until they are found."""


class HttpCandidates:
    """`CandidateSource` over HTTP. Safe for threads."""

    def __init__(self, service: OtherService) -> None:
        self._ask, self.close = service.ask, service.close

    @classmethod
    def at(cls, url: str, *, key: str | None = None, timeout: httpx.Timeout = PATIENCE) -> Self:
        """Talk to the service at an address, with an API key where it asks for one."""
        return cls(OtherService.at("Candidate Service", url, key, timeout))

    def candidates(self, request: CandidateRequest) -> CandidateAnswer:
        """Return candidates."""
        sent = _fitting(request.known_ids)
        queries = [{"vector": one.vector_D.tolist(), "share": one.share} for one in request.queries]
        body = {
            "bundle_id": request.bundle_id,
            "queries": queries,
            "count": request.count,
            "known_ids": sent,
            "filters": filters_json(request.filters),
            "popular": request.popular,
            "also_ids": list(request.also_ids),
        }
        answer = answer_of(self._ask("POST", "/candidates", body, accept=BINARY))
        return answer if len(sent) == len(request.known_ids) else _without(answer, request.known_ids)

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


def _fitting(known_ids: Sequence[str]) -> list[str]:
    """Return the ids that go into one request: all, or of very many the last ones, which are the newest."""
    bytes_K = np.array([len(id.encode()) + 3 for id in reversed(known_ids)], dtype=np.int64)  # "",
    kept = int(np.searchsorted(np.cumsum(bytes_K), KNOWN_BYTES, side="right"))
    return list(known_ids[len(known_ids) - kept :])


def _without(answer: CandidateAnswer, ids: Sequence[str]) -> CandidateAnswer:
    known = frozenset(ids)
    places = [place for place, id in enumerate(answer.ids) if id not in known]
    return replace(
        answer,
        ids=[answer.ids[place] for place in places],
        items=answer.items.take(np.array(places, dtype=np.int64)),
        similarity_T=answer.similarity_T[places],
    )
