"""PostgreSQL that takes bytes and never answers: nobody waits for it without end."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from math import inf

import psycopg
import pytest

from dlrs.errors import Unavailable
from dlrs.service.database import Database, engines, reading
from dlrs.service.database.tables import event as event_table
from service.database.conftest import SERVER, Opens
from service.database.relay import Relay, relay
from service.database.test_troubles import event

PORT = int(SERVER.rpartition(":")[2])
SLOW = """
CREATE FUNCTION slow() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM pg_sleep(1.5); RETURN OLD; END $$;
CREATE TRIGGER slow BEFORE INSERT OR DELETE ON event FOR EACH STATEMENT EXECUTE FUNCTION slow();
"""


@pytest.fixture(autouse=True)
def little_patience(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("PATIENCE", "READING", "WRITING"):
        monkeypatch.setattr(engines, name, 1.0)
    monkeypatch.setattr(reading, "PATIENCE", 1.0)


@pytest.fixture
def between(postgresql_url: str) -> Iterator[Relay]:
    with relay(PORT) as opened:
        yield opened


@pytest.fixture
def database(postgresql_url: str, between: Relay, opens: Opens) -> Database:
    opened = opens(postgresql_url.replace(f":{PORT}/", f":{between.port}/"))
    opened.events.add([(event("before"), {"n": 0})])
    assert len(opened.events.of_user("ann")) == 1
    return opened


def refused(between: Relay, *calls: Callable[[], object]) -> None:
    """Each of them, at the same time as the others, is told that nobody answers."""
    with ThreadPoolExecutor(len(calls)) as pool:
        asked = [pool.submit(call) for call in calls]
        waiting = wait(asked, timeout=60).not_done
        if waiting:
            between.end()  # or they would wait still
        assert not waiting
        for call in asked:
            assert isinstance(call.exception(), Unavailable)


def test_who_waits_is_told_so_and_all_goes_on_afterwards(database: Database, between: Relay) -> None:
    def add() -> int:
        return database.events.add([(event("meanwhile"), {"n": 1})])

    between.takes = False
    refused(
        between,
        add,
        add,
        add,
        lambda: database.items.put({"car": {}}, 5),
        lambda: database.users.erase("bob", 5),
    )
    refused(between, *[lambda: database.events.of_user("ann")] * 12, lambda: database.items.last())
    between.takes = True
    assert add() == 1
    assert [each.event.id for each in database.events.of_user("ann")] == ["ebefore", "emeanwhile"]


def test_a_commit_whose_answer_is_lost_is_in_doubt(
    database: Database, between: Relay, postgresql_url: str
) -> None:
    writer = database.events._writer

    def write() -> None:
        with writer.transaction() as connection:
            writer.numbers(connection, event_table, 7)
            between.answers = False

    with pytest.raises(Unavailable, match="may be done or not"):
        write()
    between.answers = True
    with psycopg.connect(postgresql_url) as other:  # it was done: the server waits for its lock
        (last,) = other.execute("SELECT last FROM number WHERE name = 'event' FOR UPDATE").fetchall()
    assert last == (8,)
    assert database.events.add([(event("before"), {"n": 0}), (event("after"), {"n": 2})]) == 1


def test_the_server_ends_what_takes_too_long_but_erasures_may(
    database: Database, postgresql_url: str
) -> None:
    with psycopg.connect(postgresql_url, autocommit=True) as other:
        other.execute(SLOW)
    with pytest.raises(Unavailable, match="statement timeout"):
        database.events.add([(event("slow"), {"n": 1})])
    database.users.erase("ann", 5)
    assert database.events.of_user("ann") == []


def test_each_connection_has_its_limits(database: Database) -> None:
    writer = database.events._writer
    shown = "SHOW statement_timeout"
    for longest, expected in ((None, "1s"), (inf, "0"), (120.0, "2min"), (None, "1s")):
        with writer.transaction(longest) as connection:
            assert connection.exec_driver_sql(shown).scalar() == expected
    with database._engines[0].connect() as connection:
        assert connection.exec_driver_sql(shown).scalar() == "1s"
        driver = connection.connection.driver_connection
        assert driver is not None
        told = driver.info.get_parameters()
    assert {name: told[f"keepalives_{name}"] for name in ("idle", "interval", "count")} == {
        "idle": "5",
        "interval": "2",
        "count": "3",
    }
