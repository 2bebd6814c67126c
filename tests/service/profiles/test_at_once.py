"""Many threads at once: nothing is lost, nothing counts twice, and what is erased stays so."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

from dlrs.service.database.database import Database
from dlrs.service.metrics import Metrics
from dlrs.service.profiles.source import UserProfiles
from dlrs.service.seams import Event
from service.profiles.fakes import FakeCandidates
from service.profiles.little import END, Clock, bundle, item_id, past_of, raw_then


def test_threads_and_two_processes_worth_of_caches(tmp_path: Path) -> None:
    current = bundle(), past_of([], tmp_path)
    with closing(Database.open(f"sqlite:///{tmp_path}/service.sqlite")) as stores:
        sources = [
            UserProfiles(
                lambda: current,
                stores.events,
                stores.users,
                FakeCandidates(raw_then),
                Clock(END + 5),
                Metrics(),
                users_kept=2,  # so that states come and go
            )
            for _ in range(2)
        ]

        def use(number: int) -> None:
            source, other = sources[number % 2], sources[1 - number % 2]
            user = f"user-{number % 3}"
            for n in range(12):
                event = Event(f"{number}-{n % 10}", user, item_id(n % 6), "view", END - number * 100 - n)
                before = other.profile(user).events
                new = source.add([event]).new
                assert other.profile(user).events >= before + new
                if number == 8 and n == 5:
                    source.erase("user-9")

        sources[0].add([Event("gone", "user-9", item_id(0), "view", END)])
        assert sources[1].profile("user-9").events == 1
        with ThreadPoolExecutor(9) as threads:
            list(threads.map(use, range(9)))
        for source in sources:
            assert [source.profile(f"user-{n}").events for n in (0, 1, 2, 9)] == [30, 30, 30, 0]
        assert sources[0].profile("user-1").values == sources[1].profile("user-1").values
