"""Spark gives what DuckDB gives: whole data sets to the last bit, and every kind of cell.

Needs pyspark and Java; where one is missing the tests are skipped.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import ibis
import numpy as np
import pyarrow as pa
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq
import pytest

from dlrs import pipeline
from dlrs.bundle import MANIFEST
from dlrs.data import engine
from dlrs.data.cells import typed
from dlrs.data.engine import Engine
from dlrs.data.rules import Kind
from dlrs.data.sources import Source
from dlrs.errors import DataError
from dlrs.prepared import OWN_RAW, VERSIONS
from dlrs.publishing.recommending import recommend_to_all
from every_kind import write_games

pytestmark = [
    pytest.mark.skipif(
        find_spec("pyspark") is None, reason="pyspark is not installed: pip install 'dlrs[spark]'"
    ),
    pytest.mark.filterwarnings(
        "ignore:unclosed <socket:ResourceWarning"
    ),  # py4j leaves them to the collector
    pytest.mark.skipif(shutil.which("java") is None, reason="there is no Java: Spark needs 17 or later"),
]

MASTER = "local[2]"
SETTINGS = """
spark.driver.memory 1g
spark.driver.extraJavaOptions -XX:TieredStopAtLevel=1 -XX:+UseSerialGC
spark.sql.codegen.wholeStage false
spark.sql.adaptive.enabled false
spark.sql.files.maxPartitionBytes 2k
spark.sql.files.openCostInBytes 1
"""
"""Little is compiled, for there is little to run; files are read in many parts, to put the order at stake."""

WEIGHTS = [0.1, 0.2, 0.2, 0.2, 0.2, 0.05, 0.05]
START = datetime(2020, 1, 6, tzinfo=UTC)
RECIPE = """
data = "."

[marketplace]
name = "ads"
interaction_types = ["view", "contact"]
negatives_by = "kind"

[marketplace.items]
table = "items.parquet"
id = "id"
version = "version"
valid_from = "since"
operation = "what"
missing = ["?"]

[marketplace.events]
table = "log.csv"
user = "who"
item = "which"
time = "when"
type = "did"
id = "event"
{version}

[marketplace.features]
categorical = ["kind", "colour", "size", "new"]
dates = {{ built = {{ parts = ["year", "weekday"] }} }}
multi_valued = {{ tags = {{}} }}
text = {{ title = {{ buckets = 64 }} }}
continuous.price = {{ transform = "log", min = 0, max = 1000 }}
continuous.seen = {{ kind = "time", max = 2030-01-01T00:00:00Z }}

[marketplace.profiles]
window = "14d"

[marketplace.split]
train_from = 2020-01-20T00:00:00Z
validation_from = 2020-01-27T00:00:00Z
test_from = 2020-02-03T00:00:00Z
test_until = 2020-02-10T00:00:00Z
"""


@pytest.fixture(scope="module", autouse=True)
def _settings(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Settings for Spark come as its users give them."""
    folder = tmp_path_factory.mktemp("spark")
    (folder / "spark-defaults.conf").write_text(SETTINGS)
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("SPARK_CONF_DIR", str(folder))
        yield


@pytest.fixture(scope="module")
def connection() -> Iterator[Engine]:
    with engine.connect(MASTER) as connection:
        yield connection


