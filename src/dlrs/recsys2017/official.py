"""Official: the challenge's five files as they were distributed, as relations of DuckDB.

They are separated by tabs. The names of columns carry the name of the table that they were exported from
(`recsyschallenge_v2017_items_final_anonym_training_export.id`), targetUsers.csv has a header and
targetItems.csv none. Nothing is read into memory: whoever asks a relation streams it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import duckdb

from dlrs.errors import DataError

LIST = "list"
"""A cell of numbers with commas between them; 0 or nothing: none is known."""

USERS: Mapping[str, str] = {
    "id": "BIGINT",
    "jobroles": LIST,
    "career_level": "VARCHAR",
    "discipline_id": "VARCHAR",
    "industry_id": "VARCHAR",
    "country": "VARCHAR",
    "region": "VARCHAR",
    "experience_n_entries_class": "VARCHAR",
    "experience_years_experience": "VARCHAR",
    "experience_years_in_current": "VARCHAR",
    "edu_degree": "VARCHAR",
    "edu_fieldofstudies": LIST,
    "wtcj": "VARCHAR",
    "premium": "TINYINT",
}
ITEMS: Mapping[str, str] = {
    "id": "BIGINT",
    "title": LIST,
    "career_level": "VARCHAR",
    "discipline_id": "VARCHAR",
    "industry_id": "VARCHAR",
    "country": "VARCHAR",
    "is_payed": "TINYINT",
    "region": "VARCHAR",
    "latitude": "DOUBLE",
    "longitude": "DOUBLE",
    "employment": "VARCHAR",
    "tags": LIST,
    "created_at": "BIGINT",  # seconds since 1970; unknown for some
}
INTERACTIONS: Mapping[str, str] = {
    "user_id": "BIGINT",
    "item_id": "BIGINT",
    "interaction_type": "TINYINT",
    "created_at": "BIGINT",
}
TYPES = ("impression", "click", "bookmark", "reply", "delete", "recruiter")
"""What the interaction types 0, 1, … are called here."""

EMPTY = ("", "NULL", "null", r"\N")
"""Cells that say nothing."""

NUMBERS = r"^\s*\d*(\s*,\s*\d+)*\s*$"


@dataclass(frozen=True)
class Official:
    """The folder with the challenge's files, and the database that reads them."""

    INTERACTIONS_FILE: ClassVar = "interactions.csv"

    folder: Path
    connection: duckdb.DuckDBPyConnection

    @property
    def users(self) -> str:
        """SQL that reads users.csv; lists are text, null where nothing is known."""
        return self._table("users.csv", USERS)

    @property
    def items(self) -> str:
        """SQL that reads items.csv; lists are text, null where nothing is known."""
        return self._table("items.csv", ITEMS)

    @property
    def interactions(self) -> str:
        """SQL that reads interactions.csv."""
        return self._table(self.INTERACTIONS_FILE, INTERACTIONS)

    @property
    def target_users(self) -> str:
        """SQL that reads targetUsers.csv: user_id."""
        return self._targets("targetUsers.csv", "user_id")

    @property
    def target_items(self) -> str:
        """SQL that reads targetItems.csv: item_id."""
        return self._targets("targetItems.csv", "item_id")

    def copy(self, select: str, file: Path) -> int:
        """Write what a SELECT gives into a Parquet file, streamed; return how many rows it has.

        Raises:
            DataError: a cell is not what its column holds.
        """
        try:
            copied = self.connection.execute(
                f"COPY ({select}) TO {_quoted(file)} (FORMAT parquet)"
            ).fetchone()
        except duckdb.Error as error:
            raise DataError(
                f"{self.folder}: expected the challenge's files as distributed, received: "
                f"{_in_short(error)}. Unpack them again."
            ) from error
        return 0 if copied is None else int(copied[0])

    def _table(self, name: str, columns: Mapping[str, str]) -> str:
        file = self.folder / name
        found = [cell.strip().rpartition(".")[2] for cell in _first_line(file).split("\t")]
        lacking = [column for column in columns if column not in found]
        if lacking or len(set(found)) < len(found):
            raise DataError.at(
                file=str(file), column=None, row=None,
                expected=f"a header with the columns {', '.join(columns)}, each after its table's name",
                received=f"{', '.join(found)}", mend="Unpack the challenge's files again.",
            )  # fmt: skip
        read = {column: _read_as(columns.get(column, "VARCHAR")) for column in found}
        cells = ", ".join(_cell(column, kind, file) for column, kind in columns.items())
        return f"SELECT {cells} FROM {_csv(file, read, header=True)}"

    def _targets(self, name: str, column: str) -> str:
        file = self.folder / name
        header = not _first_line(file).strip().isdigit()
        return f"SELECT DISTINCT {column} FROM {_csv(file, {column: 'BIGINT'}, header=header)}"


def _read_as(kind: str) -> str:
    return "VARCHAR" if kind == LIST else kind


def _cell(column: str, kind: str, file: Path) -> str:
    if kind != LIST:
        return column
    place = f"{file}, column '{column}': expected numbers with commas between them, received '".replace(
        "'", "''"
    )
    return (
        f"CASE WHEN regexp_full_match(coalesce({column}, ''), '{NUMBERS}') THEN nullif({column}, '0') "
        f"ELSE error('{place}' || {column} || '''') END AS {column}"
    )


def _csv(file: Path, columns: Mapping[str, str], *, header: bool) -> str:
    described = ", ".join(f"'{name}': '{kind}'" for name, kind in columns.items())
    empty = ", ".join(f"'{cell}'" for cell in EMPTY)
    return (
        f"read_csv({_quoted(file)}, delim = '\t', quote = '', escape = '', header = {str(header).lower()}, "
        f"auto_detect = false, nullstr = [{empty}], columns = {{{described}}})"
    )


def _first_line(file: Path) -> str:
    try:
        with file.open(encoding="utf-8-sig") as stream:
            return stream.readline().rstrip("\r\n")
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(
            f"{file}: expected a file of the RecSys Challenge 2017, received: {error}. Name the folder with "
            "users.csv, items.csv, interactions.csv, targetUsers.csv and targetItems.csv."
        ) from error


def _quoted(file: Path) -> str:
    return "'" + str(file).replace("'", "''") + "'"


def _in_short(error: duckdb.Error) -> str:
    """Return the lines that say what was wrong and where, without DuckDB's advice."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    files = [line.removeprefix("file = ") for line in lines if line.startswith("file = ")]
    return " ".join([*files, *lines[:3]])
