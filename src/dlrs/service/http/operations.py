"""The OpenAPI page: `/openapi.json` for programs, `/docs` for people, without scripts or foreign servers."""

from __future__ import annotations

import json
from typing import Any

import jinja2
from fastapi import APIRouter, FastAPI
from fastapi.openapi.utils import get_openapi
from starlette.responses import HTMLResponse

SCHEMES = {
    "bearer": {"type": "http", "scheme": "bearer"},
    "key": {"type": "apiKey", "in": "header", "name": "X-API-Key"},
}
ERROR = {
    "type": "object",
    "required": ["error"],
    "properties": {
        "error": {
            "type": "object",
            "required": ["type", "message", "request_id"],
            "properties": {
                "type": {"type": "string"},
                "message": {"type": "string"},
                "request_id": {"type": ["string", "null"]},
            },
        }
    },
}
ANSWERS = {  # of any operation but health
    "400": "The body is not JSON",
    "401": "No API key",
    "403": "A key without this scope",
    "404": "There is no such thing",
    "408": "The body did not come in time",
    "409": "Another bundle is held: the error names it",
    "413": "The body is too large",
    "422": "Something in the request is not as it should be",
    "503": "Too much to do, or something is not there now: ask again after Retry-After",
    "507": "No room on the disk for a write; reads go on",
}
STYLE = (
    "body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;"
    "color-scheme:light dark}code,pre{font-size:.9em}pre{overflow:auto;background:#8882;padding:.6rem}"
    "h2{border-top:1px solid #8886;padding-top:1rem;overflow-wrap:anywhere}"
)
POLICY = "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'"

PAGE = jinja2.Environment(autoescape=True).from_string("""<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>{{ document.info.title }} {{ document.info.version }}</title><style>{{ style }}</style></head><body>
<h1>{{ document.info.title }} {{ document.info.version }}</h1>
<p>{{ document.info.description }} For programs: <a href="openapi.json">openapi.json</a>.</p>
{% for path, operations in document.paths.items() %}{% for method, operation in operations.items() %}
<h2><code>{{ method | upper }} {{ path }}</code></h2>
<p>{{ operation.description or operation.summary }}</p>
{% if operation.parameters %}<ul>{% for parameter in operation.parameters %}
<li><code>{{ parameter.name }}</code> ({{ parameter.in }}{{ ", required" if parameter.required }}):
{{ parameter.description or "" }} <code>{{ parameter.schema | tojson }}</code></li>{% endfor %}
</ul>{% endif %}
{% for type, content in (operation.requestBody or {}).get("content", {}).items() %}
<p>Body, <code>{{ type }}</code>:</p><pre>{{ content.schema | tojson(indent=1) }}</pre>{% endfor %}
<p>Answers: {% for status, answer in operation.responses.items() %}
<code>{{ status }}</code> {{ answer.description }}{{ ", " if not loop.last }}{% endfor %}</p>
{% endfor %}{% endfor %}
{% for name, schema in document.get("components", {}).get("schemas", {}).items() %}
<h2 id="{{ name }}"><code>{{ name }}</code></h2><pre>{{ schema | tojson(indent=1) }}</pre>{% endfor %}
</body></html>""")


def router(app: FastAPI) -> APIRouter:
    """Return the route of the page, and have `/openapi.json` say what this service does with errors."""

    def document() -> dict[str, Any]:
        if app.openapi_schema is None:
            app.openapi_schema = _document(app)
        return app.openapi_schema

    app.openapi = document  # type: ignore[method-assign]  # FastAPI's way
    routes = APIRouter(include_in_schema=False)

    @routes.get("/docs")
    async def page() -> HTMLResponse:
        text = PAGE.render(document=json.loads(json.dumps(document())), style=STYLE)
        return HTMLResponse(text, headers={"Content-Security-Policy": POLICY})

    return routes


def _document(app: FastAPI) -> dict[str, Any]:
    """Return the OpenAPI document with keys and errors as they are, in the place of FastAPI's own."""
    document = get_openapi(
        title=app.title, version=app.version, description=app.description, routes=app.routes
    )
    parts = document.setdefault("components", {})
    parts["securitySchemes"] = SCHEMES
    schemas = parts.setdefault("schemas", {})
    for unused in ("HTTPValidationError", "ValidationError"):
        schemas.pop(unused, None)
    schemas["Error"] = ERROR
    for path, operations in document["paths"].items():
        for operation in operations.values():
            if not path.startswith("/health/"):
                operation["security"] = [{}, {"bearer": []}, {"key": []}]
                _add_errors(operation["responses"])
    return document


def _add_errors(answers: dict[str, Any]) -> None:
    for status, text in ANSWERS.items():
        answers.setdefault(status, {"description": text})
    for status, answer in answers.items():
        if status >= "4":
            answer["content"] = {"application/json": {"schema": {"$ref": "#/components/schemas/Error"}}}
    if "422" in answers:
        answers["422"]["description"] = "Something in the request is not as it should be"
