"""Whom one process erases, the memory of all forgets."""

from __future__ import annotations

import time

import pytest

from dlrs.errors import Unavailable
from dlrs.service import forgetting as module
from dlrs.service.forgetting import BACK, Forgetting, ForgettingUsers
from service.database.conftest import Opens

NOW = 10 * BACK


def test_the_others_forget_too_and_whoever_kept_it_again(url: str, opens: Opens) -> None:
    here, there, forgot = opens(url), opens(url), list[str]()
    looking = Forgetting(there.users.erased_since, forgot.append, lambda: NOW)
    here.users.erase("long ago", NOW - 2 * BACK)
    ForgettingUsers(here.users, lambda user_id: forgot.append(f"{user_id}, here")).erase("ann", NOW - 1)
    assert forgot == ["ann, here"]
    looking.look()
    assert forgot == ["ann, here", "ann"]
    looking.look()
    assert forgot == ["ann, here", "ann", "ann"]


def test_nobody_is_missed_while_the_database_is_down(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "EVERY", 0.001)
    asked, down, now = list[int](), [True], [NOW]

    def erased_since(at: int) -> list[str]:
        if down[0]:
            raise Unavailable("down")
        asked.append(at)
        return []

    looking = Forgetting(erased_since, lambda _: None, lambda: now[0])
    looking.start()
    time.sleep(0.02)
    now[0] = NOW + 100 * BACK
    time.sleep(0.02)
    down[0] = False
    until = time.monotonic() + 60
    while len(asked) < 2 and time.monotonic() < until:
        time.sleep(0.001)
    looking.stop()
    assert asked[:2] == [NOW - BACK, NOW + 99 * BACK]
