"""Parameters: a query parameter that a route does not know is refused, for a list without the filter that its
caller wrote in another word would look like one with it.
"""

from __future__ import annotations

from typing import Any

from fastapi import Depends, Request

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


known_parameters: Any = Depends(_check)
"""The dependency of routes that take no other query parameters than their own."""
