"""Several threads and several processes on one database."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dlrs.service.database import Database
from dlrs.service.database.grouping import Grouped
from dlrs.service.seams import Event
from service.database.conftest import Opens


def event(id: int, user: str = "ann", item: str = "car") -> Event:
    return Event(f"e{id}", user, item, "view", id)


def all_at_once(tasks: Sequence[Callable[[], object]]) -> None:
    """Run each in a thread of its own; raise what one of them raises."""
    with ThreadPoolExecutor(len(tasks)) as pool:
        for future in [pool.submit(task) for task in tasks]:
            future.result()


def test_two_open_one_new_database_at_once(url: str, opens: Opens) -> None:
    all_at_once([lambda: opens(url).items.put({"car": {}}, 100)] * 6)
    assert opens(url).items.last() == 6


def test_what_one_wrote_the_other_reads(url: str, opens: Opens) -> None:
    one, other = opens(url), opens(url)
    for n in range(20):
        (one if n % 2 else other).events.add([(event(n), {"n": n})])
        for database in (one, other):
            found = database.events.of_user("ann")
            assert [each.event.time for each in found] == list(range(n + 1))
            assert len(database.events.features([each.features for each in found])) == n + 1


def test_features_that_another_process_erased_are_written_again(url: str, opens: Opens) -> None:
    one, other = opens(url), opens(url)
    one.events.add([(event(1), {"price": 5})])
    other.users.erase("ann", 10)
    one.events.add([(event(2), {"price": 5})])
    (found,) = one.events.of_user("ann")
    assert one.events.features([found.features]) == {found.features: {"price": 5}}


def test_a_decision_of_a_user_erased_meanwhile_elsewhere_is_not_kept(url: str, opens: Opens) -> None:
    from service.database.test_contract import decision

    one, other = opens(url), opens(url)
    with one.decisions._writing:  # its writer waits
        one.decisions.keep(decision("before", time=100))
        one.decisions.keep(decision("after", time=20_000_000))
        other.users.erase("ann", 100)
    one.decisions.flush()
    assert other.decisions.get("before") is None
    assert other.decisions.get("after") is not None


def test_a_smaller_number_never_appears_later(url: str, opens: Opens) -> None:
    """Writers of three kinds in two databases; a reader follows, and must miss nothing."""
    writers, reader = [opens(url), opens(url)], opens(url)
    stop = threading.Event()
    followed_items: list[int] = []
    followed_events: list[int] = []

    def follow() -> None:
        while True:
            last = stop.is_set()  # one more look after the last write
            followed_items.extend(
                each.seq for each in reader.items.after(followed_items[-1] if followed_items else 0, 1000)
            )
            seen = followed_events[-1] if followed_events else 0
            followed_events.extend(each.seq for each in reader.events.of_user("ann", seen))
            if last:
                return

    def write(database: Database, base: int) -> None:
        for n in range(base, base + 25):
            database.events.add([(event(n), {}), (event(n + 1000), {})])
            database.items.put({f"i{n}": {}, "car": {"n": n}}, n)

    follower = threading.Thread(target=follow)
    follower.start()
    all_at_once([lambda k=k: write(writers[k % 2], k * 25) for k in range(4)])  # type: ignore[misc]
    stop.set()
    follower.join()
    assert followed_items == [each.seq for each in reader.items.after(0, 10_000)]
    assert len(followed_items) == 200
    assert followed_events == [each.seq for each in reader.events.of_user("ann")]
    assert len(followed_events) == 200


def test_each_caller_learns_how_many_of_its_own_were_new(url: str, opens: Opens) -> None:
    databases = [opens(url), opens(url)]
    counts: list[tuple[int, int]] = []

    def add(k: int) -> None:
        mine = [(event(k * 100 + n), {"n": n}) for n in range(10)]
        everybodys = [(event(-1 - n), {"n": n}) for n in range(10)]
        database = databases[k % 2]
        counts.append((database.events.add(mine), database.events.add(everybodys)))

    all_at_once([lambda k=k: add(k) for k in range(8)])  # type: ignore[misc]
    assert [own for own, _ in counts] == [10] * 8
    assert sum(shared for _, shared in counts) == 10


class TestGrouping:
    def test_calls_that_come_while_one_is_written_share_the_next_write(self) -> None:
        written: list[list[list[int]]] = []
        begun, go_on = threading.Event(), threading.Event()

        def write(calls: Sequence[Sequence[int]]) -> Sequence[int]:
            written.append([list(call) for call in calls])
            if not begun.is_set():
                begun.set()
                go_on.wait()
            return [sum(call) for call in calls]

        grouped = Grouped(write, most=4)
        with ThreadPoolExecutor(5) as pool:
            first = pool.submit(grouped.add, [1])
            begun.wait()
            later = []
            for n, rows in enumerate([[2], [3], [4, 5, 6], [7] * 9], 1):
                later.append(pool.submit(grouped.add, rows))
                while len(grouped._waiting) < n:
                    pass
            go_on.set()
            assert [first.result(), *(each.result() for each in later)] == [1, 2, 3, 15, 63]
        assert written == [[[1]], [[2], [3]], [[4, 5, 6]], [[7] * 9]]  # none is split, none overtakes

    def test_an_error_reaches_all_who_shared_and_nobody_else(self) -> None:
        begun, go_on = threading.Event(), threading.Event()

        def write(calls: Sequence[Sequence[int]]) -> Sequence[int]:
            if not begun.is_set():
                begun.set()
                go_on.wait()
            if len(calls) > 1:
                raise ValueError("two")
            return [len(call) for call in calls]

        grouped = Grouped(write, most=10)
        with ThreadPoolExecutor(3) as pool:
            first = pool.submit(grouped.add, [1])
            begun.wait()
            pair = [pool.submit(grouped.add, [n]) for n in range(2)]
            while len(grouped._waiting) < 2:
                pass
            go_on.set()
            assert first.result() == 1
            assert [str(each.exception()) for each in pair] == ["two", "two"]
            assert pool.submit(grouped.add, [5]).result() == 1


events = st.lists(
    st.tuples(st.integers(0, 11), st.integers(0, 2), st.integers(0, 3)), min_size=1, max_size=25
).map(lambda drawn: [(event(id, f"u{id % 3}", f"i{id % 4}"), {"n": id % 5}) for id, *_ in drawn])


@given(events, st.randoms(use_true_random=False), st.lists(st.integers(1, 9), min_size=1, max_size=5))
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_order_split_and_repetition_leave_the_same(
    database: Database, given_events: list[tuple[Event, dict[str, int]]], random: object, sizes: list[int]
) -> None:
    ordered = sorted({each.id: (each, raw) for each, raw in given_events}.values(), key=lambda e: e[0].time)
    shuffled = given_events * 2
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    new = 0
    while shuffled:
        size = sizes[len(shuffled) % len(sizes)]
        new += database.events.add(shuffled[:size])
        shuffled = shuffled[size:]
    assert new == len(ordered)
    for user in ("u0", "u1", "u2"):
        stored = database.events.of_user(user)
        features = database.events.features([each.features for each in stored])
        found = sorted(((each.event, features[each.features]) for each in stored), key=lambda e: e[0].time)
        assert found == [each for each in ordered if each[0].user_id == user]
        database.users.erase(user, 1)
    assert database.events.popular(-(10**9), 10) == []
