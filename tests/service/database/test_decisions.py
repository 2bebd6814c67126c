"""Decisions are written in the background: how many, and what becomes of them while the database is down."""

from __future__ import annotations

import sqlite3
import threading
import time

import pytest
from sqlalchemy import bindparam, delete

from dlrs.errors import Unavailable
from dlrs.service.database import decisions as module
from dlrs.service.database import engines
from dlrs.service.database.tables import decision as table
from service.database.conftest import Opens
from service.database.test_contract import decision


def ids(numbers: range) -> list[str]:
    return [f"d{n}" for n in numbers]


def test_the_oldest_make_room(url: str, opens: Opens) -> None:
    database = opens(url, decisions=10)
    for id in ids(range(25)):
        database.decisions.keep(decision(id))
    database.decisions.flush()
    database.decisions.keep(decision("d25"))
    database.decisions.flush()
    kept = [id for id in ids(range(26)) if database.decisions.get(id) is not None]
    assert kept == ids(range(16, 26))
    assert database.decisions.dropped == 0


def test_where_fewer_are_wanted_than_before_the_others_go_bite_by_bite(
    url: str, opens: Opens, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = opens(url)
    for id in ids(range(50)):
        before.decisions.keep(decision(id))
    before.close()
    bite = delete(table).where(table.c.number <= bindparam("until"), table.c.number < module.FIRST + 20)
    monkeypatch.setattr(module, "OLDEST", bite)
    database = opens(url, decisions=10)
    kept = []
    for id in ids(range(50, 53)):
        database.decisions.keep(decision(id))
        database.decisions.flush()
        kept.append([each for each in ids(range(53)) if database.decisions.get(each) is not None])
    assert kept == [ids(range(20, 51)), ids(range(40, 52)), ids(range(43, 53))]


def test_none_are_kept(url: str, opens: Opens) -> None:
    database = opens(url, decisions=0)
    database.decisions.keep(decision("1"))
    assert database.decisions.get("1") is None


def test_without_room_the_new_ones_are_dropped_and_counted(
    url: str, opens: Opens, caplog: pytest.LogCaptureFixture
) -> None:
    told: list[int] = []
    database = opens(url, waiting=3, dropped=told.append)
    with database.decisions._writing:
        for id in ids(range(5)):
            database.decisions.keep(decision(id))
    database.decisions.flush()
    assert [id for id in ids(range(5)) if database.decisions.get(id) is not None] == ids(range(3))
    assert database.decisions.dropped == sum(told) == 2
    lines = [record.message for record in caplog.records]
    assert lines == [
        "decisions are dropped: 3 wait to be written",
        "decisions are kept again; 2 were dropped",
    ]


def test_one_that_cannot_be_written_costs_no_other(url: str, opens: Opens) -> None:
    told: list[int] = []
    database = opens(url, dropped=told.append)
    database.decisions.keep(decision("1"))
    database.decisions.keep(decision("2", request={"odd": object()}))
    database.decisions.keep(decision("3"))
    database.decisions.flush()
    assert [database.decisions.get(id) is not None for id in "123"] == [True, False, True]
    assert database.decisions.dropped == sum(told) == 1


def test_the_last_ones_are_written_at_the_end(url: str, opens: Opens) -> None:
    database = opens(url)
    database.decisions.keep(decision("1"))
    database.close()
    assert opens(url).decisions.get("1") == decision("1")
    assert not [each for each in threading.enumerate() if each.name == "decisions"]


def test_they_wait_while_the_database_is_down(
    sqlite_url: str, opens: Opens, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engines, "PATIENCE", 0.05)
    monkeypatch.setattr(module, "PAUSE", 0.01)
    monkeypatch.setattr(module, "AGAIN", 0.05)
    database, reader = opens(sqlite_url), opens(sqlite_url)
    other = sqlite3.connect(sqlite_url.removeprefix("sqlite:///"), isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    database.decisions.keep(decision("1"))
    with pytest.raises(Unavailable):
        database.decisions.flush()
    assert database.decisions.get("1") == decision("1")
    assert reader.decisions.get("1") is None
    other.execute("ROLLBACK")
    other.close()
    while reader.decisions.get("1") is None:  # the thread lives still
        time.sleep(0.01)
    assert database.decisions.dropped == 0
