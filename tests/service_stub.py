"""A small application with the whole shell around it: what its routes do is up to the test."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Annotated

import httpx
import uvicorn
from fastapi import APIRouter, FastAPI
from pydantic import BaseModel, ConfigDict, Field

from dlrs.errors import DataError, RequestError, StorageFull, Unavailable, WrongBundle
from dlrs.service.http.access import Access, needs
from dlrs.service.http.app import Limits, create_app
from dlrs.service.http.health import Check
from dlrs.service.http.json_answers import Json
from dlrs.service.http.logs import start_logs
from dlrs.service.listening import connections, listen
from dlrs.service.metrics import Metrics

ITEM = {"rank": 1, "score": 0.5, "features": {"make": "AUDI", "price": 15_000.0, "fuel": "DIESEL"}}
FAILURES: Mapping[str, Exception] = {
    "request": RequestError("k: expected 1 to 500, received 0."),
    "data": DataError("price: expected a number, received 'x'."),
    "bundle": WrongBundle("b", ["a"]),
    "away": Unavailable("The database does not answer."),
    "full": StorageFull("No room."),
    "disk": OSError(28, "No space left on device", "/secret/place"),
    "deep": RecursionError("maximum recursion depth exceeded"),
    "fault": ValueError("insides"),
}


class Event(BaseModel):
    model_config = ConfigDict(extra="forbid")
    id: Annotated[str, Field(min_length=1, max_length=20)]
    weight: Annotated[float, Field(allow_inf_nan=False)] = 1.0


def router(pause: float = 0.0) -> APIRouter:
    routes = APIRouter()

    @routes.get("/recommendations/{user}", dependencies=[needs("read")])
    def recommendations(user: str, k: int = 20) -> Json:
        time.sleep(pause)
        return Json({"user": user, "items": [{"id": f"i{n}", **ITEM} for n in range(k)]})

    @routes.get("/small", dependencies=[needs("read")])
    def small() -> Json:
        return Json({"good": True})

    @routes.get("/fails/{how}")
    def fails(how: str) -> Json:
        if how in FAILURES:
            raise FAILURES[how]
        return Json({"how": how})

    @routes.post("/events", dependencies=[needs("events")])
    def events(event: Event) -> Json:
        return Json({"new": 1, "id": event.id})

    @routes.delete("/users/{user}", dependencies=[needs("admin")])
    def erase(user: str) -> Json:
        return Json({"erased": user})

    return routes


def app(
    access: Access,
    *,
    pause: float = 0.0,
    limits: Limits | None = None,
    checks: Mapping[str, Check] | None = None,
    metrics: Metrics | None = None,
) -> FastAPI:
    return create_app(
        [router(pause)],
        access=access,
        metrics=metrics or Metrics(),
        log=start_logs(),
        checks=checks or {},
        limits=limits or Limits(),
    )


@contextmanager
def over_http(served: FastAPI) -> Iterator[httpx.Client]:
    """Serve an application on a free port of this machine, and give a client of it."""
    config = uvicorn.Config(
        served,
        http=connections(served),
        access_log=False,
        log_config=None,
        proxy_headers=False,
        loop="asyncio",
    )  # uvloop does not always close in a thread that is not the first
    server, listening = uvicorn.Server(config), listen("127.0.0.1", 0)  # as `dlrs serve` does
    thread = threading.Thread(target=server.run, args=([listening],))
    thread.start()
    address = f"http://127.0.0.1:{listening.getsockname()[1]}"
    try:
        with httpx.Client(base_url=address, timeout=20) as client:
            yield client
    finally:
        server.should_exit = True
        thread.join()
        listening.close()
