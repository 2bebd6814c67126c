"""Parameters: what would be taken for something else than its caller meant is refused.

A query parameter that a route does not know: a list without the filter that its caller wrote in another word
would look like one with it. A slash in an id of what is to be deleted: `/users/7/` would be another user.
"""

from __future__ import annotations

from typing import Any

from fastapi import Depends, HTTPException, Request

from dlrs.errors import RequestError


async def _check(request: Request) -> None:
    given = request.query_params
    if not given:
        return
    known = [parameter.alias for parameter in request.scope["route"].dependant.query_params]
    for name in given:
        if name not in known:
            raise RequestError(
                f"query: expected {'some of ' + ', '.join(known) if known else 'no parameters'}, "
                f"received {name[:60]!r}."
            )


async def _check_path(request: Request) -> None:
    template: str = request.scope["route"].path
    if request.scope["raw_path"].count(b"/") != template.count("/"):
        raise HTTPException(
            404,
            "path: expected the id as its last part, with %2F for each slash within it, received several.",
        )


id_in_one_part: Any = Depends(_check_path)
"""The dependency of routes whose id may have slashes, but only such as say that they belong to it."""

known_parameters: Any = Depends(_check)
"""The dependency of routes that take no other query parameters than their own."""