def _write_ads(folder: Path, version: str) -> None:
    """Ads with versions, among them every reason to leave one out; a log with every reason, too."""
    rng = np.random.default_rng(1)
    rows: list[dict[str, Any]] = []
    for item in range(50):
        name = f"{'aZäÄ😀ﬀ'[item % 6]}\n{item}"
        for number in range(rng.integers(1, 5)):
            since = START - timedelta(days=3) + timedelta(days=int(rng.integers(0, 20)), microseconds=item)
            rows.append({
                "id": name, "version": f"v{number % 3}", "since": since, "kind": ["car", "büs"][item % 2],
                "what": "delete" if rng.random() < 0.05 else "update",
                "colour": [None, "", "?", "red", 'dark "sky"', "ßlau"][rng.integers(0, 6)],
                "size": [None, 12.0, 0.5, 1e-5, 12345678.5, float("nan")][rng.integers(0, 6)],
                "new": [None, True, False][rng.integers(0, 3)],
                "built": [None, date(1, 1, 1), date(1899, 12, 31), date(2019, 2, 28)][rng.integers(0, 4)],
                "tags": [None, [], ["b", None, "a "], ["ü", "😀"]][rng.integers(0, 4)],
                "title": f"{name} a title, and “more”",
                "price": [None, 0.1, 0.1 + 0.2, 1.0, 999.99, -1.0, 5000.0][rng.choice(7, p=WEIGHTS)],
                "seen": [None, START, datetime(1, 1, 1, tzinfo=UTC)][rng.integers(0, 3)],
            })  # fmt: skip
    rng.shuffle(rows)  # type: ignore[arg-type]
    items = pa.Table.from_pylist(rows)
    place = items.column_names.index("since")
    items = items.set_column(place, "since", items["since"].cast(pa.timestamp("ns", "UTC")))
    pq.write_table(items, folder / "items.parquet", row_group_size=20)
    events = []
    for event in range(1500):
        row = rows[rng.integers(0, len(rows))]
        when = START + timedelta(minutes=int(rng.integers(0, 35 * 1440)))
        events.append({
            "who": f"u{rng.integers(0, 25)}{'äZ😀'[event % 3]}",
            "which": row["id"] if event % 50 else "nö, \"such\"",
            "when": when.isoformat(), "did": "contact" if rng.random() < 0.2 else "view",
            "event": f"e{event if event % 40 else 0}", "seen": row["version"] if event % 30 else "v9",
        })  # fmt: skip
    pa_csv.write_csv(pa.Table.from_pylist(events), folder / "log.csv")
    (folder / "recipe.toml").write_text(RECIPE.format(version=version))


@pytest.mark.parametrize("market", ["games", "versions by time", "versions by name"])
def test_a_data_set_has_the_same_bits(market: str, tmp_path: Path) -> None:
    if market == "games":
        write_games(tmp_path)
    else:
        _write_ads(tmp_path, version='version = "seen"' if market == "versions by name" else "")
    manifests = []
    for name in (engine.DUCKDB, MASTER):
        folder = pipeline.prepare(tmp_path / "recipe.toml", tmp_path / name, engine=name)
        manifests.append(json.loads((folder / MANIFEST).read_text()))
    duckdb, spark = manifests
    assert duckdb["facts"] == spark["facts"]
    if market != "games":
        assert len(duckdb["facts"]["items"]["quarantined"]) >= 3
        assert len(duckdb["facts"]["events"]["quarantined"]) == (4 if market == "versions by name" else 3)
    assert duckdb["files"].keys() == spark["files"].keys()
    different = {name for name in duckdb["files"] if duckdb["files"][name] != spark["files"][name]}
    assert different <= {VERSIONS, OWN_RAW}
    for file in {VERSIONS, *different}:  # the same content: Parquet knows several ways to write it
        on_duckdb, on_spark = (_plain(tmp_path / name / file) for name in (engine.DUCKDB, MASTER))
        assert on_duckdb.equals(on_spark)


def test_an_unknown_operation_is_the_same_error(tmp_path: Path) -> None:
    _write_ads(tmp_path, version="")
    items = pq.read_table(tmp_path / "items.parquet")
    done = ["Removed" if row in (7, 9) else name for row, name in enumerate(items["what"].to_pylist())]
    pq.write_table(
        items.set_column(items.column_names.index("what"), "what", [done]), tmp_path / "items.parquet"
    )
    says = r"column 'what', row 8: expected one of the operations .* received 'Removed'"
    for name in (engine.DUCKDB, MASTER):
        with pytest.raises(DataError, match=says):
            pipeline.prepare(tmp_path / "recipe.toml", tmp_path / name, engine=name)


def test_everybody_gets_the_same_lists(tmp_path: Path) -> None:
    write_games(tmp_path)
    folders = pipeline.run(tmp_path / "recipe.toml", tmp_path / "run")
    lists = []
    for name in (engine.DUCKDB, MASTER):
        out = tmp_path / f"{name}.parquet"
        recommend_to_all(folders.prepared, folders.registry, out, 4, engine=name, block=16)
        lists.append(pq.read_table(out))
    alone, on_spark = lists
    assert alone.num_rows == 4 * 40
    assert alone.drop_columns(["score"]).equals(on_spark.drop_columns(["score"]))
    np.testing.assert_allclose(on_spark["score"].to_numpy(), alone["score"].to_numpy(), atol=1e-6)


