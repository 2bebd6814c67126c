"""Databases of older revisions open; those of newer ones, and what is none, are refused."""

from __future__ import annotations

from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory

from dlrs.errors import ArtifactError, RequestError, Unavailable
from dlrs.service.database import Database, migrating
from dlrs.service.database.database import make
from dlrs.service.database.engines import engines, parsed
from dlrs.service.database.migrating import FOLDER, migrate
from dlrs.service.database.tables import REVISION, tables
from dlrs.service.database.writing import Writer
from dlrs.service.seams import Erased, Event
from service.database.conftest import Opens

# what each revision held that a later one must still show: by SQL, as that revision wrote it
AS_WRITTEN = {
    1: [
        "INSERT INTO event VALUES (7, 'e', 'ann', 'car', 'view', 100, 'key')",
        "INSERT INTO features VALUES ('key', '{\"price\":5}')",
        "UPDATE number SET last = 7 WHERE name = 'event'",
        "INSERT INTO user_record VALUES ('ann', '[]', 50, 3)",
        "INSERT INTO item_change VALUES (1, 'car', 90, '{\"price\":5}')",
        "UPDATE number SET last = 1 WHERE name = 'item_change'",
    ],
    2: [
        "INSERT INTO event VALUES (7, 'e', 'ann', 'car', 'view', 100, 'key')",
        "INSERT INTO features VALUES ('key', '{\"price\":5}')",
        "UPDATE number SET last = 7 WHERE name = 'event'",
        "INSERT INTO user_record VALUES ('ann', '[]', 50, 3, 1)",
        "UPDATE number SET last = 1 WHERE name = 'user_record'",
        "INSERT INTO item_change VALUES (1, 'car', 90, '{\"price\":5}')",
        "UPDATE number SET last = 1 WHERE name = 'item_change'",
    ],
}


def run(url: str, revision: int, statements: list[str]) -> None:
    """Make a database of an older revision and run SQL in it."""
    reading, writing = engines(parsed(url), 1)
    writer = Writer(writing, url)
    migrate(reading, writer, url, to=revision)
    with writer.transaction() as connection:
        for statement in statements:
            connection.exec_driver_sql(statement)
    reading.dispose()
    writing.dispose()


@pytest.mark.parametrize("revision", range(1, REVISION + 1))
def test_a_database_of_each_revision_opens(url: str, opens: Opens, revision: int) -> None:
    run(url, revision, AS_WRITTEN[revision])
    database = opens(url)
    (found,) = database.events.of_user("ann")
    assert found.event == Event("e", "ann", "car", "view", 100)
    assert database.events.features([found.features]) == {"key": {"price": 5}}
    assert database.users.get("ann").erased == 50
    database.users.erase("bob", 60)
    assert database.users.erased(0) == Erased(2, ["ann", "bob"])
    assert database.items.put({"car": None}, 200) == 2
    assert database.events.add([(Event("f", "ann", "car", "view", 100), {})]) == 1
    assert database.events.of_user("ann", 7)[0].seq == 8


def test_the_newest_revision_is_the_one_that_the_code_names() -> None:
    scripts = ScriptDirectory(str(FOLDER))
    assert scripts.get_current_head() == str(REVISION)
    revisions = [script.revision for script in scripts.walk_revisions()]
    assert revisions == [str(n) for n in range(REVISION, 0, -1)]


def test_the_migrations_make_the_tables_that_the_code_names(url: str, opens: Opens) -> None:
    opens(url)
    reading, writing = engines(parsed(url), 1)
    with reading.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), tables) == []
    reading.dispose()
    writing.dispose()


def test_opening_again_changes_nothing(url: str, opens: Opens) -> None:
    opens(url).items.put({"car": {}}, 100)
    assert opens(url).items.last() == 1


def test_a_database_made_beforehand_is_only_opened(
    url: str, opens: Opens, monkeypatch: pytest.MonkeyPatch
) -> None:
    make(url)
    monkeypatch.setattr(migrating, "_upgrade", None)  # whoever migrates now fails
    make(url)
    assert opens(url).items.put({"car": {}}, 100) == 1


@pytest.mark.parametrize("newer", [str(REVISION + 1), "a7f3"])
def test_a_newer_revision_is_refused(url: str, opens: Opens, newer: str) -> None:
    run(url, REVISION, [f"UPDATE alembic_version SET version_num = '{newer}'"])
    with pytest.raises(ArtifactError, match=rf"revision {REVISION} or older, received revision '{newer}'"):
        opens(url)


def test_no_database_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "notes.db"
    file.write_text("These are notes and no database, whatever the name says. " * 50)
    with pytest.raises(ArtifactError, match=r"notes\.db: expected a SQLite database"):
        Database.open(f"sqlite:///{file}")
    with pytest.raises(Unavailable, match="nowhere"):
        Database.open(f"sqlite:///{tmp_path}/nowhere/dlrs.db")


@pytest.mark.parametrize("url", ["mysql://me:secret@host/x", "dlrs.db", "", "sqlite://"])
def test_other_urls_are_refused(url: str) -> None:
    with pytest.raises(RequestError, match="sqlite:///FILE or postgresql") as caught:
        Database.open(url)
    assert "secret" not in str(caught.value)
