from __future__ import annotations

import time
from threading import Event, current_thread

import pytest

from dlrs.errors import RequestError, StorageFull, Unavailable
from dlrs.service.ranking.guard import Breaker, Guard


class Now:
    def __init__(self) -> None:
        self.time = 0.0

    def __call__(self) -> float:
        return self.time


def test_closed_open_half_open_closed() -> None:
    now = Now()
    breaker = Breaker(failures=2, pause=1.0, now=now)
    assert breaker.admit()
    breaker.failed()
    assert (breaker.state, breaker.admit()) == ("closed", True)
    breaker.failed()
    assert (breaker.state, breaker.admit()) == ("open", False)
    now.time = 1.5
    assert breaker.state == "half-open"
    assert breaker.admit()  # the one that tries
    assert not breaker.admit()
    breaker.failed()
    assert (breaker.state, breaker.admit()) == ("open", False)
    now.time = 3.0
    assert breaker.admit()
    breaker.succeeded()
    assert (breaker.state, breaker.admit(), breaker.admit()) == ("closed", True, True)


def test_a_success_starts_the_count_anew() -> None:
    breaker = Breaker(failures=2)
    breaker.failed()
    breaker.succeeded()
    breaker.failed()
    assert breaker.state == "closed"


def test_late_calls_are_unavailable_and_open_the_breaker() -> None:
    guard, release, calls = Guard("slow", Breaker(failures=2, pause=60)), Event(), []

    def hang() -> None:
        calls.append(1)
        release.wait(10)

    for _ in range(4):
        with pytest.raises(Unavailable, match="slow"):
            guard.call(hang, 0.01)
    release.set()
    guard.close()
    assert len(calls) == 2  # then it was not even called


def test_a_near_dependency_is_called_at_once_and_late_answers_open_the_breaker() -> None:
    guard = Guard("near", Breaker(failures=2, pause=60), threads=0)
    assert guard.call(current_thread, 5) is current_thread()
    assert guard.call(lambda: time.sleep(0.02) or 1, 0.001) == 1
    assert guard.call(lambda: time.sleep(0.02) or 2, 0.001) == 2
    with pytest.raises(Unavailable):
        guard.call(lambda: 3, 5)
    guard.close()


def test_what_became_of_each_call_is_counted() -> None:
    counted: list[str] = []
    now = Now()
    guard = Guard("counted", Breaker(failures=1, pause=1.0, now=now), threads=0, count=counted.append)

    def refuse() -> None:
        raise RequestError("no")

    def fail() -> None:
        raise Unavailable("down")

    assert guard.call(lambda: 7, 5) == 7
    with pytest.raises(RequestError):
        guard.call(refuse, 5)
    for _ in range(2):
        with pytest.raises(Unavailable):
            guard.call(fail, 5)
    now.time = 2.0
    assert guard.call(lambda: 8, 5) == 8
    assert counted == ["answered", "answered", "failed", "spared", "answered"]
    guard.close()


def test_refusals_are_no_failures() -> None:
    guard = Guard("picky", Breaker(failures=1))

    def refuse() -> None:
        raise RequestError("no")

    for _ in range(3):
        with pytest.raises(RequestError):
            guard.call(refuse, 1)
    assert guard.call(lambda: 7, 1) == 7
    guard.close()


@pytest.mark.parametrize("error", [Unavailable("down"), StorageFull("full"), OSError("reset")])
def test_failures_come_out_as_what_can_be_caught(error: Exception) -> None:
    guard = Guard("broken", Breaker(failures=1, pause=60))

    def fail() -> None:
        raise error

    with pytest.raises((Unavailable, StorageFull)):
        guard.call(fail, 1)
    assert guard.breaker.state == "open"
    guard.close()


def test_calls_that_wait_for_a_thread_in_vain_never_run() -> None:
    guard, release, ran = Guard("small", Breaker(failures=99), threads=1), Event(), []
    for _ in range(2):
        with pytest.raises(Unavailable):
            guard.call(lambda: release.wait(10), 0.01)
    with pytest.raises(Unavailable):
        guard.call(lambda: ran.append(1), 0.01)
    release.set()
    time.sleep(0.05)
    guard.close()
    assert ran == []
