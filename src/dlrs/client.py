"""Client: a dlrs service from Python. What its OpenAPI document has, by the same names.

    with Client("http://127.0.0.1:8000", key="dlrs_…") as client:
        client.events([{"id": "e1", "user_id": "7", "item_id": "42", "type": "view"}])
        for item in client.recommendations("7", k=10)["items"]:
            print(item["id"], item["score"], item["reason"])

Answers are the service's JSON. All that can be asked is safe to ask again, and the client does so a few times
where there is no answer, or one of those in `AGAIN`. `Unavailable` then says nothing against what was asked:
the service did not answer, or somebody else did in its place. Send the same later. `RequestError` and
`DataError` are about the request or its key: the same would fail again.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Self
from urllib.parse import quote

import httpx
import orjson

from dlrs.errors import DataError, DlrsError, RequestError, StorageFull, Unavailable, WrongBundle

Json = dict[str, Any]
Filters = Sequence[Mapping[str, Any]]
"""Filters and steps of relaxing as docs/filters.md describes them."""

ATTEMPTS = 3
TIMEOUT = httpx.Timeout(10.0, connect=1.0)  # twice what the service takes to say 503 to `users_for`
LONGEST_PAUSE = 5.0  # seconds, whatever Retry-After says
AGAIN = frozenset({408, 429, 502, 503, 504})  # statuses, the service's or a proxy's, that pass
MOST_TEXT = 200  # characters of somebody else's answer that an error shows
USUAL: Mapping[str, Any] = {"k": 20, "page": "home", "where": "[]", "relax": "[]"}
"""What the service takes for a list where nothing is said. Lists asked for so are its quickest."""
RAISED: Mapping[str, type[DlrsError]] = {
    "DataError": DataError,
    "Unavailable": Unavailable,
    "Overloaded": Unavailable,
    "StorageFull": StorageFull,
}


class Client:
    """A service at a URL. Safe for threads; connections stay open until `close`.

    Raises:
        RequestError: the URL, the key or the number of attempts cannot be used.
    """

    def __init__(
        self,
        url: str,
        key: str | None = None,
        *,
        attempts: int = ATTEMPTS,
        timeout: httpx.Timeout = TIMEOUT,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        if attempts < 1:
            raise RequestError(f"attempts: expected 1 or more, received {attempts}.")
        self._http = httpx.Client(
            base_url=_address(url), headers=_headers(key), timeout=timeout, transport=transport
        )
        self._attempts = attempts

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close all connections."""
        self._http.close()

    # --- lists

    def recommendations(
        self, user: str, k: int = 20, *, page: str = "home", where: Filters = (), relax: Filters = ()
    ) -> Json:
        """Return a user's list."""
        asked = {"k": k, "page": page, "where": _text(where), "relax": _text(relax)}
        said = {name: value for name, value in asked.items() if value != USUAL[name]}
        return self._ask("GET", "/recommendations/{}", user, params=said)

    def recommend(self, **wish: Any) -> Json:
        """Return a list for `user_id`, a guest's `events` or a given `profile`; k, page, filters, relax."""
        return self._ask("POST", "/recommendations", body=wish)

    def guest(self, events: Sequence[Mapping[str, Any]], k: int = 20, **wish: Any) -> Json:
        """Return the list of a guest who did some `events`; nothing of them is kept."""
        return self.recommend(events=events, k=k, **wish)

    def similar(self, item: str, k: int = 20, *, where: Filters = ()) -> Json:
        """Return items that are like one."""
        return self._ask("GET", "/items/{}/similar", item, params={"k": k, "where": _text(where)})

    def users_for(self, item: str, k: int = 20) -> Json:
        """Return the users that suit an item best."""
        return self._ask("GET", "/items/{}/users", item, params={"k": k})

    def rank(self, items: Sequence[str], **somebody: Any) -> Json:
        """Order some items for `user_id`, a guest's `events` or a given `profile`."""
        return self._ask("POST", "/rank", body={"items": items, **somebody})

    def decision(self, decision_id: str) -> Json:
        """Return all that an answer followed from."""
        return self._ask("GET", "/decisions/{}", decision_id)

    # --- users

    def events(self, events: Iterable[Mapping[str, Any]]) -> Json:
        """Tell what users did, 10,000 events at most. Each has an id, and counts once however often sent."""
        return self._ask("POST", "/events", body={"events": list(events)})

    def profile(self, user: str, *, history: int = 20) -> Json:
        """Return what is known of a user."""
        return self._ask("GET", "/users/{}/profile", user, params={"history": history})

    def override(self, user: str, filters: Filters) -> Json:
        """Replace the filters that all lists of a user pass."""
        return self._ask("PUT", "/users/{}/profile/overrides", user, body={"filters": filters})

    def erase(self, user: str) -> None:
        """Have everything about a user forgotten."""
        self._ask("DELETE", "/users/{}", user)

    def erased(self, after: int = 0) -> Json:
        """Return who was erased after an erasure, 1,000 at most; then ask from `seq`."""
        return self._ask("GET", "/users-erased", params={"after": after})

    def active(self, after: int = 0, since: int = 0) -> Json:
        """Return who did something in the next events after one, of a time on; then ask from `seq`."""
        return self._ask("GET", "/users-active", params={"after": after, "since": since})

    def guest_profile(self, events: Sequence[Mapping[str, Any]]) -> Json:
        """Return the profile that a guest's events make."""
        return self._ask("POST", "/guest-profile", body={"events": events})

    def popular_items(self, most: int = 50) -> Json:
        """Return the items that most users met of late."""
        return self._ask("GET", "/popular-items", params={"most": most})

    # --- items

    def item(self, item: str) -> Json:
        """Return an item as it is now."""
        return self._ask("GET", "/items/{}", item)

    def items(self, ids: Sequence[str]) -> Json:
        """Return items as they are now."""
        return self._ask("POST", "/items/get", body={"ids": ids})

    def put_item(self, item: str, features: Mapping[str, Any]) -> Json:
        """Add an item, or a new version of it."""
        return self._ask("PUT", "/items/{}", item, body={"features": features})

    def patch_item(self, item: str, features: Mapping[str, Any]) -> Json:
        """Change some features of an item."""
        return self._ask("PATCH", "/items/{}", item, body={"features": features})

    def delete_item(self, item: str) -> None:
        """Delete an item: it is never recommended again."""
        self._ask("DELETE", "/items/{}", item)

    def bulk_items(self, upsert: Mapping[str, Mapping[str, Any]], delete: Sequence[str] = ()) -> Json:
        """Add, change and delete up to 10,000 items."""
        return self._ask("POST", "/items", body={"upsert": upsert, "delete": delete})

    def versions(self, wanted: Sequence[Mapping[str, Any]]) -> Json:
        """Return the features that items had: {"item_id", "time" in microseconds since 1970}."""
        return self._ask("POST", "/items/versions", body={"wanted": wanted})

    def gone(self, after: int) -> Json:
        """Return what was deleted after a change."""
        return self._ask("GET", "/items-gone", params={"after": after})

    def candidates(self, bundle_id: str, queries: Sequence[Mapping[str, Any]], **wish: Any) -> Json:
        """Return what is near some vectors: {"vector", "share"}; count, known_ids, filters, popular."""
        return self._ask("POST", "/candidates", body={"bundle_id": bundle_id, "queries": queries, **wish})

    def represent(self, bundle_id: str, ids: Sequence[str]) -> Json:
        """Return what ItemNet makes of some items."""
        return self._ask("POST", "/items/represent", body={"bundle_id": bundle_id, "ids": ids})

    def popular_before(self, bundle_id: str, count: int = 100, filters: Filters = ()) -> Json:
        """Return the items that were most popular when a bundle was made."""
        body = {"bundle_id": bundle_id, "count": count, "filters": filters}
        return self._ask("POST", "/items-popular", body=body)

    # --- the service

    def live(self) -> Json:
        """Say that it answers."""
        return self._ask("GET", "/health/live")

    def ready(self) -> Json:
        """Say whether it can do its work, and what it lacks."""
        try:
            answer = self._http.get("/health/ready")
        except httpx.HTTPError as error:
            raise self._away(error) from error
        content = _json(answer)
        if isinstance(content, dict) and (answer.is_success or "checks" in content):
            return content
        raise _error(answer)

    def metrics(self) -> str:
        """Return the numbers for Prometheus."""
        return self._answer("GET", "/metrics", None, None).text

    def _ask(
        self, method: str, template: str, *ids: str, params: Mapping[str, Any] | None = None, body: Any = None
    ) -> Json:
        path = template.format(*(_in_path(id) for id in ids))
        answer = self._answer(method, path, params, body)
        if method == "DELETE" and answer.status_code == 204:
            return {}
        content = _json(answer)
        if not isinstance(content, dict):
            raise _error(answer)
        return content

    def _answer(self, method: str, path: str, params: Mapping[str, Any] | None, body: Any) -> httpx.Response:
        """Ask until there is an answer. All that can be asked is safe to ask again."""
        content = None if body is None else orjson.dumps(body)
        headers = {} if body is None else {"Content-Type": "application/json"}
        for attempt in range(1, self._attempts + 1):
            last = attempt == self._attempts
            try:
                answer = self._http.request(method, path, params=params, content=content, headers=headers)
            except httpx.HTTPError as error:
                if last:
                    raise self._away(error) from error
                time.sleep(0.1 * attempt)
                continue
            if answer.status_code not in AGAIN or last:
                break
            time.sleep(_pause(answer.headers.get("Retry-After", "")))
        if not answer.is_success:
            raise _error(answer)
        return answer

    def _away(self, error: httpx.HTTPError) -> Unavailable:
        return Unavailable(
            f"{_shown(self._http.base_url)}: expected an answer, received none "
            f"({type(error).__name__}: {error}). Ask again soon."
        )


