"""The same table in every form that it may come in."""

from __future__ import annotations

import csv
import gzip
import json
import sqlite3
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from dlrs.data import engine
from dlrs.data.cleaning import Column, read_typed
from dlrs.data.engine import Engine
from dlrs.data.sources import Source
from dlrs.errors import DataError, SchemaError
from dlrs.schema import EventTable

POSTGRESQL = "postgresql://postgres@127.0.0.1:5432/postgres"
ROWS = [
    {"id": "007", "price": 1.5, "since": "2020-01-01T00:00:00+00:00", "tags": ["a, b", "c"]},
    {"id": 'q"x', "price": None, "since": "2020-01-02T10:00:00.500000+00:00", "tags": []},
    {"id": "ä\nb", "price": -2.0, "since": None, "tags": None},
]
COLUMNS = [
    Column("id", "id", "text", required=True),
    Column("price", "price", "number"),
    Column("since", "since", "time"),
    Column("tags", "tags", "values", detail=","),
]


def _as_lines(folder: Path) -> Source:
    (folder / "t.jsonl").write_text("".join(json.dumps(row) + "\n" for row in ROWS), encoding="utf-8")
    return Source(folder, "t.jsonl")


def _as_delimited(folder: Path, name: str, delimiter: str) -> Source:
    opened = gzip.open if name.endswith(".gz") else open
    with opened(folder / name, "wt", newline="", encoding="utf-8") as stream:
        writer = csv.DictWriter(stream, list(ROWS[0]), delimiter=delimiter)
        writer.writeheader()
        writer.writerows(_texts())
    return Source(folder, name)


def _texts() -> list[dict[str, Any]]:
    return [row | {"tags": row["tags"] if row["tags"] is None else json.dumps(row["tags"])} for row in ROWS]


def _as_parquet(folder: Path) -> Source:
    table = pa.Table.from_pylist(ROWS)
    table = table.set_column(2, "since", table["since"].cast(pa.timestamp("us", "UTC")))
    pq.write_table(table, folder / "t.parquet")
    return Source(folder, "t.parquet")


def _as_sqlite(folder: Path) -> Source:
    database = sqlite3.connect(folder / "shop.db")
    database.execute('CREATE TABLE "my items" (id TEXT, price REAL, since TEXT, tags TEXT)')
    database.executemany('INSERT INTO "my items" VALUES (:id, :price, :since, :tags)', _texts())
    database.commit()
    database.close()
    return Source(folder, "my items", "sqlite:///shop.db")


def _as_postgresql(folder: Path) -> Source:
    import adbc_driver_manager
    import adbc_driver_postgresql.dbapi as postgresql

    name = f"t_{abs(hash(folder)):x}"
    try:
        database = postgresql.connect(POSTGRESQL)
    except adbc_driver_manager.Error:
        pytest.skip(f"no PostgreSQL server answers at {POSTGRESQL}")
    with database, database.cursor() as cursor:
        cursor.execute("CREATE SCHEMA IF NOT EXISTS dlrs_test")
        cursor.execute(
            f'CREATE TABLE dlrs_test."{name}" (id TEXT, price NUMERIC, since TIMESTAMPTZ, tags TEXT[])'
        )
        cursor.execute(
            f'INSERT INTO dlrs_test."{name}" SELECT id, price, since, tags FROM json_to_recordset($1::json) '
            "AS r(id TEXT, price NUMERIC, since TIMESTAMPTZ, tags TEXT[])",
            (json.dumps(ROWS),),
        )
        database.commit()
    return Source(folder, f"dlrs_test.{name}", POSTGRESQL)


FORMS: dict[str, Callable[[Path], Source]] = {
    "jsonl": _as_lines,
    "csv": lambda folder: _as_delimited(folder, "t.csv", ","),
    "csv.gz": lambda folder: _as_delimited(folder, "t.csv.gz", ","),
    "tsv": lambda folder: _as_delimited(folder, "t.tsv", "\t"),
    "parquet": _as_parquet,
    "sqlite": _as_sqlite,
    "postgresql": _as_postgresql,
}


@pytest.fixture(params=FORMS.values(), ids=FORMS.keys())
def source(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Source]:
    made = request.param(tmp_path)
    yield made
    if made.database == POSTGRESQL:
        import adbc_driver_postgresql.dbapi as postgresql

        with postgresql.connect(POSTGRESQL) as database, database.cursor() as cursor:
            schema, name = made.table.split(".")
            cursor.execute(f'DROP TABLE {schema}."{name}"')
            database.commit()


