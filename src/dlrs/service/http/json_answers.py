"""JSON answers: written by orjson, numpy included."""

from __future__ import annotations

from typing import Any

import orjson
from starlette.responses import Response

OPTIONS = orjson.OPT_SERIALIZE_NUMPY | orjson.OPT_NON_STR_KEYS


class Json(Response):
    """An answer in JSON. Return it from a route: anything else FastAPI walks through in Python first."""

    media_type = "application/json"

    def render(self, content: Any) -> bytes:
        """Write the content. NaN and infinity become null."""
        return orjson.dumps(content, option=OPTIONS)
