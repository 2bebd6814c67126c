"""The Ranking Service over HTTP."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

import orjson
from fastapi import APIRouter, HTTPException, Path, Query, Response

from dlrs.candidates.filtering.filters import Filter, parse_filters
from dlrs.candidates.filtering.relaxing import Step, parse_steps
from dlrs.errors import RequestError
from dlrs.service.http.access import needs
from dlrs.service.http.parameters import known_parameters
from dlrs.service.ranking.asking import Page
from dlrs.service.ranking.forms import (
    DEFAULT_LIST,
    LONGEST_ID,
    LONGEST_LIST,
    AnswerForm,
    DecisionForm,
    ListRequest,
    RankAnswerForm,
    RankRequest,
    Somebody,
    UsersForm,
    is_text,
)
from dlrs.service.ranking.ranking_service import RankingService
from dlrs.service.ranking.telling import as_json, told
from dlrs.service.seams import Number, Profile
from dlrs.service.stores import Decision

PathId = Annotated[str, Path(min_length=1, max_length=LONGEST_ID)]
Json = Annotated[str, Query(max_length=8000)]
Length = Annotated[int, Query(ge=1, le=LONGEST_LIST)]
PATH = "/recommendations/{user:path}"
MOST = {"where": 50, "relax": 20}


def router(service: RankingService) -> APIRouter:
    """Return the routes of a Ranking Service."""
    routes = APIRouter(tags=["ranking"], dependencies=[needs("read"), known_parameters])

    @routes.get(PATH, response_model=AnswerForm)
    def recommendations(
        user: PathId,
        k: Length = DEFAULT_LIST,
        page: Page = "home",
        where: Json = "[]",
        relax: Json = "[]",
        explain: bool = True,
    ) -> Response:
        """Return the best items for a user. `where`: filters, `relax`: steps, both as JSON lists."""
        filters, steps = _filters(where), _steps(relax)
        answer = service.recommend(_text(user), k, page=page, filters=filters, relax=steps, explain=explain)
        return _response(told(answer))

    @routes.post("/recommendations", response_model=AnswerForm)
    def recommend(wanted: ListRequest) -> Response:
        """Return the best items for a user, for a guest's events, or for a profile."""
        answer = service.recommend(
            wanted.user_id,
            wanted.k,
            page=wanted.page,
            filters=wanted.filters,
            relax=wanted.relax,
            profile=_profile(service, wanted),
            explain=wanted.explain,
        )
        return _response(told(answer))

    @routes.get("/items/{item:path}/similar", response_model=AnswerForm)
    def similar(item: PathId, k: Length = 20, where: Json = "[]") -> Response:
        """Return the items that are nearest to one."""
        answer = service.similar(_text(item), k, _filters(where))
        if answer is None:
            raise HTTPException(404, f"items: expected the id of an item that is there, received {item!r}.")
        return _response(told(answer))

    @routes.get("/items/{item:path}/users", response_model=UsersForm, dependencies=[needs("admin")])
    def users_for(item: PathId, k: Length = DEFAULT_LIST) -> Response:
        """Return the users that suit an item best: for whoever may know of all users."""
        found = service.users_for(_text(item), k)
        if found is None:
            raise HTTPException(404, f"items: expected the id of an item that is there, received {item!r}.")
        users = [{"id": id, "score": score} for id, score in found.users]
        return _response(as_json({"bundle_id": found.bundle_id, "item_id": found.item_id, "users": users}))

    @routes.post("/rank", response_model=RankAnswerForm)
    def rank(wanted: RankRequest) -> Response:
        """Put some items in the order that suits a user, or a guest, best."""
        answer, missing = service.rank(wanted.user_id, wanted.items, _profile(service, wanted))
        return _response(told(answer, missing=missing))

    @routes.get("/decisions/{decision}", response_model=DecisionForm)
    def decision(decision: PathId) -> Response:
        """Return what an answer followed from."""
        found = service.decisions.get(_text(decision))
        if found is None:
            raise HTTPException(
                404, f"decisions: expected the id of an answer of late, received {decision!r}."
            )
        return _response(as_json(_decision_as_json(found)))

    return routes


def _profile(service: RankingService, wanted: Somebody) -> Profile | None:
    if wanted.profile is not None:
        numbers = {name: Number(n.mean, n.std) for name, n in wanted.profile.numbers.items()}
        return service.given(wanted.profile.values, numbers)
    if wanted.events is None:
        return None
    now = service.clock()
    return service.guest([form.event(place, now) for place, form in enumerate(wanted.events)])


def _filters(text: str) -> tuple[Filter, ...]:
    return parse_filters(_list(text, "where"), source="where")


def _steps(text: str) -> tuple[Step, ...]:
    return parse_steps(_list(text, "relax"), source="relax")


def _list(text: str, source: str) -> Sequence[Any]:
    try:
        content = orjson.loads(text)
    except ValueError as error:
        raise RequestError(f"{source}: expected a list as JSON, received what is none ({error}).") from error
    if not isinstance(content, list) or len(content) > MOST[source] or not is_text(content):
        raise RequestError(
            f"{source}: expected a list as JSON of at most {MOST[source]}, received {text[:80]!r}."
        )
    return content


def _text(id: str) -> str:
    if not is_text(id):
        raise RequestError(f"id: expected text without NUL, received {id!r}.")
    return id


def _decision_as_json(decision: Decision) -> dict[str, Any]:
    return {
        **{name: getattr(decision, name) for name in DecisionForm.model_fields},
        "time": datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=decision.time),
        "profile": base64.b64encode(decision.profile).decode("ascii"),
        "candidates": list(decision.candidates),
        "answer": list(decision.answer),
        "request": dict(decision.request),
    }


def _response(body: bytes) -> Response:
    return Response(body, media_type="application/json")
