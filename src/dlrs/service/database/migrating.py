"""Migrating: a database is brought to the newest revision when it is opened."""

from __future__ import annotations

from math import inf
from pathlib import Path

from sqlalchemy import Connection, Engine, inspect, text

from dlrs.errors import ArtifactError
from dlrs.service.database.tables import REVISION
from dlrs.service.database.troubles import told
from dlrs.service.database.writing import Writer

FOLDER = Path(__file__).parent / "migrations"
LOCK = 0x646C7273
"""Of PostgreSQL's advisory locks: one process migrates at a time. SQLite's transactions need none."""


def migrate(reading: Engine, writer: Writer, where: str, *, to: int = REVISION) -> None:
    """Upgrade a database, or make a new one, in one transaction.

    Raises:
        ArtifactError: it is of a newer revision than this version of dlrs knows.
    """
    with told(where), reading.connect() as connection:
        if _revision(connection, where) >= to:
            return
    with writer.transaction(longest=inf) as connection:
        if connection.dialect.name == "postgresql":
            connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": LOCK})
        if _revision(connection, where) < to:  # another process may have been here meanwhile
            _upgrade(connection, str(to))


def _revision(connection: Connection, where: str) -> int:
    if not inspect(connection).has_table("alembic_version"):
        return 0
    found = str(connection.execute(text("SELECT version_num FROM alembic_version")).scalar() or "0")
    if not found.isdecimal() or int(found) > REVISION:
        raise ArtifactError(
            f"{where}: expected a database of revision {REVISION} or older, received revision '{found}'. "
            "Open it with the version of dlrs that made it, or a newer one."
        )
    return int(found)


def _upgrade(connection: Connection, to: str) -> None:
    # here, as Alembic takes a while to import and most starts need none of it
    from alembic.config import Config
    from alembic.runtime.environment import EnvironmentContext
    from alembic.script import ScriptDirectory

    scripts = ScriptDirectory(str(FOLDER))
    environment = EnvironmentContext(
        Config(),
        scripts,
        fn=lambda revision, _: scripts._upgrade_revs(to, revision),
        destination_rev=to,
    )
    with environment:
        environment.configure(connection=connection, transactional_ddl=True)
        environment.run_migrations()