def _address(url: str) -> httpx.URL:
    try:
        address = httpx.URL(url)
    except httpx.InvalidURL:
        address = httpx.URL()
    if address.scheme not in ("http", "https") or not address.host:
        raise RequestError(f"url: expected one like http://127.0.0.1:8000, received {url!r}.")
    return address


def _headers(key: str | None) -> dict[str, str]:
    if key is None:
        return {}
    if not re.fullmatch("[!-~]+", key):  # the message goes into logs, the key does not
        raise RequestError(
            "key: expected one as `dlrs keys new` prints it, received an empty one, or one with a space, "
            "the end of a line or a letter that is not ASCII. Strip what does not belong to it."
        )
    return {"Authorization": f"Bearer {key}"}


def _pause(retry_after: str) -> float:
    """Return the seconds to wait; a proxy may name a date instead, or nothing."""
    return min(float(retry_after), LONGEST_PAUSE) if retry_after.isdecimal() else 1.0


def _error(answer: httpx.Response) -> DlrsError:
    """Return the service's error as the exception that it was there, or what somebody else's answer means."""
    status = answer.status_code
    if answer.is_redirect:
        return Unavailable(_elsewhere(answer))
    about_request = 400 <= status < 500 and status not in AGAIN
    otherwise = RequestError if about_request else Unavailable
    match _json(answer):
        case {"error": {"type": "WrongBundle", "asked": str(asked), "held": list(held)}}:
            return WrongBundle(asked, [str(id) for id in held])
        case {"error": {"type": "InternalError", "message": str(message), "request_id": str(id)}}:
            return Unavailable(f"{message} The id is {id}.")
        case {"error": {"type": str(name), "message": str(message)}}:
            return RAISED.get(name, otherwise)(message)
    return otherwise(
        f"{_asked(answer)}, received {status} and {answer.text[:MOST_TEXT]!r}. "
        "See that the client has the service's address, and that the service is there."
    )


def _elsewhere(answer: httpx.Response) -> str:
    """Return what to say of a redirect. It is not followed: a POST would come there as a GET."""
    there = answer.next_request
    return (
        f"{_asked(answer)}, received {answer.status_code}, which points to "
        f"{'nowhere' if there is None else _shown(there.url)}. It was not followed. "
        "If the service is there now, give the client that address, as far as it is the service's own."
    )


def _asked(answer: httpx.Response) -> str:
    asked = answer.request
    return f"{asked.method} {_shown(asked.url)}: expected an answer of a dlrs service"


def _shown(url: httpx.URL) -> str:
    """Return a URL for a message: without a password, which may be a key."""
    return str(url.copy_with(userinfo=b""))


def _json(answer: httpx.Response) -> Any:
    """Return what an answer holds, None where that is no JSON."""
    try:
        return orjson.loads(answer.content)
    except orjson.JSONDecodeError:
        return None


def _in_path(id: str) -> str:
    """Return an id as a part of a path; dots, too, for a path of dots leads elsewhere."""
    return quote(id, safe="").replace(".", "%2E")


def _text(content: Filters) -> str:
    return orjson.dumps(list(content)).decode()
