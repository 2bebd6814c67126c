"""Errors: what a caller is told. The one place that turns exceptions into answers.

    {"error": {"type": "RequestError", "message": "…", "request_id": "…"}}

Nothing that a caller sends ends in a 5xx; those mean that the service lacks something: 503 a database or
another service (ask again after Retry-After), 507 room on the disk, 500 a fault of ours.
"""

from __future__ import annotations

import errno
from collections.abc import Mapping
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException

from dlrs.errors import (
    DataError,
    DlrsError,
    RequestError,
    SchemaError,
    StorageFull,
    Unavailable,
    WrongBundle,
)
from dlrs.service.http.access import Forbidden, Unauthorised
from dlrs.service.http.json_answers import Json
from dlrs.service.http.naming import request_id

STATUS: Mapping[type[Exception], int] = {
    RequestError: 422,
    DataError: 422,
    SchemaError: 422,
    RequestValidationError: 422,
    RecursionError: 422,
    Unauthorised: 401,
    Forbidden: 403,
    WrongBundle: 409,
    Unavailable: 503,
    StorageFull: 507,
}
RETRY_AFTER = "1"  # seconds
MOST_PROBLEMS = 20  # of a body that are listed
FULL = (errno.ENOSPC, errno.EDQUOT)


def add_errors(app: FastAPI) -> None:
    """Have an application answer with this module's errors. What is not listed here is a fault: 500."""
    for kind in (*STATUS, HTTPException):
        app.add_exception_handler(kind, _handle)
    app.add_exception_handler(DlrsError, _handle)


async def _handle(request: Request, error: Exception) -> Json:
    if isinstance(error, RequestValidationError) and isinstance(error.body, bytes):
        kind = request.headers.get("content-type", "")
        if "json" not in kind:
            text = f"Content-Type: expected application/json, received {kind[:60]!r}."
            return told(422, "RequestError", text)
    return answer_to(error)


def answer_to(error: Exception) -> Json:
    """Return what a caller is told of an error."""
    if isinstance(error, HTTPException):
        return told(error.status_code, "HTTPError", str(error.detail), headers=dict(error.headers or {}))
    status = _status(error)
    headers = {}
    if status == 503:
        headers["Retry-After"] = RETRY_AFTER
    if status == 500:  # its text may tell of our insides
        return told(500, "InternalError", "The service failed. Its log has more under this request id.")
    more = {"asked": error.asked, "held": error.held} if isinstance(error, WrongBundle) else {}
    answer = told(status, _name(error), _message(error), headers=headers, **more)
    if status == 401:  # a line each: of a line with two, Chromium reads the first and asks nobody
        for way in ("Bearer", 'Basic realm="dlrs"'):
            answer.headers.append("WWW-Authenticate", way)
    return answer


def told(
    status: int, kind: str, message: str, *, headers: Mapping[str, str] | None = None, **more: Any
) -> Json:
    """Return an error as this service tells it."""
    sound = message.encode("utf-8", "replace").decode()  # half of a surrogate pair cannot be sent
    body = {"type": kind, "message": sound, "request_id": request_id.get(), **more}
    return Json({"error": body}, status_code=status, headers=dict(headers or {}))


def _status(error: Exception) -> int:
    if isinstance(error, OSError) and error.errno in FULL:
        return 507
    return next((STATUS[kind] for kind in type(error).__mro__ if kind in STATUS), 500)


def _name(error: Exception) -> str:
    if isinstance(error, RequestValidationError | RecursionError):
        return "RequestError"
    return "StorageFull" if isinstance(error, OSError) else type(error).__name__


def _message(error: Exception) -> str:
    if isinstance(error, RequestValidationError):
        problems = error.errors()
        lines = [f"{_place(problem['loc'])}: {problem['msg']}" for problem in problems[:MOST_PROBLEMS]]
        rest = len(problems) - len(lines)
        return "; ".join(lines) + (f"; and {rest} more" if rest else "")
    if isinstance(error, RecursionError):
        return "body: expected a few levels of lists and objects, received too many."
    if isinstance(error, OSError):
        return "The disk has no room for a write. Nothing of it was done; reads go on."
    return str(error)


def _place(loc: tuple[Any, ...]) -> str:
    """Return where in a request something is; a name that the caller made up is cut short."""
    return ".".join(str(part)[:60] for part in loc)
