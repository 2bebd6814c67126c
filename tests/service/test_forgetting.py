from __future__ import annotations

from collections.abc import Callable

import pytest

from dlrs.errors import Unavailable
from dlrs.service.forgetting import LATER, Forgetting
from dlrs.service.seams import Erased


class Told:
    """Erasures by number; those that were forgotten, in order."""

    def __init__(self, *users: str) -> None:
        self.users = list(users)
        self.forgotten: list[tuple[int, list[str]]] = []
        self.time = 0.0
        self.trouble: Exception | None = None

    def erased(self, after: int) -> Erased:
        users = self.users[after : after + 2]
        return Erased(after + len(users) if users else len(self.users), users)

    def forget(self, erased: Erased) -> None:
        if self.trouble is not None:
            raise self.trouble
        self.forgotten.append((erased.seq, list(erased.user_ids)))

    def following(self, done: Callable[[], int] = lambda: 0) -> Forgetting:
        return Forgetting(self.erased, done, self.forget, now=lambda: self.time)


def test_each_once_in_parts_and_once_more_later() -> None:
    told = Told("a", "b", "c")
    forgetting = told.following()
    forgetting.follow()
    forgetting.follow()
    assert told.forgotten == [(2, ["a", "b"]), (3, ["c"])]
    told.users.append("d")
    told.time = LATER
    forgetting.follow()
    assert told.forgotten[2:] == [(4, ["d"]), (2, ["a", "b"]), (3, ["c"])]
    told.time = 2 * LATER
    forgetting.follow()
    forgetting.follow()
    assert told.forgotten[5:] == [(4, ["d"])]


def test_it_goes_on_where_the_last_run_ended() -> None:
    told = Told("a", "b", "c")
    told.following(lambda: 2).follow()
    assert told.forgotten == [(3, ["c"])]


def test_what_cannot_be_forgotten_now_is_so_later() -> None:
    told = Told("a")
    forgetting = told.following()
    told.trouble = Unavailable("down")
    with pytest.raises(Unavailable):
        forgetting.follow()
    told.trouble = None
    forgetting.follow()
    assert told.forgotten == [(1, ["a"])]


def test_erasures_of_another_database_are_all_new() -> None:
    told = Told("a")
    forgetting = told.following(lambda: 99)
    forgetting.follow()
    forgetting.follow()
    assert told.forgotten == [(1, ["a"])]
