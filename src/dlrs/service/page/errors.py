"""Errors of the page, for people: what is the matter, in words, and where to go on."""

from __future__ import annotations

from collections.abc import Mapping

from dlrs.service.http.error_pages import Told
from dlrs.service.page.routes import HEADERS, TEMPLATES

ADDRESSES = ("/", "/report", "/live", "/live/numbers")
USERS = "/u/"

TITLES: Mapping[int, str] = {
    401: "A key is needed",
    403: "Not with this key, or not from here",
    404: "Nothing is here",
    503: "Not now",
    507: "No room",
}
OTHERS = "That did not work"
PASSES = (503,)
"""Errors after which the same may work in a moment."""


class PageErrors:
    """`ErrorPages` of the page. It asks nothing of the services, of which one may be away."""

    headers: Mapping[str, str] = HEADERS

    def has(self, path: str) -> bool:
        """Tell whether this is an address of the page."""
        return path in ADDRESSES or path.startswith(USERS)

    def shown(self, told: Told, *, part: bool) -> str:
        """Return an error as a page, or as a part of one."""
        again = told.again if told.status in PASSES else None
        title = TITLES.get(told.status, OTHERS)
        template = TEMPLATES.get_template("trouble.html" if part else "error.html")
        return template.render(title=title, told=told, again=again, bundle=None)
