"""Which lists go round the framework, and that they are the route's."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from dlrs.publishing.published import Published
from dlrs.service.bundle import ServingBundle
from dlrs.service.ranking.quick_lists import QuickLists
from dlrs.service.ranking.telling import told
from service.ranking.conftest import User
from service.ranking.fakes import Stage


@pytest.fixture(scope="module")
def stage(opened: tuple[Published, ServingBundle], users: list[User]) -> Iterator[Stage]:
    stage = Stage(*opened)
    stage.profiles.known = {user.id: user.profile(stage.bundle) for user in users}
    yield stage
    stage.service.stop()


@pytest.mark.parametrize(
    ("path", "query", "user"),
    [
        ("/recommendations/u", b"", "u"),
        ("/recommendations/u", b"k=5", "u"),
        ("/recommendations/a/b", b"k=500", "a/b"),
        ("/recommendations/Jürgen", b"k=1", "Jürgen"),
    ],
)
def test_a_plain_list_is_known(stage: Stage, path: str, query: bytes, user: str) -> None:
    known = QuickLists(stage.service, waits=False).known(path, query)
    assert known is not None
    assert known.parameters == {"user": user}


@pytest.mark.parametrize(
    ("path", "query"),
    [
        *(
            ("/recommendations/u", query)
            for query in (b"k=0", b"k=501", b"k=05", b"k=-1", b"k=x", b"k=5&k=6", b"k=5&page=home")
        ),
        *(("/recommendations/u", query) for query in (b"K=5", b"where=[]", b"explain=false", b"=", b"k=5&")),
        ("/recommendations/", b""),
        ("/recommendations", b""),
        ("/recommendations/" + "u" * 513, b""),
        ("/recommendations/a\0b", b""),
        ("/recommendations/\ud800", b""),
        ("/items/u/similar", b""),
    ],
)
def test_any_other_is_left_to_the_route(stage: Stage, path: str, query: bytes) -> None:
    assert QuickLists(stage.service, waits=False).known(path, query) is None


def test_it_is_the_list_of_the_route(stage: Stage, users: list[User]) -> None:
    known = QuickLists(stage.service, waits=False).known(f"/recommendations/{users[0].id}", b"k=7")
    assert known is not None
    quick, usual = json.loads(known.answer()), json.loads(told(stage.service.recommend(users[0].id, 7)))
    assert len(quick["items"]) == 7
    changing = ("decision_id", "stages")
    assert {k: v for k, v in quick.items() if k not in changing} == {
        k: v for k, v in usual.items() if k not in changing
    }
