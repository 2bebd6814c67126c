"""Changes: what happened to a live index since its snapshot, on the disk before anybody is told that it did.

The log is one SQLite file. A transaction of it is whole or not there, whenever a process is killed or
a machine stops, and it is on the disk when `append` returns. The log also names the snapshot that it goes
on from: the step to a newer one and the removal of the changes that this one holds are one
transaction, too.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np
import pyarrow as pa

from dlrs.arrays import Bools
from dlrs.candidates.live.facts import from_json, to_json
from dlrs.candidates.live.items import Ids, LiveItems
from dlrs.errors import ArtifactError

FORMAT = 2
WITHOUT_MARK = 1
"""The format before there was a mark; it is brought up to date when the log is opened."""

MARK = "mark INTEGER NOT NULL DEFAULT 0"
TABLES = f"""
    CREATE TABLE change (seq INTEGER PRIMARY KEY, id BLOB NOT NULL, item BLOB, facts TEXT);
    CREATE TABLE state (snapshot TEXT NOT NULL, {MARK});
"""
"""`item` is embedding and wide scalar, float32; NULL where the item was deleted. `facts` is JSON. `mark` is
the caller's number of how far he is."""


@dataclass(frozen=True)
class Changes:
    """B items that came, in this version, or went; the numbers of those that went mean nothing."""

    items: LiveItems
    gone_B: Bools
    facts: pa.Table | None = None

    @classmethod
    def upserting(cls, items: LiveItems, facts: pa.Table | None = None) -> Self:
        """Return that items came."""
        return cls(items, np.zeros(len(items), dtype=np.bool_), facts)

    @classmethod
    def deleting(cls, ids_B: Ids, like: LiveItems) -> Self:
        """Return that items went, of the same width as others."""
        B, width = len(ids_B), like.embedding_ND.shape[1]
        nothing = LiveItems(ids_B, np.zeros((B, width), np.float32), np.zeros(B, np.float32))
        return cls(nothing, np.ones(B, dtype=np.bool_))

    def __len__(self) -> int:
        return len(self.gone_B)

    def newest(self) -> Changes:
        """Return the last one of each id."""
        last = len(self) - 1 - np.unique(self.items.ids_N[::-1], return_index=True)[1]
        facts = None if self.facts is None else self.facts.take(last)
        return Changes(self.items.take(last), self.gone_B[last], facts)


