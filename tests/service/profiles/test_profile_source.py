"""What every ProfileSource promises, held against the one of this process and the one over HTTP."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import httpx
import pytest

from dlrs.candidates.filtering.filters import AnyOf, Between, NoneOf
from dlrs.errors import RequestError, StorageFull, Unavailable
from dlrs.past.stored import Past
from dlrs.service.bundle import ServingBundle
from dlrs.service.database.database import Database
from dlrs.service.metrics import Metrics
from dlrs.service.other_service import OtherService
from dlrs.service.profiles.client import HttpProfiles
from dlrs.service.profiles.online import Online
from dlrs.service.profiles.source import UserProfiles
from dlrs.service.seams import Erased, Event, Met, ProfileSource
from service.profiles.fakes import FakeCandidates, FakeEvents, FakeUsers
from service.profiles.little import (
    DAY,
    END,
    Clock,
    bundle,
    item_id,
    past_of,
    raw_then,
)
from service.profiles.serving import app_of, running

BASE = [
    Event("", "ann", item_id(0), "view", END - 3 * DAY),
    Event("", "ann", item_id(1), "contact", END - 2 * DAY),
    Event("", "ann", item_id(5), "view", END - 20 * DAY),  # before the window
    Event("", "bob", item_id(2), "view", END - DAY),
]


@dataclass
class World:
    source: ProfileSource
    here: UserProfiles
    clock: Clock
    candidates: FakeCandidates
    current: list[tuple[ServingBundle, Past]]
    past: Past


@pytest.fixture(scope="module")
def past(tmp_path_factory: pytest.TempPathFactory) -> Past:
    return past_of(BASE, tmp_path_factory.mktemp("bundle"))


@pytest.fixture(params=["here", "over HTTP"])
def world(request: pytest.FixtureRequest, past: Past, tmp_path: Path) -> Iterator[World]:
    clock, candidates, current = Clock(END + 5), FakeCandidates(raw_then), [(bundle(), past)]
    with closing(Database.open(f"sqlite:///{tmp_path}/service.sqlite")) as stores:
        here = UserProfiles(lambda: current[0], stores.events, stores.users, candidates, clock, Metrics())
        if request.param == "here":
            yield World(here, here, clock, candidates, current, past)
            return
        with running(app_of(here, clock)) as address, closing(HttpProfiles.at(address)) as source:
            yield World(source, here, clock, candidates, current, past)


def event(id: str, item: int = 2, kind: str = "view", time: int = END, user: str = "ann") -> Event:
    return Event(id, user, item_id(item), kind, time)


def test_the_past_is_known(world: World) -> None:
    profile = world.source.profile("ann")
    assert profile.user_id == "ann"
    assert profile.events == 2
    assert profile.values["kind"] == {"car": 1.25 + 31.0}
    assert list(profile.history) == [
        Met(item_id(0), "view", END - 3 * DAY, 1.25, raw_then(item_id(0), END - 3 * DAY)),
        Met(item_id(1), "contact", END - 2 * DAY, 31.0, raw_then(item_id(1), END - 2 * DAY)),
    ]
    assert list(profile.known_ids) == [item_id(5), item_id(0), item_id(1)]
    assert profile.own == {"age": 33.0, "country": "de"}
    assert world.source.profile("bob").own is None


def test_a_profile_is_the_same_here_and_there(world: World) -> None:
    world.source.add([event("a", 3, "bookmark", END + 1), event("b", 4, time=END + 2)])
    world.source.override("ann", [NoneOf(feature="colour", none_of=("red",))])
    here, there = world.here.profile("ann"), world.source.profile("ann")
    assert there == replace(here, history=list(here.history), known_ids=list(here.known_ids))


def test_an_unknown_user_has_an_empty_profile(world: World) -> None:
    profile = world.source.profile("nobody/of?note #1.")
    assert profile.user_id == "nobody/of?note #1."
    assert (profile.events, list(profile.history), list(profile.known_ids)) == (0, [], [])
    assert profile.values == {name: {} for name in ("colour", "kind", "tags", "title")}
    assert (profile.numbers, profile.own, profile.overrides) == ({}, None, ())


@pytest.mark.parametrize("user", [".", "..", "a/profile", "ümlaut", "a%2Fb", " "])
def test_ids_come_through(world: World, user: str) -> None:
    assert world.source.add([event("a", user=user)]).new == 1
    assert world.source.profile(user).user_id == user
    assert world.source.profile(user).events == 1
    world.source.erase(user)
    assert world.source.profile(user).events == 0


@pytest.mark.parametrize("user", ["", "x" * 513, "a\0b", "\ud800"])
def test_what_is_no_id_is_refused(world: World, user: str) -> None:
    for ask in (world.source.profile, world.source.erase):
        with pytest.raises(RequestError, match="user_id"):
            ask(user)
    with pytest.raises(RequestError, match="user_id"):
        world.source.override(user, [])
    added = world.source.add([event("a", user=user), event("b")])
    assert (added.new, added.repeated) == (1, 0)
    assert added.refused[0].reason.startswith("user_id")


def test_an_event_counts_at_once_and_once(world: World) -> None:
    before = world.source.profile("ann")
    added = world.source.add([event("a"), event("b", 3), event("a", 4)])
    assert (added.new, added.repeated, list(added.refused)) == (2, 1, [])
    after = world.source.profile("ann")
    assert after.events == before.events + 2
    assert after.version != before.version
    assert world.source.add([event("a")]).repeated == 1
    assert world.source.profile("ann") == after
    assert world.source.profile("bob").events == 1


def test_each_event_is_refused_by_itself(world: World) -> None:
    asked = world.candidates.calls
    added = world.source.add(
        [
            event("fine"),
            event("kind", kind="adore"),
            event("item", 77),
            event("later", time=END + 5 + DAY + 1),
            event("latest", time=2**62),
            event("ahead", 3, time=END + 5 + DAY),
            event("earlier", time=-1),
            event("", 1),
        ]
    )
    assert added.new == 2
    assert {one.id for one in added.refused} == {"kind", "item", "later", "latest", "earlier", ""}
    reasons = {one.id: one.reason for one in added.refused}
    assert "view, bookmark, contact" in reasons["kind"]
    assert "item-77" in reasons["item"]
    assert world.candidates.calls == asked + 1  # for all items at once


def test_an_event_has_the_features_of_its_time(world: World) -> None:
    world.source.add([event("a", 4, time=END - 6 * DAY), event("b", 4, time=END)])
    first, last = (
        next(met for met in world.source.profile("ann").history if met.time == time)
        for time in (END - 6 * DAY, END)
    )
    assert first.features == raw_then(item_id(4), END - 6 * DAY)
    assert last.features == raw_then(item_id(4), END)
    assert first.features != last.features


def test_an_event_that_the_log_knew_counts_once(world: World) -> None:
    same = [replace(one, id=f"again-{n}") for n, one in enumerate(BASE) if one.user_id == "ann"]
    before = world.source.profile("ann")
    assert world.source.add(same).new == 3
    assert world.source.profile("ann").values == before.values
    other_kind = replace(same[0], id="other", type="bookmark")
    world.source.add([other_kind])
    assert world.source.profile("ann").events == before.events + 1


def test_the_window_moves_with_the_clock(world: World) -> None:
    world.source.add([event("a", time=END + DAY + 1)])  # ahead of the clock, behind the border
    assert world.source.profile("ann").events == 2
    world.clock.now = END + DAY
    profile = world.source.profile("ann")
    assert profile.events == 3
    world.clock.now = END + 11 * DAY  # the first of the past leaves
    assert world.source.profile("ann").events == 2
    assert world.source.profile("ann").version != profile.version
    world.clock.now = END + 60 * DAY
    empty = world.source.profile("ann")
    assert (empty.events, len(empty.known_ids)) == (0, 4)


def test_only_the_newest_are_described(world: World) -> None:
    profile = world.source.profile("ann", described=1)
    assert [met.features is None for met in profile.history] == [True, False]
    assert [met.features is None for met in world.source.profile("ann", described=0).history] == [True, True]
    assert [met.features is None for met in world.source.profile("ann").history] == [False, False]


def test_overrides_are_replaced(world: World) -> None:
    never_red = NoneOf(feature="colour", none_of=("red",))
    cheap = Between(feature="price", max=15_000.0)
    newer = Between(feature="built", min=datetime(2015, 1, 1, tzinfo=UTC))
    before = world.source.profile("ann")
    world.source.override("ann", [never_red, cheap, newer])
    profile = world.source.profile("ann")
    assert profile.overrides == (never_red, cheap, newer)
    assert profile.version != before.version
    world.source.override("ann", [])
    assert world.source.profile("ann").overrides == ()


def test_overrides_that_do_not_fit_are_refused(world: World) -> None:
    with pytest.raises(RequestError, match="colou"):
        world.source.override("ann", [AnyOf(feature="colours", any_of=("red",))])
    assert world.source.profile("ann").overrides == ()


def test_who_was_erased_is_told_in_order(world: World) -> None:
    assert world.source.erased(0).user_ids == []
    for user in ("ann", "b/b"):
        world.source.erase(user)
    found = world.source.erased(0)
    assert (found.seq, list(found.user_ids)) == (2, ["ann", "b/b"])
    assert list(world.source.erased(1).user_ids) == ["b/b"]
    assert world.source.erased(2) == Erased(2, [])


def test_an_erased_user_is_unknown(world: World) -> None:
    world.source.add([event("a")])
    world.source.profile("ann")
    world.source.erase("ann")
    profile = world.source.profile("ann")
    assert (profile.events, list(profile.known_ids), profile.own) == (0, [], None)
    world.source.add([event("b", 3, time=END + 9)])
    profile = world.source.profile("ann")
    assert (profile.events, list(profile.known_ids)) == (1, [item_id(3)])


def test_what_comes_after_the_erasure_counts(world: World) -> None:
    world.source.erase("ann")
    world.source.add([replace(BASE[0], id="again")])  # the log knew it, and that was forgotten
    assert world.source.profile("ann").events == 1


def test_a_later_bundle_does_not_bring_the_erased_back(world: World) -> None:
    world.clock.now = END - 3 * DAY + 1  # after the first event of the log, before the second
    world.source.erase("ann")
    world.clock.now = END + 5
    profile = world.source.profile("ann")
    assert [met.item_id for met in profile.history] == [item_id(1)]
    assert list(profile.known_ids) == [item_id(1)]


def test_a_later_bundle_brings_its_own_past(world: World, tmp_path: Path) -> None:
    world.source.add([event("a", 3, time=END + 1), event("b", 4, time=END + 2)])
    before = world.source.profile("ann")
    watermark = datetime(2020, 2, 3, tzinfo=UTC) + timedelta(microseconds=3)
    log = [*BASE, Event("", "ann", item_id(3), "view", END + 1), Event("", "ann", item_id(0), "view", END)]
    world.current[0] = bundle("later", watermark), past_of(log, tmp_path, END + 3)
    after = world.source.profile("ann")
    # of the database's two the log knew one, and one of which the database never heard
    assert after.events == before.events + 1
    assert [met.item_id for met in after.history][2:] == [item_id(0), item_id(3), item_id(4)]
    assert after.version != before.version
    world.current[0] = bundle(), world.past  # rolled back
    assert world.source.profile("ann") == before


def test_a_guest_leaves_nothing(world: World) -> None:
    events = [event("x", 0), event("y", 77), event("z", 1, "contact", END + 1)]
    guest = world.source.guest(events)
    assert guest.user_id is None
    assert [met.item_id for met in guest.history] == [item_id(0), item_id(1)]
    assert guest.values["kind"] == {"car": 1.25 + 31.0}
    assert list(guest.known_ids) == [item_id(0), item_id(1)]
    assert list(world.source.popular(10)) == []
    assert world.source.profile("ann").events == 2
    assert world.source.guest(events).version == guest.version
    assert world.source.guest(events[:2]).version != guest.version
    assert world.source.guest([]).events == 0


def test_a_guests_events_have_types(world: World) -> None:
    with pytest.raises(RequestError, match="adore"):
        world.source.guest([event("x", kind="adore")])


def test_popular_items_are_counted_by_users(world: World) -> None:
    world.source.add([event(f"a{n}", 1) for n in range(5)])
    world.source.add([event("b", 2), event("c", 2, user="bob")])
    assert list(world.source.popular(2)) == [(item_id(2), 2), (item_id(1), 1)]
    world.source.add([event(f"d{n}", 3, user=f"user-{n}") for n in range(3)])
    assert list(world.source.popular(1)) == [(item_id(2), 2)]  # the answer of a moment ago
    assert next(iter(world.source.popular(3))) == (item_id(3), 3)  # nobody asked for three


def test_nobody_answers() -> None:
    source = HttpProfiles.at("http://127.0.0.1:1")
    with pytest.raises(Unavailable, match="User Profile API"):
        source.profile("ann")
    source.close()


def test_a_crowd_of_events_is_the_batch_learners_of_the_newest(
    past: Past, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dlrs.service.profiles.source.Online", partial(Online, most=20))
    events, clock = FakeEvents(), Clock(END + DAY - 1)
    crowd = [event(f"e{n}", n % 6, time=END - n * 1000) for n in range(200)]
    crowd += [event(f"later{n}", n % 6, time=END + DAY + n) for n in range(30)]  # behind the border
    sources = [
        UserProfiles(
            lambda: (bundle(), past), events, FakeUsers(events), FakeCandidates(raw_then), clock, Metrics()
        )
        for _ in range(2)
    ]
    for first in range(0, len(crowd), 7):
        sources[0].add(crowd[first : first + 7])
        sources[0].profile("ann")
    followed, cold = (source.profile("ann", described=30) for source in sources)
    assert followed == cold
    assert [met.time for met in cold.history] == [END - n * 1000 for n in reversed(range(20))]
    assert cold.values["kind"] == {"car": 11 * 1.25, "bus": 9 * 1.25}
    clock.now = END + DAY
    followed, cold = (source.profile("ann", described=30) for source in sources)
    assert followed == cold
    assert [met.time for met in cold.history] == [END + DAY + n for n in range(10, 30)]


@pytest.mark.parametrize(
    ("status", "error"), [(422, RequestError), (503, Unavailable), (429, Unavailable), (507, StorageFull)]
)
def test_errors_come_back_as_they_were(status: int, error: type[Exception]) -> None:
    answer = httpx.MockTransport(
        lambda _: httpx.Response(status, json={"error": {"type": "x", "message": "why"}})
    )
    with (
        httpx.Client(transport=answer, base_url="http://there") as client,
        pytest.raises(error, match="why"),
    ):
        HttpProfiles(OtherService("User Profile API", client)).profile("ann")
