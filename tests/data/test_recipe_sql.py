"""Tables that a recipe's SQL makes of others before they are read."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from dlrs.data import engine
from dlrs.data.cleaning import Column, read_typed
from dlrs.data.engine import ROW
from dlrs.data.sources import Source
from dlrs.errors import DataError, SchemaError
from dlrs.recipe import parse_recipe, read_recipe

COLUMNS = [Column("id", "id", "text", required=True), Column("price", "price", "number")]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "it's data"
    folder.mkdir()
    (folder / "prices.csv").write_text("id,cents\nb,250\na,100\n")
    return folder


@pytest.mark.parametrize("kind", ["TABLE", "VIEW"])
def test_what_it_makes_is_read_by_name(kind: str, folder: Path) -> None:
    sql = f"""
        CREATE TABLE raw AS FROM 'prices.csv';
        CREATE {kind} items AS SELECT id, cents / 100 AS price FROM raw ORDER BY id;
    """
    with engine.connect() as connection:
        connection.run_sql(sql, folder)
        found = read_typed(connection, "read", Source(folder, "items"), COLUMNS)
        connection.kept("items", found)  # our own tables have other names' places
        rows = found.order_by(ROW).to_pyarrow().to_pylist()
    assert rows == [{ROW: 1, "id": "a", "price": 1.0}, {ROW: 2, "id": "b", "price": 2.5}]


def test_a_view_of_a_file_is_read_from_the_data_folder(folder: Path) -> None:
    with engine.connect() as connection:
        connection.run_sql("CREATE VIEW items AS SELECT id, cents AS price FROM 'prices.csv'", folder)
        found = read_typed(connection, "read", Source(folder, "items"), COLUMNS)
        assert found.count().to_pyarrow().as_py() == 2


def test_files_are_read_as_before(folder: Path) -> None:
    with engine.connect() as connection:
        connection.run_sql("CREATE TABLE other AS SELECT 1", folder)
        with pytest.raises(DataError, match=r"items.csv: expected a table, received no such file"):
            Source(folder, "items.csv").read(connection, "read")


@pytest.mark.parametrize("sql", ["CREATE TABLE items AS FROM 'nowhere.csv'", "CREATE TALE"])
def test_a_wrong_statement_says_what_and_where(sql: str, folder: Path) -> None:
    with (
        engine.connect() as connection,
        pytest.raises(DataError, match=r"sql: expected .*s data, received: (IO|Parser) Error"),
    ):
        connection.run_sql(sql, folder)


def test_spark_says_that_it_runs_none(folder: Path) -> None:
    pytest.importorskip("pyspark", reason="pyspark is not installed: pip install 'dlrs[spark]'")
    from dlrs.data.spark import Spark

    spark = Spark(backend=None, session=None, folder=folder)  # it never comes to a session
    with pytest.raises(DataError, match=r"expected the engine duckdb, .* Prepare without --engine"):
        spark.run_sql("SELECT 1", folder)
    assert spark.made("items") is None


def test_the_recipe_holds_the_statements_of_the_file_beside_it(
    tmp_path: Path, content: dict[str, Any]
) -> None:
    (tmp_path / "tiny.sql").write_text("SELECT 1")
    recipe_file = tmp_path / "tiny.toml"
    recipe_file.write_text('sql = "tiny.sql"\n' + _toml(content))
    recipe = read_recipe(recipe_file)
    assert recipe.sql == "SELECT 1"
    assert parse_recipe(recipe.model_dump(mode="json"), source="stored") == recipe


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    recipe_file = tmp_path / "tiny.toml"
    recipe_file.write_text('sql = "none.sql"\n')
    with pytest.raises(SchemaError, match=r'sql = "none.sql": expected the file .*none.sql'):
        read_recipe(recipe_file)


def _toml(content: dict[str, Any]) -> str:
    lines = []
    for key, value in content["marketplace"].items():
        lines.append(f"marketplace.{key} = {_value(value)}")
    return 'data = "."\n' + "\n".join(lines)


def _value(value: object) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key} = {_value(entry)}" for key, entry in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(_value(entry) for entry in value) + "]"
    return f'"{value}"' if isinstance(value, str) else str(value)