@pytest.fixture
def connection() -> Iterator[Engine]:
    with engine.connect() as connection:
        yield connection


def test_a_table_is_the_same_in_every_form(source: Source, connection: Engine) -> None:
    read = read_typed(connection, "read", source, COLUMNS).order_by("id").to_pyarrow().to_pylist()
    assert [row["id"] for row in read] == ["007", 'q"x', "ä\nb"]
    assert [row["price"] for row in read] == [1.5, None, -2.0]
    assert [row["since"] and row["since"].isoformat() for row in read] == [row["since"] for row in ROWS]
    # text cannot tell an empty list from a missing one, and neither says anything
    assert [row["tags"] or None for row in read] == [["a, b", "c"], None, None]
    assert sorted(row["_row"] for row in read) == [1, 2, 3]


def test_a_column_that_is_missing_is_named(source: Source, connection: Engine) -> None:
    with pytest.raises(DataError) as error:
        read_typed(connection, "read", source, [Column("prise", "prise", "number")])
    assert str(source) in str(error.value)
    assert "Did you mean 'price'?" in str(error.value)


def test_marks_of_missing_cells_are_empty_in_every_form(source: Source, connection: Engine) -> None:
    marked = replace(source, missing=("-2", "-2.0", "007"))
    columns = [Column(c.name, c.source, c.kind, detail=c.detail) for c in COLUMNS]
    read = read_typed(connection, "read", marked, columns).to_pyarrow().to_pylist()
    by_tags = {tuple(row["tags"] or ()): row for row in read}
    assert by_tags["a, b", "c"]["id"] is None
    assert {row["price"] for row in read} == {1.5, None}


def test_a_mark_is_a_whole_cell_and_no_id(tmp_path: Path, connection: Engine) -> None:
    (tmp_path / "t.csv").write_text("id,price\na,N/A\nN/A,1\n")
    price = Column("price", "price", "number")
    with pytest.raises(DataError, match=r"row 1: .* received 'N/A'.*list the cell as `missing`"):
        read_typed(connection, "unmarked", Source(tmp_path, "t.csv"), [price])
    with pytest.raises(DataError, match=r"'N/A'"):
        read_typed(connection, "part", Source(tmp_path, "t.csv", missing=("N",)), [price])
    marked = Source(tmp_path, "t.csv", missing=("N/A",))
    assert read_typed(connection, "marked", marked, [price]).to_pyarrow()["price"].to_pylist() == [None, 1.0]
    with pytest.raises(DataError, match=r"column 'id', row 2: expected text, received an empty cell"):
        read_typed(connection, "ids", marked, [Column("id", "id", "text", required=True), price])


def test_a_key_that_only_the_last_line_has_is_a_column(tmp_path: Path, connection: Engine) -> None:
    lines = ['{"id": 1}'] * 30_000 + ['{"id": "x", "late": {"a": [1]}}']
    (tmp_path / "t.ndjson").write_text("\n".join(lines))
    read = Source(tmp_path, "t.ndjson").read(connection, "raw").to_pyarrow()
    assert read["id"][0].as_py() == "1"
    assert read["id"][-1].as_py() == "x"
    assert read["late"][-1].as_py() == '{"a":[1]}'


@pytest.mark.parametrize(
    ("source", "says"),
    [
        (("no.csv", None), ["no.csv", "no such file"]),
        (("t.xlsx", None), ["t.xlsx", ".parquet, .csv, .tsv, .jsonl", "'.xlsx'"]),
        (("broken.jsonl", None), ["broken.jsonl", "expected a readable table"]),
        (("broken.parquet", None), ["broken.parquet", "expected a readable table"]),
        (("items", "sqlite:///no.db"), ["no.db", "no such file"]),
        (("nothing", "sqlite:///shop.db"), ["table 'nothing' of sqlite", "no such table"]),
        (("items", "sqlite:///broken.jsonl"), ["table 'items'", "not a database"]),
        (("items", "mysql://host/shop"), ["mysql://host/shop", "postgresql://"]),
        (("items", "postgresql://me:secret@127.0.0.1:1/shop"), ["postgresql://127.0.0.1:1/shop", "items"]),
    ],
)
def test_a_table_that_cannot_be_read_says_so(
    tmp_path: Path, connection: Engine, source: tuple[str, str | None], says: list[str]
) -> None:
    _as_sqlite(tmp_path)
    (tmp_path / "t.xlsx").write_text("a")
    (tmp_path / "broken.jsonl").write_text('{"id": 1}\n{"id": ')
    (tmp_path / "broken.parquet").write_text("PAR1")
    with pytest.raises(DataError) as error:
        Source(tmp_path, *source).read(connection, "raw")
    assert all(words in str(error.value) for words in says), str(error.value)
    assert "secret" not in str(error.value)


