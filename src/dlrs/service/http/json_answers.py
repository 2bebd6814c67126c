"""JSON answers: written by orjson, numpy included."""

from __future__ import annotations

from typing import Any

import orjson
from starlette.responses import JSONResponse

OPTIONS = orjson.OPT_SERIALIZE_NUMPY | orjson.OPT_NON_STR_KEYS


class Json(JSONResponse):
    """An answer in JSON. Return it from a route: anything else FastAPI walks through in Python first.

    FastAPI documents what it does not know to be JSON as text: hence the base class.
    """

    def render(self, content: Any) -> bytes:
        """Write the content. NaN and infinity become null."""
        return orjson.dumps(content, option=OPTIONS)
