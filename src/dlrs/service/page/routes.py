"""Routes of the page. Everything works as links and forms; htmx only saves the reloading.

A form tells what was done (POST), and the answer leads back to where one was (303): the next list is the
one after it. A form's event has an id that was made with the page, so a double click is one event.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import parse_qsl, quote, unquote, urlencode
from uuid import uuid4

import jinja2
from fastapi import APIRouter, Depends, Request
from starlette.responses import FileResponse, HTMLResponse, RedirectResponse, Response

from dlrs.candidates.filtering.filters import Filter
from dlrs.errors import RequestError
from dlrs.evaluation.report import Report
from dlrs.service.bundle import ServingBundle
from dlrs.service.clock import Clock
from dlrs.service.http.access import Forbidden, needs
from dlrs.service.metrics import Metrics
from dlrs.service.page import live, wishes
from dlrs.service.page.cards import Card, card, price_feature
from dlrs.service.page.profiles import distributions, ranges
from dlrs.service.profiles.forms import moment
from dlrs.service.ranking.ranking_service import RankingService
from dlrs.service.seams import CandidateSource, Event, ProfileSource, Ranked

SHOWN, SIMILAR, HISTORY = 12, 6, 10
FIELDS = 100  # of a form
STATIC = Path(__file__).with_name("static")
FILES = {"style.css": "text/css", "htmx.min.js": "text/javascript"}
HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; "
    "img-src 'self' data:; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    "Cache-Control": "no-store",
    "Referrer-Policy": "same-origin",
}
TEMPLATES = jinja2.Environment(
    loader=jinja2.PackageLoader("dlrs.service.page"),
    autoescape=True,
    undefined=jinja2.StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)


def segment(id: object) -> str:
    """Return an id as one segment of a path. Quoted twice, for servers take a quoted slash for a slash.

    >>> segment("7"), segment("a/b"), segment("..")
    ('7', 'a%252Fb', '%252E%252E')
    """
    once = quote(str(id), safe="")
    return quote(once if once.strip(".") else once.replace(".", "%2E"), safe="")  # "..": one folder up


TEMPLATES.filters["path"] = segment
TEMPLATES.globals["new_id"] = lambda: uuid4().hex


async def _form(request: Request) -> dict[str, str]:
    """Return the fields of a form of this page; one that another site sent is refused."""
    headers = request.headers
    origin = headers.get("origin")  # all that browsers without Sec-Fetch-Site tell
    elsewhere = origin is not None and origin.partition("://")[2] != headers.get("host")
    if elsewhere or headers.get("sec-fetch-site", "same-origin") not in ("same-origin", "none"):
        raise Forbidden("form: expected one of this page, received one that another site sent.")
    text = (await request.body()).decode("utf-8", "replace")
    if text.count("&") >= FIELDS:
        raise RequestError(f"form: expected at most {FIELDS} fields, received {text.count('&') + 1}.")
    return dict(parse_qsl(text, keep_blank_values=True))


Form = Annotated[dict[str, str], Depends(_form)]


class Page:
    """What the page shows, from the services that it is put over."""

    def __init__(
        self,
        ranking: RankingService,
        profiles: ProfileSource,
        candidates: CandidateSource,
        bundle: Callable[[], ServingBundle],
        clock: Clock,
        metrics: Metrics,
        examples: Callable[[], Sequence[str]],
    ) -> None:
        """Take the services, the bundle of now, and some users to begin with."""
        self.ranking, self.profiles, self.candidates = ranking, profiles, candidates
        self.bundle, self.clock, self.metrics, self.examples = bundle, clock, metrics, examples

    def start(self) -> str:
        """Return the page on which one chooses a user."""
        return self._page("start.html", examples=self.examples())

    def user(self, user_id: str, given: Mapping[str, str], here: str) -> str:
        """Return a user's profile, history and list."""
        bundle, error = self.bundle(), None
        filters: Sequence[Filter] = ()
        try:
            filters = wishes.filters(given, bundle.encoding)
        except RequestError as wrong:
            error = str(wrong)
        answer = self.ranking.recommend(user_id, SHOWN, filters=filters)
        profile = self.profiles.profile(user_id)
        features = bundle.encoding.items.features
        return self._page(
            "user.html",
            user=user_id,
            here=here,
            error=error,
            profile=profile,
            distributions=distributions(profile, features),
            ranges=ranges(profile, features),
            history=self._history(user_id, bundle),
            answer=answer,
            cards=self._cards(answer.items, bundle),
            types=bundle.recipe.marketplace.interaction_types,
            fields=wishes.fields(bundle.encoding, given),
            places=wishes.has_places(bundle.encoding),
            given=given,
            overrides=[wishes.in_words(one) for one in profile.overrides],
            filters=[wishes.in_words(one) for one in filters],
            price=price_feature(features),
        )

    def item(self, user_id: str, item_id: str, here: str) -> str | None:
        """Return an item and what is like it; None if nobody ever heard of it."""
        found = self.candidates.items([item_id]).get(item_id)
        if found is None:
            return None
        bundle = self.bundle()
        near = None if found.gone else self.ranking.similar(item_id, SIMILAR)
        return self._page(
            "item.html",
            user=user_id,
            here=here,
            card=card(item_id, found.features, bundle.encoding),
            gone=found.gone,
            cards=self._cards(near.items if near else (), bundle),
            types=bundle.recipe.marketplace.interaction_types,
        )

    def report(self) -> str:
        """Return the offline report that came with the bundle."""
        file = self.bundle().folder / "report.json"
        report = Report.from_json(file.read_text(encoding="utf-8")) if file.is_file() else None
        return self._page("report.html", report=report)

    def live(self, *, whole: bool) -> str:
        """Return the live numbers, as a page or as the part of it that changes."""
        text = self.metrics.text()
        shown = {"histograms": live.histograms(text), "counts": live.counts(text)}
        return self._page("live.html" if whole else "numbers.html", **shown)

    def lost(self, what: str) -> str:
        """Return a page that says what did not work."""
        return self._page("lost.html", what=what)

    def did(self, user_id: str, given: Mapping[str, str]) -> None:
        """Take what a user did. RequestError where it was refused."""
        event = Event(
            given.get("event", ""), user_id, given.get("item", ""), given.get("type", ""), self.clock()
        )
        if not event.id or not event.item_id:
            raise RequestError("event: expected its id, an item and a type, received a form without them.")
        refused = self.profiles.add([event]).refused
        if refused:
            raise RequestError(refused[0].reason)

    def never(self, user_id: str, given: Mapping[str, str]) -> None:
        """Add an override, or drop them all. RequestError where it is none."""
        before = self.profiles.profile(user_id, described=0).overrides
        self.profiles.override(user_id, [] if "clear" in given else wishes.never(given, before))

    def _history(self, user_id: str, bundle: ServingBundle) -> list[tuple[Any, Card]]:
        newest = self.profiles.profile(user_id, described=HISTORY).history[::-1][:HISTORY]
        return [
            (
                {"type": met.type, "time": moment(met.time)},
                card(met.item_id, met.features or {}, bundle.encoding),
            )
            for met in newest
        ]

    def _cards(self, items: Sequence[Ranked], bundle: ServingBundle) -> list[tuple[Ranked, Card]]:
        return [(one, card(one.id, one.features, bundle.encoding)) for one in items]

    def _page(self, template: str, **shown: Any) -> str:
        return TEMPLATES.get_template(template).render(shown, bundle=self.bundle())


