"""UserProfiles: the User Profile API over its stores.

An event of the database that happened before the bundle's watermark counts, too, unless the bundle's past
holds the same one: user, item, type and moment. So whether the bundle's log knew of it makes no difference.
"""

from __future__ import annotations

import hashlib
import threading
import time
from collections.abc import Callable, Sequence

import numpy as np

from dlrs.candidates.filtering.filters import Filter
from dlrs.candidates.filtering.kinds import check, kinds_of
from dlrs.errors import RequestError
from dlrs.past.stored import Past
from dlrs.profiles.buckets import MICROSECOND
from dlrs.service.bundle import ServingBundle
from dlrs.service.clock import Clock
from dlrs.service.metrics import Metrics
from dlrs.service.profiles.known import KnownIds
from dlrs.service.profiles.online import Described, Online
from dlrs.service.profiles.states import State, States
from dlrs.service.profiles.taking import expect_id, features_then, id_problem, take
from dlrs.service.seams import Active, Added, CandidateSource, Erased, Event, Number, Profile
from dlrs.service.stores import EventStore, StoredEvent, UserRecord, UserStore

USERS_KEPT = 500
"""Users whose profiles stay in memory: a few ten kilobytes each."""

CROWD = 20_000
"""Events of a user that are read at once, the newest to arrive: to read the million that a program sent would
keep everybody else waiting for ten seconds."""

AT_ONCE = 10_000
"""Events whose users are told at once."""

POPULAR_FOR = 30.0
"""Seconds for which the popular items are not counted again."""


class UserProfiles:
    """`ProfileSource` in this process. Safe for threads."""

    def __init__(
        self,
        current: Callable[[], tuple[ServingBundle, Past]],
        events: EventStore,
        users: UserStore,
        candidates: CandidateSource,
        clock: Clock,
        metrics: Metrics,
        *,
        users_kept: int = USERS_KEPT,
    ) -> None:
        """Serve the bundle, and the past of its users, that `current` gives at the time of each call."""
        self._current, self._candidates, self._clock, self._metrics = current, candidates, clock, metrics
        self._events, self._users = events, users
        self._states = States(users_kept)
        self._online: Online | None = None
        self._popular: tuple[float, int, str, Sequence[tuple[str, int]]] = (float("-inf"), 0, "", ())
        self._counting = threading.Lock()

    def profile(self, user_id: str, *, described: int = 20) -> Profile:
        """Return the profile of now, with all events that any process stored.

        Raises:
            RequestError: this is no id.
        """
        expect_id(user_id)
        online = self._of_current()
        record = self._users.get(user_id)  # before the events: an erasure in between is seen by the next call

        def new() -> State:
            return State(online.seen(), online.past.row(user_id), record.erased or 0)

        state = self._states.of(user_id, online.bundle.id, record.revision, new)
        made_for = online.border(self._clock()), described
        with state.lock:
            if events := self._events.of_user(user_id, state.seq, CROWD):
                self._take_in(state, events, online, made_for[0])
            if state.profile is None or state.made_for != (*made_for, state.seq):
                state.profile = _profile(user_id, state, record, online, made_for)
                state.made_for = (*made_for, state.seq)
            return state.profile

    def guest(self, events: Sequence[Event], *, described: int = 20) -> Profile:
        """Return the profile that these events make; unknown items are left out.

        Raises:
            RequestError: the marketplace has no such type of event.
        """
        online = self._of_current()
        border, seen = online.border(self._clock()), online.seen()
        for event in events:
            if event.type not in online.event_types:
                types = ", ".join(online.event_types)
                raise RequestError(f"events: expected a type of {types}, received '{event.type[:80]}'.")
        events = [event for event in events if id_problem("item_id", event.item_id) is None]
        raw_of = features_then(events, self._candidates)
        known: dict[str, None] = {}
        for event in events:
            raw = raw_of[event.item_id, event.time]
            if raw is None or event.type in online.passing:
                continue
            known[event.item_id] = None
            if event.type in online.types:
                seen.add(event, str(event.time), raw)
        found = online.describe(None, seen, border, 0, described)
        version = _digest("guest", online.bundle.id, border, described, events)
        return _laid_out(None, version, found, list(known), UserRecord(), None)

    def add(self, events: Sequence[Event]) -> Added:
        """Take events; on return they are safe. Each is refused or taken by itself."""
        taken = take(events, self._of_current().event_types, self._clock(), self._candidates)
        new = self._events.add(taken.events) if taken.events else 0
        added = Added(new, len(taken.events) - new, taken.refused)
        for outcome, count in (("new", new), ("repeated", added.repeated), ("refused", len(added.refused))):
            self._metrics.events.labels(outcome).inc(count)
        return added

    def override(self, user_id: str, filters: Sequence[Filter]) -> None:
        """Replace a user's overrides.

        Raises:
            RequestError: this is no id, or a filter asks for what items do not have.
        """
        expect_id(user_id)
        check(filters, kinds_of(self._of_current().bundle.recipe.marketplace.features))
        self._users.override(user_id, filters)

    def erase(self, user_id: str) -> None:
        """Forget a user. What the log of this bundle, or a later one, says of the time before is not used."""
        expect_id(user_id)
        self._users.erase(user_id, self._clock())
        self.forget(user_id)

    def erased(self, after: int) -> Erased:
        """Return who was erased after an erasure, by whichever process."""
        return self._users.erased(after)

    def active(self, after: int, since: int = 0) -> Active:
        """Return who did something in the next `AT_ONCE` events after one, of events of a time and later."""
        return Active(*self._events.users_after(after, since, AT_ONCE))

    def forget(self, user_id: str) -> None:
        """Drop what is in memory of a user: he is erased."""
        self._states.forget(user_id)

    def popular(self, most: int) -> Sequence[tuple[str, int]]:
        """Return the items that most users met of late, as counted within the last `POPULAR_FOR` seconds."""
        bundle = self._of_current().bundle
        with self._counting:
            counted, asked, bundle_id, found = self._popular
            now = time.monotonic()
            if now > counted + POPULAR_FOR or asked < most or bundle_id != bundle.id:
                since = self._clock() - bundle.recipe.candidates.recent_window // MICROSECOND
                found = self._events.popular(since, most, bundle.recipe.marketplace.negative_types)
                self._popular = now, most, bundle.id, found
        return found[:most]

    def _of_current(self) -> Online:
        bundle, past = self._current()
        online = self._online
        if online is None or online.bundle is not bundle:
            online = self._online = Online(bundle, past)
        return online

    def _take_in(self, state: State, events: Sequence[StoredEvent], online: Online, border: int) -> None:
        since = border - online.window
        met = (stored.event for stored in events if stored.event.type not in online.passing)
        state.known.update(dict.fromkeys(event.item_id for event in met))
        wanted = [s for s in events if s.event.time >= since and s.event.type in online.types]
        wanted = [
            s
            for s in _newest(wanted, border, online.most)
            if not online.in_past(state.row, s.event, state.erased)
        ]
        lacking = {s.features for s in wanted if not state.seen.has(s.event.item_id, s.features)}
        raw_of = self._events.features(list(lacking)) if lacking else {}
        for stored in wanted:
            raw = raw_of.get(stored.features)
            if raw is not None or state.seen.has(stored.event.item_id, stored.features):
                state.seen.add(stored.event, stored.features, raw)
        if len(state.seen) > max(state.crowded, 2 * online.most):
            state.seen = state.seen.keep(since, border, online.most)
            state.crowded = 2 * len(state.seen)
        state.seq = events[-1].seq


