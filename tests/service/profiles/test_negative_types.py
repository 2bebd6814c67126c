"""Events that say no, in the service: taken, in no profile; a refused item is known, a shown one is not."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from dlrs.errors import RequestError
from dlrs.service.database.database import Database
from dlrs.service.metrics import Metrics
from dlrs.service.profiles.source import UserProfiles
from dlrs.service.seams import Event
from service.profiles.fakes import FakeCandidates
from service.profiles.little import END, Clock, bundle, item_id, past_of, raw_then


@pytest.fixture
def source(tmp_path: Path) -> Iterator[UserProfiles]:
    plain = bundle()
    types = {"negative_types": ("shown", "deleted"), "refusing_types": ("deleted",)}
    marketplace = plain.recipe.marketplace.model_copy(update=types)
    served = replace(plain, recipe=plain.recipe.model_copy(update={"marketplace": marketplace}))
    past = past_of([Event("", "ann", item_id(0), "view", END - 1)], tmp_path)
    with closing(Database.open(f"sqlite:///{tmp_path}/service.sqlite")) as stores:
        yield UserProfiles(
            lambda: (served, past),
            stores.events,
            stores.users,
            FakeCandidates(raw_then),
            Clock(END + 5),
            Metrics(),
        )


def no(id: str, item: int, kind: str, time: int = END + 1) -> Event:
    return Event(id, "ann", item_id(item), kind, time)


def test_they_are_taken_and_change_no_profile(source: UserProfiles) -> None:
    before = source.profile("ann")
    added = source.add([no("a", 2, "shown"), no("b", 3, "deleted"), no("c", 4, "ignored")])
    assert added.new == 2
    assert added.refused[0].reason == (
        "type: expected one of view, bookmark, contact, shown, deleted, received 'ignored'."
    )
    after = source.profile("ann")
    assert (after.events, after.values, list(after.history)) == (1, before.values, list(before.history))


def test_only_what_was_refused_is_known(source: UserProfiles) -> None:
    source.add([no("a", 2, "shown"), no("b", 3, "deleted"), no("c", 4, "view")])
    assert list(source.profile("ann").known_ids) == [item_id(0), item_id(3), item_id(4)]


def test_what_was_shown_to_many_is_not_popular_for_that(source: UserProfiles) -> None:
    events = [Event(f"s{n}", f"u{n}", item_id(2), "shown", END + 1) for n in range(3)]
    source.add([*events, no("d", 3, "deleted"), no("v", 4, "view")])
    assert source.popular(5) == [(item_id(4), 1)]


def test_a_guest_may_refuse_too(source: UserProfiles) -> None:
    guest = source.guest([no("a", 2, "shown"), no("b", 3, "deleted"), no("c", 4, "view")])
    assert list(guest.known_ids) == [item_id(3), item_id(4)]
    assert guest.events == 1
    with pytest.raises(RequestError, match="view, bookmark, contact, shown, deleted, received 'ignored'"):
        source.guest([no("a", 2, "ignored")])
