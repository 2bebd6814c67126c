"""The application: routes of the services, and around them what all of them have in common.

Quick      answers plain lists: nothing of what follows, and no other thread where they wait for nobody
Showing    errors as a page, for people's browsers
Refusing   too much to do: 503 at once (what `turning_away` did not refuse before it was parsed)
Requests   name, headers, log line, metrics, faults
Bodies     read whole, up to a size
Placing    waits for a place
routes     in threads, as many as there are places
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from contextlib import AbstractContextManager, asynccontextmanager, nullcontext
from dataclasses import dataclass
from typing import Any

import anyio.to_thread
from fastapi import APIRouter, FastAPI
from starlette.middleware import Middleware
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send
from structlog.typing import FilteringBoundLogger

from dlrs import __version__
from dlrs.service.http import health, operations
from dlrs.service.http.access import Access, needs
from dlrs.service.http.admission import Gates, Placing, Refusing
from dlrs.service.http.bodies import Bodies
from dlrs.service.http.error_pages import ErrorPages, Showing
from dlrs.service.http.errors import add_errors
from dlrs.service.http.health import Check
from dlrs.service.http.json_answers import Json
from dlrs.service.http.notes import Notes
from dlrs.service.http.quick import Quick, Quickly
from dlrs.service.http.requests import Requests
from dlrs.service.metrics import Metrics


@dataclass(frozen=True)
class Limits:
    """How much an application takes on at a time."""

    reads: int = 1  # lists and look-ups at work: two that hand the interpreter on take twice the time of one
    writes: int = 16  # events and items at work: they wait for the disk and share its transactions
    longest_wait: float = 0.1  # seconds in the queue; a request that would wait longer is refused at once
    largest_body: int = 2_000_000  # bytes


class _App(FastAPI):
    """An application that something may stand before, its own middleware included."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.answer: ASGIApp = super().__call__

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self.answer(scope, receive, send)


def create_app(
    routers: Iterable[APIRouter],
    *,
    access: Access,
    metrics: Metrics,
    log: FilteringBoundLogger,
    checks: Mapping[str, Check],
    limits: Limits,
    quickly: Quickly | None = None,
    pages: ErrorPages | None = None,
    opened: Callable[[], AbstractContextManager[None]] = nullcontext,
) -> FastAPI:
    """Return the application. `opened` is entered before the first request and left after the last one.

    `quickly` answers what it knows instead of the routes; `pages` shows errors where there is a page.
    """
    gates, notes = Gates(limits.reads, limits.writes, limits.longest_wait), Notes(metrics, log)
    app = _App(
        title="dlrs",
        version=__version__,
        description="Recommendations for marketplaces: lists, candidates and profiles.",
        default_response_class=Json,
        docs_url=None,
        redoc_url=None,
        lifespan=_lifespan(limits.reads + limits.writes, opened),
        middleware=[
            *([] if pages is None else [Middleware(Showing, pages=pages)]),
            Middleware(Refusing, gates=gates, refused=metrics.refused.inc),
            Middleware(Requests, notes=notes),
            Middleware(Bodies, largest=limits.largest_body),
            Middleware(Placing, gates=gates),
        ],
    )
    if quickly is not None:
        app.answer = Quick(app.answer, gate=gates.reads, access=access, notes=notes, quickly=quickly)
    app.state.access = access
    app.state.gates, app.state.refused = gates, metrics.refused.inc
    add_errors(app)
    for router in routers:
        app.include_router(router)
    app.include_router(health.router(checks))
    app.include_router(_metrics(metrics))
    app.include_router(operations.router(app))
    return app


def _lifespan(threads: int, opened: Callable[[], AbstractContextManager[None]]) -> Any:
    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        del app
        anyio.to_thread.current_default_thread_limiter().total_tokens = threads
        with opened():
            yield

    return lifespan


def _metrics(metrics: Metrics) -> APIRouter:
    routes = APIRouter(tags=["health"])

    @routes.get("/metrics", dependencies=[needs("read")])
    async def numbers() -> Response:
        """Return the numbers for Prometheus, of all processes that serve this port."""
        return Response(metrics.text(), media_type="text/plain; version=0.0.4; charset=utf-8")

    return routes