def _newest(events: Sequence[StoredEvent], border: int, most: int) -> Sequence[StoredEvent]:
    """Return the newest `most` events before the border, or more of one moment, and all later ones."""
    if len(events) <= most:
        return events
    time_E = np.array([stored.event.time for stored in events])
    counting = np.sort(time_E[time_E < border])[-most:]
    oldest = counting[0] if len(counting) == most else 0
    return [events[place] for place in np.flatnonzero(time_E >= oldest).tolist()]


def _profile(
    user_id: str, state: State, record: UserRecord, online: Online, made_for: tuple[int, int]
) -> Profile:
    border, described = made_for
    found = online.describe(state.row, state.seen, border, state.erased, described)
    past = online.past
    met = past.arrays.ids_N[:0] if state.row is None else past.met(state.row, state.erased)
    known_ids = KnownIds(met, list(state.known))
    own = None if state.row is None or record.erased is not None else online.past.own_of(state.row)
    version = _digest(user_id, online.bundle.id, state.seq, record.revision, *made_for)
    return _laid_out(user_id, version, found, known_ids, record, own)


def _laid_out(
    user_id: str | None,
    version: str,
    found: Described,
    known_ids: Sequence[str],
    record: UserRecord,
    own: object,
) -> Profile:
    summary = found.summary
    return Profile(
        user_id=user_id,
        version=version,
        events=summary.events,
        known=summary.known,
        values=summary.values,
        numbers={name: Number(mean, std) for name, (mean, std) in summary.numbers.items()},
        history=found.history,
        known_ids=known_ids,
        overrides=record.overrides,
        own=own,  # type: ignore[arg-type]
    )


def _digest(*parts: object) -> str:
    """Return a name that changes with any part: the user, what he did, the bundle, the time, his record."""
    return hashlib.blake2b(repr(parts).encode("utf-8", "surrogatepass"), digest_size=12).hexdigest()
