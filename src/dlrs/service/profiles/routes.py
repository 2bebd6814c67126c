"""Routes of the User Profile API.

Where a request's form is wrong, all of it is refused (422). Events that fit the form are taken one by one:
the answer, always 200, says how many were new, how many repeated, and which were refused and why.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any

import orjson
from fastapi import APIRouter, Query, Response

from dlrs.candidates.filtering.filters import parse_filters
from dlrs.schema import Features
from dlrs.service.clock import Clock
from dlrs.service.http.access import needs
from dlrs.service.http.parameters import id_in_one_part
from dlrs.service.profiles.forms import (
    MOST_EVENTS,
    AnyEvents,
    EventForm,
    GuestForm,
    OverridesForm,
    filters_json,
    profile_json,
)
from dlrs.service.seams import ProfileSource

Shown = Annotated[int, Query(ge=0, le=MOST_EVENTS)]


def router(profiles: ProfileSource, features: Callable[[], Features], clock: Clock) -> APIRouter:
    """Return the routes; `features` are those of the marketplace that is served now."""
    routes = APIRouter(tags=["profiles"])
    _events(routes, profiles, clock)
    _profiles(routes, profiles, features)
    _others(routes, profiles, features, clock)
    return routes


def _events(routes: APIRouter, profiles: ProfileSource, clock: Clock) -> None:
    @routes.post("/events", dependencies=[needs("events")])
    def add_events(body: AnyEvents) -> Response:
        """Take an event, or {"events": […]} of them. Their ids make it safe to send them again."""
        forms = [body] if isinstance(body, EventForm) else body.events
        now = clock()
        added = profiles.add([form.event(now) for form in forms])
        refused = [{"id": one.id, "reason": one.reason} for one in added.refused]
        return _json({"new": added.new, "repeated": added.repeated, "refused": refused})


def _profiles(routes: APIRouter, profiles: ProfileSource, features: Callable[[], Features]) -> None:
    @routes.get("/users/{user_id:path}/profile", dependencies=[needs("read")])
    def show_profile(
        user_id: str, history: Shown = 20, described: Shown = 20, known_ids: bool = False
    ) -> Response:
        """Tell what is known of a user: distributions, numbers, the newest events, overrides.

        The newest `described` of the `history` events come with the features that their items had.
        """
        profile = profiles.profile(user_id, described=described)
        return _json(profile_json(profile, features(), history=history, with_known_ids=known_ids))

    @routes.put("/users/{user_id:path}/profile/overrides", dependencies=[needs("events")])
    def replace_overrides(user_id: str, body: OverridesForm) -> Response:
        """Replace the filters that all lists of a user pass: "never red", "at most 15,000"."""
        filters = parse_filters(body.filters)
        profiles.override(user_id, filters)
        return _json({"filters": filters_json(filters)})

    @routes.delete("/users/{user_id:path}", dependencies=[needs("admin"), id_in_one_part], status_code=204)
    def erase_user(user_id: str) -> None:
        """Forget everything about a user, everywhere and for good."""
        profiles.erase(user_id)

    @routes.get("/users-erased", dependencies=[needs("admin")])
    def erased_users(after: Annotated[int, Query(ge=0, lt=2**63)] = 0) -> Response:
        """Tell who was erased after an erasure, for those who keep something of users: 1,000 at a time."""
        found = profiles.erased(after)
        return _json({"seq": found.seq, "user_ids": list(found.user_ids)})

    @routes.get("/users-active", dependencies=[needs("admin")])
    def active_users(
        after: Annotated[int, Query(ge=0, lt=2**63)] = 0, since: Annotated[int, Query(ge=0, lt=2**63)] = 0
    ) -> Response:
        """Tell who did something in the next events after one: then ask after `seq`, until nobody is told.

        `since`, in microseconds since 1970: only events of that time and later.
        """
        found = profiles.active(after, since)
        return _json({"seq": found.seq, "user_ids": list(found.user_ids)})


def _others(
    routes: APIRouter, profiles: ProfileSource, features: Callable[[], Features], clock: Clock
) -> None:
    @routes.post("/guest-profile", dependencies=[needs("read")])
    def guest_profile(body: GuestForm) -> Response:
        """Tell what some events say of their user. Nothing of it is kept."""
        profile = profiles.guest(body.of(clock()), described=body.described)
        return _json(profile_json(profile, features(), history=MOST_EVENTS, with_known_ids=True))

    @routes.get("/popular-items", dependencies=[needs("read")])
    def popular_items(most: Annotated[int, Query(ge=1, le=1000)] = 50) -> Response:
        """Tell which items most users met of late, each user counted once an item."""
        found = [{"item_id": item, "users": users} for item, users in profiles.popular(most)]
        return _json({"items": found})


def _json(content: Any) -> Response:
    return Response(orjson.dumps(content), media_type="application/json")