CARS = [f"a{n},Volvo,{n * 100}" for n in range(40_000)]


@pytest.mark.parametrize("before", [150, 39_000])  # among the rows that DuckDB guesses from, and far behind
@pytest.mark.parametrize(
    ("row", "says"),
    [
        (b"b1,Fiat,100,?", ["CSV Error on Line: {line}; Original Line: b1,Fiat,100,?", "3 Found: 4. Mend"]),
        (b"b1,Fiat", ["CSV Error on Line: {line}; Original Line: b1,Fiat;", "Columns: 3 Found: 2. Mend"]),
        (
            b'b1,"Fiat,100',
            ["CSV Error on Line: {line}; Original Line: b1", "unterminated quote", "Close the"],
        ),
        (b"b1,Citro\xebn,100", ["CSV Error on Line: {line}; Invalid unicode", "Save the file as UTF-8."]),
    ],
)
def test_a_row_of_a_csv_that_cannot_be_read_is_named(
    tmp_path: Path, connection: Engine, before: int, row: bytes, says: list[str]
) -> None:
    cars = [car.encode() for car in CARS]
    (tmp_path / "t.csv").write_bytes(b"\n".join([b"id,make,price", *cars[:before], row, *cars[before:]]))
    source = Source(tmp_path, "t.csv")
    with pytest.raises(DataError) as error, connection.reading(source):
        connection.kept("read", source.read(connection, "raw"))
    for words in says:
        assert words.format(line=before + 2) in str(error.value)


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        (
            "t.csv",
            b"id;price\n1;2,5\n",
            "parted by commas, received semicolons in its first line, 'id;price'",
        ),
        ("t.csv.gz", gzip.compress(b"id\tprice\n1\t2\n"), "parted by commas, received tabs"),
        ("t.tsv", b"id,price\n1,2\n", "parted by tabs, received commas"),
        ("t.csv", "id,price\n1,2\n".encode("utf-16"), "text in UTF-8, received UTF-16"),
        ("t.csv.gz", b"id,price\n1,2\n", "not a GZIP stream"),
    ],
)
def test_a_csv_that_is_none_says_so(
    tmp_path: Path, connection: Engine, name: str, content: bytes, says: str
) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(DataError, match=says):
        Source(tmp_path, name).read(connection, "raw")


def test_a_table_of_one_column_is_a_table(tmp_path: Path, connection: Engine) -> None:
    (tmp_path / "t.csv").write_text("\ufeffid\n1\n2\n", encoding="utf-8")
    assert Source(tmp_path, "t.csv").read(connection, "raw").to_pyarrow()["id"].to_pylist() == ["1", "2"]


def test_variables_in_a_database_url_are_expanded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    described = EventTable(table="log", database="$SHOP/log", user="u", item="i", time="t")
    with pytest.raises(SchemaError, match=r"database = .*SHOP is not set"):
        Source.of(described, tmp_path)
    monkeypatch.setenv("SHOP", "postgresql://host")
    assert Source.of(described, tmp_path).database == "postgresql://host/log"


@pytest.mark.parametrize(
    ("trouble", "says"),
    [
        ("page 7 is damaged", r"events\.parquet: expected a readable table, received: .*page 7 is damaged"),
        ("No space left on device", "expected room for the joins in memory and in .*No space left on device"),
    ],
)
def test_what_goes_wrong_while_rows_stream_is_told_apart(trouble: str, says: str, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=says):
        _stream_into(trouble, tmp_path)


def _stream_into(trouble: str, folder: Path) -> None:
    rows = f"SELECT CASE WHEN range > 2500000 THEN error('{trouble}') ELSE 'x' END AS x FROM range(3000000)"
    with engine.connect() as connection:
        connection.backend.raw_sql(f"CREATE VIEW rows AS {rows}")
        with connection.reading(Source(folder, "events.parquet")):
            for _ in engine.batches(connection.backend.table("rows")):
                pass
