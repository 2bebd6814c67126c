"""Routes of the Candidate Service."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Annotated, Any

import orjson
from fastapi import APIRouter, HTTPException, Path, Query, Request, Response

from dlrs.candidates.filtering.filters import parse_filters
from dlrs.errors import DataError
from dlrs.schema import Features
from dlrs.service.candidates.candidate_service import CandidateService
from dlrs.service.candidates.forms import (
    BINARY,
    BulkForm,
    CandidatesForm,
    Id,
    IdsForm,
    ItemForm,
    PopularForm,
    RepresentForm,
    VersionsForm,
    answer_bytes,
    answer_json,
    item_json,
)
from dlrs.service.candidates.reading import read_features
from dlrs.service.http.access import needs
from dlrs.service.seams import CandidateAnswer, Item, Raw

ItemId = Annotated[Id, Path()]
After = Annotated[int, Query(ge=0, le=2**62)]


def router(candidates: CandidateService, features: Callable[[], Features]) -> APIRouter:
    """Return the routes; `features` are those of the marketplace that is served now."""
    routes = APIRouter(tags=["candidates"])
    _finding(routes, candidates)
    _telling(routes, candidates)
    _changing(routes, candidates, features)
    _bulk(routes, candidates, features)
    return routes


def _finding(routes: APIRouter, candidates: CandidateService) -> None:
    @routes.post("/candidates", dependencies=[needs("read")])
    def find_candidates(body: CandidatesForm, request: Request) -> Response:
        """Find what is near; `Accept: application/octet-stream` gets safetensors."""
        return _answer(candidates.candidates(body.request()), request)

    @routes.post("/items/represent", dependencies=[needs("read")])
    def represent_items(body: RepresentForm, request: Request) -> Response:
        """Tell what ItemNet made of those items that are there."""
        return _answer(candidates.represent(body.bundle_id, body.ids), request)

    @routes.post("/items-popular", dependencies=[needs("read")])
    def popular_items_of_bundle(body: PopularForm) -> Response:
        """Name what was most popular before the bundle's watermark and is there."""
        ids = candidates.popular(body.bundle_id, body.count, parse_filters(body.filters))
        return _json({"ids": list(ids)})


def _telling(routes: APIRouter, candidates: CandidateService) -> None:
    @routes.post("/items/get", dependencies=[needs("read")])
    def get_items(body: IdsForm) -> Response:
        """Tell the raw features of many items; unknown ones are left out."""
        return _json({"items": [item_json(item) for item in candidates.items(body.ids).values()]})

    @routes.post("/items/versions", dependencies=[needs("read")])
    def get_versions(body: VersionsForm) -> Response:
        """Tell the features that items had; null where one was not there."""
        return _json({"versions": candidates.versions([one.wanted() for one in body.wanted])})

    @routes.get("/items-gone", dependencies=[needs("read")])
    def items_gone(after: After = 0) -> Response:
        """Name what was deleted after a change, up to the change `seq`: ask again from there."""
        gone = candidates.gone(after)
        return _json({"seq": gone.seq, "ids": list(gone.ids)})

    @routes.get("/items/{item_id:path}", dependencies=[needs("read")])
    def get_item(item_id: ItemId) -> Response:
        """Tell the raw features of an item, also of one that is gone."""
        return _json(item_json(_known(candidates, item_id)))


def _changing(routes: APIRouter, candidates: CandidateService, features: Callable[[], Features]) -> None:
    @routes.put("/items/{item_id:path}", dependencies=[needs("items")])
    def put_item(item_id: ItemId, body: ItemForm) -> Response:
        """Add an item, or a new version; when this answers, it is safe and found."""
        return _json(
            {"seq": candidates.put({item_id: read_features(features(), body.features, item=item_id)})}
        )

    @routes.patch("/items/{item_id:path}", dependencies=[needs("items")])
    def patch_item(item_id: ItemId, body: ItemForm) -> Response:
        """Change some features of an item."""
        changed = read_features(features(), body.features, item=item_id, whole=False)
        seq = candidates.patch(item_id, changed)
        if seq is None:
            raise _unknown(item_id)
        return _json({"seq": seq})

    @routes.delete("/items/{item_id:path}", dependencies=[needs("items")])
    def delete_item(item_id: ItemId) -> Response:
        """Delete an item; when this answers, nobody finds it. One that is gone already is no mistake."""
        _known(candidates, item_id)
        return _json({"deleted": list(candidates.delete([item_id]))})


def _bulk(routes: APIRouter, candidates: CandidateService, features: Callable[[], Features]) -> None:
    @routes.post("/items", dependencies=[needs("items")])
    def change_items(body: BulkForm) -> Response:
        """Add, change and delete many items; one that is wrong is refused, and the others are taken."""
        read, refused = _read(features(), body.upsert)
        seq, deleted = candidates.change(read, body.delete)
        return _json({"seq": seq, "upserted": len(read), "deleted": list(deleted), "refused": refused})


def _read(features: Features, content: Mapping[str, Any]) -> tuple[dict[str, Raw], list[dict[str, str]]]:
    read: dict[str, Raw] = {}
    refused = []
    for id, given in content.items():
        try:
            read[id] = read_features(features, given, item=id)
        except DataError as error:
            refused.append({"id": id, "reason": str(error)})
    return read, refused


def _known(candidates: CandidateService, item_id: str) -> Item:
    item = candidates.items([item_id]).get(item_id)
    if item is None:
        raise _unknown(item_id)
    return item


def _unknown(item_id: str) -> HTTPException:
    return HTTPException(
        404, f"item '{item_id[:60]}': expected one that is there, received one that is not. PUT adds it."
    )


def _answer(answer: CandidateAnswer, request: Request) -> Response:
    if BINARY in request.headers.get("accept", ""):
        return Response(answer_bytes(answer), media_type=BINARY)
    return _json(answer_json(answer))


def _json(content: Any) -> Response:
    return Response(orjson.dumps(content), media_type="application/json")