def _plain(file: Path) -> pa.Table:
    """Read a table without its dictionaries, which are in the order in which their values came."""
    table = pq.read_table(file)
    plain = {
        name: column.combine_chunks().dictionary_decode() if pa.types.is_dictionary(column.type) else column
        for name, column in zip(table.column_names, table.columns, strict=True)
    }
    return pa.table(plain)


NUMBERS = [
    "1.5", " 1.5 ", "1.5f", "1d", "1e5", "1E+5", "inf", "Infinity", "nan", "1,5", ".5", "5.", "0x10", "",
    "+5", "1e400", "1e-400", "true", "\t1", "1 2", "0.1", "9007199254740993", "4.9e-324",
    "0.30000000000000004",
]  # fmt: skip
ISO = [
    "2017", "2017-03", "2017-3-1", "2017-03-01 10", "2017-03-01 10:00", "2017-03-01 10:00:00.1234567",
    "20170301", "2017-03-01T10:00Z", "2017-03-01T10:00:00+02", "2017-03-01T10:00:00+0200",
    "2017-03-01T10:00:00+02:30", "2017-03-01 10:00:00 Europe/Berlin", "2017-03-01T10:00:00 UTC",
    " 2017-03-01 ", "2017-02-30", "10:00", "now", "infinity", "2017-03-01 1:2:3", "0001-01-01",
    "9999-12-31", "9999-12-31T23:59:59.999999", "99999-01-01", "1969-12-31T23:59:59.999999Z",
    "-0001-01-01", "", "1800-01-01", "2017-03-01 10:00:00 Z",
]  # fmt: skip
LISTS = [
    '["b", "a, c"]', "['b', 'a']", "[]", '["\\u00e4"]', '["a\\"b"]', '["a", null]', "[1, 2.50]", '["a"',
    "x", "[true]", '["ä","z","Z","😀","é"]', ' ["x", " y "]', "a,b , a,,", "", ",", None, "[a", "😀,ﬀ,a",
]  # fmt: skip
PATTERNS = {
    "%d.%m.%Y": ["1.3.2017", "01.03.2017", "001.03.2017", "31.02.2017", " 1.3.2017 ", "2017-03-01", ""],
    "%Y%m": ["20173", "201703", "2017031", "2017 03"],
    "%Y-%m-%dT%H:%M:%SZ": ["2017-03-01T10:00:00Z", "2017-03-01T10:00:00"],
    "%Y-%m-%d %H:%M:%S.%f": [
        "2017-03-01 10:00:00.5", "2017-03-01 10:00:00.1234567", "2017-03-01  10:00:00.123456",
    ],
    "%Y-%m-%d %H:%M %z": [
        "2017-03-01 10:00 +0200", "2017-03-01 10:00 -02:00", "2017-03-01 10:00 +02", "2017-03-01 10:00",
    ],
    "%d %b %Y": ["1 Mar 2017", "1 may 2017", "1 March 2017", "1 3 2017"],
    "%B %d, %Y": ["March 1, 2017", "MAY 02, 2017", "Mar 1, 2017"],
    "%H:%M": ["10:00", "24:00", "23:59"],
    "%-m/%Y %%": ["1/2017 %", "13/2017 %"],
    "seconds": ["1488362400", "1488362400.123456", "-86400", "1e400", "nan", "1e30", "1488362400.9999996"],
    "milliseconds": ["1488362400123.4567", "1.5e-3", "2.5e-3"],
}  # fmt: skip
FLOATS = [
    12.0,
    0.5,
    None,
    float("nan"),
    1e-5,
    1e7 + 0.5,
    1e20,
    0.00012,
    1e300,
    -0.0,
    float("inf"),
    1e15 + 0.5,
    1 / 3,
]
TIMES = [
    datetime(1, 1, 1, tzinfo=UTC),
    datetime(9999, 12, 31, 1, tzinfo=UTC),
    START + timedelta(microseconds=7),
    None,
]
LOCAL = [time and time.replace(tzinfo=None) for time in TIMES]
MOMENT = pa.timestamp("us", "UTC")
CELLS: list[tuple[pa.Array, list[tuple[Kind, str | None]]]] = [
    (pa.array(NUMBERS), [("number", None)]),
    (pa.array(ISO), [("time", None), ("seconds", None), ("year", None), ("weekday", None), ("hour", None)]),
    (pa.array(LISTS), [("values", ",")]),
    (pa.array(["a|b", "a.b", "a; b"]), [("values", "|"), ("values", "."), ("values", "; ")]),
    *((pa.array(cells), [("time", pattern)]) for pattern, cells in PATTERNS.items()),
    (pa.array(FLOATS), [("text", None), ("number", None)]),
    (pa.array(FLOATS, pa.float32()), [("text", None), ("number", None)]),
    (pa.array([True, None]), [("text", None), ("number", None)]),
    (pa.array([1, None, 2**62]), [("text", None), ("number", None)]),
    (pa.array([201703, None]), [("time", "%Y%m")]),
    (pa.array(TIMES, MOMENT), [("text", None), ("time", None), ("seconds", None), ("month", None)]),
    (pa.array(LOCAL, pa.timestamp("us")), [("text", None), ("time", None), ("day", None)]),
    (pa.array([date(1, 1, 1), date(2017, 3, 1)]), [("text", None), ("time", None), ("seconds", None)]),
    (pa.array([["b", None, " a "], [], None]), [("values", ",")]),
    (pa.array([[3, 1], []]), [("values", ",")]),
]


