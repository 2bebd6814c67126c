"""Fixtures: the URL of a new database of each kind, and one that is open."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
import pytest

from dlrs.service.database import Database

SERVER = "postgresql://postgres@127.0.0.1:5432"


@contextmanager
def postgresql() -> Iterator[str]:
    """The URL of a new database of the server of this machine; skips where none answers."""
    try:
        server = psycopg.connect(f"{SERVER}/postgres", autocommit=True, connect_timeout=2)
    except psycopg.OperationalError as error:
        pytest.skip(f"no PostgreSQL answers at {SERVER}: {error}")
    name = f"dlrs_test_{uuid.uuid4().hex}"
    with server:
        server.execute(f"CREATE DATABASE {name}")
        try:
            yield f"{SERVER}/{name}"
        finally:
            server.execute(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
def postgresql_url() -> Iterator[str]:
    with postgresql() as url:
        yield url


@pytest.fixture
def sqlite_url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path}/dlrs.db"


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest) -> str:
    return str(request.getfixturevalue(f"{request.param}_url"))


Opens = Callable[..., Database]


@pytest.fixture
def opens() -> Iterator[Opens]:
    """Opens databases, and closes them at the end."""
    opened: list[Database] = []

    def open_one(url: str, **options: Any) -> Database:
        opened.append(Database.open(url, **options))
        return opened[-1]

    yield open_one
    for database in opened:
        database.close()


@pytest.fixture
def database(url: str, opens: Opens) -> Database:
    return opens(url)
