"""A User Profile API to ask: its routes in an app that maps errors as the whole service does."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import uvicorn
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse

from dlrs.errors import DlrsError, RequestError, StorageFull, Unavailable
from dlrs.service.profiles.routes import router
from dlrs.service.seams import ProfileSource
from service.profiles.little import Clock, recipe


def app_of(profiles: ProfileSource, clock: Clock) -> FastAPI:
    app = FastAPI()
    app.include_router(router(profiles, lambda: recipe().marketplace.features, clock))

    @app.exception_handler(RequestValidationError)
    def refuse(_: Request, error: RequestValidationError) -> JSONResponse:
        message = "; ".join(f"{problem['loc']}: {problem['msg']}" for problem in error.errors())
        return JSONResponse({"error": {"type": "RequestError", "message": repr(message)}}, 422)

    @app.exception_handler(DlrsError)
    def explain(_: Request, error: DlrsError) -> JSONResponse:
        status = {RequestError: 422, Unavailable: 503, StorageFull: 507}[type(error)]
        return JSONResponse({"error": {"type": type(error).__name__, "message": str(error)}}, status)

    return app


@contextmanager
def running(app: FastAPI) -> Iterator[str]:
    """Serve on a port of the system's choice, and give the address."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        server = uvicorn.Server(uvicorn.Config(app, log_level="error", lifespan="off"))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
        thread.start()
        try:
            while not server.started:
                time.sleep(0.01)
            yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        finally:
            server.should_exit = True
            thread.join()