def _read(connection: Engine, cells: pa.Array, kinds: list[tuple[Kind, str | None]]) -> list[dict[str, Any]]:
    table = ibis.memtable(pa.table({"row": np.arange(len(cells)), "cells": cells}))
    columns = {f"{kind} {detail}": typed(table["cells"], kind, detail) for kind, detail in kinds}
    rows: list[dict[str, Any]] = connection.to_pyarrow(
        table.select("row", **columns).order_by("row")
    ).to_pylist()
    return rows


def test_every_cell_is_the_same(connection: Engine) -> None:
    with engine.connect() as duckdb:
        for cells, kinds in CELLS:
            on_duckdb, on_spark = _read(duckdb, cells, kinds), _read(connection, cells, kinds)
            for cell, expected, row in zip(cells.to_pylist(), on_duckdb, on_spark, strict=True):
                assert row == expected, (cell, str(cells.type))


def test_what_spark_does_not_read_is_no_time(connection: Engine) -> None:
    rows = _read(connection, pa.array(["2017/03/01", "17-03-01", "2017-03-01 24:00:00"]), [("time", None)])
    assert [row["time None"] for row in rows] == [None, None, None]
    with pytest.raises(DataError, match=r"time_format = \"%y\": on Spark .* received %y"):
        _read(connection, pa.array(["17"]), [("time", "%y")])


def test_rows_are_numbered_in_the_order_of_the_file(connection: Engine, tmp_path: Path) -> None:
    lines = [
        json.dumps({"id": f"{row:05d}", "late": row} if row > 800 else {"id": f"{row:05d}"})
        for row in range(1, 1_001)
    ]
    (tmp_path / "t.jsonl").write_text("\n".join(lines))
    pq.write_table(
        pa.table({"id": [f"{row:05d}" for row in range(1, 1_001)]}),
        tmp_path / "t.parquet",
        row_group_size=100,
    )
    for name in ("t.jsonl", "t.parquet"):
        read = Source(tmp_path, name).read(connection, "raw")
        wrong = read.filter(read["id"].cast("int64") != read[engine.ROW])
        assert wrong.count().to_pyarrow().as_py() == 0
        assert read.count().to_pyarrow().as_py() == 1_000


@pytest.mark.parametrize("name", ["broken.jsonl", "broken.parquet", "broken.csv"])
def test_a_damaged_table_is_an_error_that_names_it(name: str, connection: Engine, tmp_path: Path) -> None:
    content = {
        "broken.jsonl": '{"id": 1}\n{"id": ',
        "broken.parquet": "PAR1",
        "broken.csv": "id,b\n1,2\n1,2,3\n",
    }
    (tmp_path / name).write_text(content[name])
    with (
        pytest.raises(DataError, match=rf"{name}: expected a readable table") as error,
        connection.reading(tmp_path / name),
    ):
        Source(tmp_path, name).read(connection, "raw").to_pyarrow()
    assert len(str(error.value)) < 1_000


def test_another_engine_is_none() -> None:
    with (
        pytest.raises(DataError, match=r"--engine polars: expected 'duckdb' or a Spark"),
        engine.connect("polars"),
    ):
        pass