def router(page: Page) -> APIRouter:
    """Return the page's routes. They are no part of the OpenAPI document: people use them."""
    routes = APIRouter(include_in_schema=False)
    reads, events, admin = [needs("read")], [needs("events")], [needs("admin")]

    @routes.get("/", dependencies=reads)
    def start(user: str = "") -> Response:
        if user.strip():
            return RedirectResponse(f"/u/{segment(user.strip())}", 303)
        return _html(page.start())

    @routes.get("/static/{name}")
    def static(name: str) -> Response:
        if name not in FILES:
            return _html("", 404)
        return FileResponse(STATIC / name, media_type=FILES[name], headers={"Cache-Control": "max-age=3600"})

    @routes.get("/report", dependencies=reads)
    def report() -> Response:
        return _html(page.report())

    @routes.get("/live", dependencies=reads)
    def live_page() -> Response:
        return _html(page.live(whole=True))

    @routes.get("/live/numbers", dependencies=reads)
    def live_numbers() -> Response:
        return _html(page.live(whole=False))

    @routes.get("/u/{user}/ad/{item:path}", dependencies=reads)
    def item(user: str, item: str, request: Request) -> Response:
        shown = page.item(unquote(user), unquote(item), _here(request))
        if shown is None:
            return _html(page.lost(f"Nobody ever heard of an item '{unquote(item)}'."), 404)
        return _html(shown)

    @routes.get("/u/{user}", dependencies=reads)
    def user(user: str, request: Request) -> Response:
        return _html(page.user(unquote(user), dict(request.query_params), _here(request)))

    @routes.post("/u/{user}/did", dependencies=events)
    def did(user: str, form: Form) -> Response:
        return _done(page, lambda: page.did(unquote(user), form), form, f"/u/{quote(user, safe='')}")

    @routes.post("/u/{user}/never", dependencies=events)
    def never(user: str, form: Form) -> Response:
        return _done(page, lambda: page.never(unquote(user), form), form, f"/u/{quote(user, safe='')}")

    @routes.post("/u/{user}/erase", dependencies=admin)
    def erase(user: str, form: Form) -> Response:
        return _done(page, lambda: page.profiles.erase(unquote(user)), form, "/")

    return routes


def _done(page: Page, do: Callable[[], None], form: Mapping[str, str], otherwise: str) -> Response:
    try:
        do()
    except RequestError as error:
        return _html(page.lost(str(error)), 422)
    return RedirectResponse(_local(form.get("next", "")) or otherwise, 303)


def _local(address: str) -> str | None:
    """Return an address of this very page, None where a form names another one."""
    own = address.startswith("/") and address[1:2] not in ("/", "\\") and address.isprintable()
    return address if own else None


def _here(request: Request) -> str:
    given = [(name, value) for name, value in request.query_params.multi_items() if value]
    return quote(request.url.path) + (f"?{urlencode(given)}" if given else "")


def _html(text: str, status: int = 200) -> HTMLResponse:
    return HTMLResponse(text, status, HEADERS)