class Log:
    """The changes of one live index, numbered from 1 on; used by one thread at a time."""

    def __init__(self, file: Path) -> None:
        """Open what `create` made.

        Raises:
            ArtifactError: there is none, or it is none.
        """
        self.file = file
        if not file.is_file():
            raise ArtifactError(f"{file}: expected the log of a live index, received no such file.")
        with self._told():
            self._base = _connected(file)
            received = self._base.execute("PRAGMA user_version").fetchone()[0]
        if received == WITHOUT_MARK:
            with self._transaction():
                self._base.execute(f"ALTER TABLE state ADD COLUMN {MARK}")
                self._base.execute(f"PRAGMA user_version = {FORMAT}")
            received = FORMAT
        if received != FORMAT:
            self.close()
            raise ArtifactError(f"{file}: expected a log of format {FORMAT}, received {received}.")

    @classmethod
    def create(cls, file: Path, snapshot: str) -> None:
        """Make a log without changes that goes on from a snapshot."""
        with closing(_connected(file)) as base:
            base.executescript(f"BEGIN; {TABLES} PRAGMA user_version = {FORMAT}; COMMIT")
            base.execute("INSERT INTO state (snapshot) VALUES (?)", (snapshot,))

    def close(self) -> None:
        """Let the file go."""
        self._base.close()

    @property
    def snapshot(self) -> str:
        """The name of the snapshot that the changes go on from."""
        with self._told():
            name: str = self._base.execute("SELECT snapshot FROM state").fetchone()[0]
        return name

    @property
    def mark(self) -> int:
        """The caller's number that came with the last changes that had one; 0 before."""
        with self._told():
            mark: int = self._base.execute("SELECT mark FROM state").fetchone()[0]
        return mark

    @property
    def version(self) -> int:
        """A number that is another one when another connection changed the log; some microseconds."""
        with self._told():
            version: int = self._base.execute("PRAGMA data_version").fetchone()[0]
        return version

    @contextmanager
    def moment(self) -> Iterator[None]:
        """Read the log in the block as it is at one moment, whatever is written to it meanwhile."""
        with self._told():
            self._base.execute("BEGIN")
            try:
                yield
            finally:
                self._base.execute("COMMIT")

    def append(self, changes: Changes, first: int, mark: int | None = None) -> None:
        """Write changes with the numbers from `first` on; they are on the disk afterwards, all or none.

        The same holds for the mark, if there is one.

        Raises:
            ArtifactError: the disk is full, or fails.
        """
        values = np.column_stack([changes.items.embedding_ND, changes.items.wide_N])
        blobs = [None if gone else row.tobytes() for row, gone in zip(values, changes.gone_B, strict=True)]
        texts = [None] * len(changes) if changes.facts is None else to_json(changes.facts)
        seqs = range(first, first + len(changes))
        rows = zip(seqs, changes.items.ids_N.tolist(), blobs, texts, strict=True)
        with self._transaction():
            self._base.executemany("INSERT INTO change VALUES (?, ?, ?, ?)", rows)
            if mark is not None:
                self._base.execute("UPDATE state SET mark = ?", (mark,))

    def after(self, seq: int, most: int, like: LiveItems, form: pa.Schema | None) -> tuple[Changes, int]:
        """Return up to so many changes behind the one numbered `seq`, and the number of the last of them."""
        with self._told():
            rows = self._base.execute(
                "SELECT seq, id, item, facts FROM change WHERE seq > ? ORDER BY seq LIMIT ?", (seq, most)
            ).fetchall()
        width = like.embedding_ND.shape[1] + 1
        blobs = [item or bytes(4 * width) for _, _, item, _ in rows]
        values = np.frombuffer(b"".join(blobs), dtype=np.float32).reshape(-1, width)
        ids = np.array([id for _, id, _, _ in rows], dtype=np.bytes_)
        gone = np.array([item is None for _, _, item, _ in rows], dtype=np.bool_)
        facts = None if form is None else from_json([text for *_, text in rows], form)
        changes = Changes(LiveItems(ids, values[:, :-1], values[:, -1]), gone, facts)
        return changes, rows[-1][0] if rows else seq

    def go_on_from(self, snapshot: str, seq: int) -> None:
        """Name a newer snapshot, and forget the changes up to `seq`, which it holds."""
        with self._transaction():
            self._base.execute("UPDATE state SET snapshot = ?", (snapshot,))
            self._base.execute("DELETE FROM change WHERE seq <= ?", (seq,))

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        with self._told():
            self._base.execute("BEGIN IMMEDIATE")
            try:
                yield
                self._base.execute("COMMIT")
            finally:
                if self._base.in_transaction:
                    self._base.execute("ROLLBACK")

    @contextmanager
    def _told(self) -> Iterator[None]:
        """Turn what SQLite says into an error that says how to mend it."""
        try:
            yield
        except sqlite3.Error as error:
            raise ArtifactError(
                f"{self.file}: expected to read and write the log of a live index, received: {error}. "
                "Make room, or see to the disk, and do it again: nothing of it was done, and all that was "
                "done before is there."
            ) from error


def _connected(file: Path) -> sqlite3.Connection:
    # threads take turns; autocommit, for transactions are begun by hand
    base = sqlite3.connect(file, isolation_level=None, check_same_thread=False, timeout=60)
    base.execute("PRAGMA journal_mode = WAL")
    base.execute("PRAGMA synchronous = FULL")  # a transaction is on the disk when it is over
    return base
