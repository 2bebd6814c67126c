"""HttpProfiles: the User Profile API of another process."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Self
from urllib.parse import quote

import httpx
import orjson

from dlrs.candidates.filtering.filters import Filter
from dlrs.service.other_service import PATIENCE, OtherService
from dlrs.service.profiles.forms import MOST_EVENTS, event_json, filters_json, profile_of
from dlrs.service.profiles.taking import expect_id, unsendable
from dlrs.service.seams import Active, Added, Erased, Event, Profile, Refused


class HttpProfiles:
    """`ProfileSource` over HTTP. Safe for threads."""

    def __init__(self, service: OtherService) -> None:
        self._service, self.close = service, service.close

    @classmethod
    def at(cls, url: str, *, key: str | None = None, timeout: httpx.Timeout = PATIENCE) -> Self:
        """Talk to the service at an address, with an API key where it asks for one."""
        return cls(OtherService.at("User Profile API", url, key, timeout))

    def profile(self, user_id: str, *, described: int = 20) -> Profile:
        """Return the profile of now."""
        asked = {"history": MOST_EVENTS, "described": min(described, MOST_EVENTS), "known_ids": True}
        return profile_of(self._ask("GET", f"/users/{_in_path(user_id)}/profile", params=asked))

    def guest(self, events: Sequence[Event], *, described: int = 20) -> Profile:
        """Return the profile that these events make."""
        body = {"events": [event_json(event) for event in events], "described": min(described, MOST_EVENTS)}
        return profile_of(self._ask("POST", "/guest-profile", body))

    def add(self, events: Sequence[Event]) -> Added:
        """Take events. After `Unavailable` some may be safe already: sending all of them again is right."""
        new, repeated = 0, 0
        problems = [(event, unsendable(event)) for event in events]
        refused = [Refused(event.id, problem) for event, problem in problems if problem is not None]
        sent = [event for event, problem in problems if problem is None]
        for first in range(0, len(sent), MOST_EVENTS):
            part = [event_json(event) for event in sent[first : first + MOST_EVENTS]]
            answer = self._ask("POST", "/events", {"events": part})
            new, repeated = new + answer["new"], repeated + answer["repeated"]
            refused += [Refused(one["id"], one["reason"]) for one in answer["refused"]]
        return Added(new, repeated, refused)

    def override(self, user_id: str, filters: Sequence[Filter]) -> None:
        """Replace a user's overrides."""
        body = {"filters": filters_json(filters)}
        self._ask("PUT", f"/users/{_in_path(user_id)}/profile/overrides", body)

    def erase(self, user_id: str) -> None:
        """Forget a user."""
        self._ask("DELETE", f"/users/{_in_path(user_id)}")

    def erased(self, after: int) -> Erased:
        """Return who was erased after an erasure."""
        return Erased(**self._ask("GET", "/users-erased", params={"after": after}))

    def active(self, after: int, since: int = 0) -> Active:
        """Return who did something in the next events after one, of events of a time and later."""
        return Active(**self._ask("GET", "/users-active", params={"after": after, "since": since}))

    def popular(self, most: int) -> Sequence[tuple[str, int]]:
        """Return the items that most users met of late, 1,000 at most."""
        found = self._ask("GET", "/popular-items", params={"most": min(max(most, 1), 1000)})
        return [(one["item_id"], one["users"]) for one in found["items"]][: max(most, 0)]

    def _ask(self, method: str, path: str, body: Any = None, params: dict[str, Any] | None = None) -> Any:
        content = self._service.ask(method, path, body, params=params)
        return orjson.loads(content) if content else None


def _in_path(user_id: str) -> str:
    """Return an id as a part of a path; dots, too, for a path of dots leads elsewhere."""
    expect_id(user_id)
    return quote(user_id, safe="").replace(".", "%2E")
