"""Spark as the engine: on the cores of one machine (local[2]) or on a cluster (spark://HOST:PORT).

A session serves one connection and is stopped with it. What is kept lies as Parquet in the spill folder, so
that nothing is computed twice and a row has the same number whenever it is looked at.
"""

from __future__ import annotations

import re
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path
from typing import Any
from uuid import uuid4

import ibis.expr.datatypes as dt
import ibis.expr.schema as sch
import pyarrow as pa
import pyarrow.dataset as dataset
import pyarrow.parquet as pq
from ibis.backends.pyspark import Backend
from py4j.protocol import Py4JError
from pyspark.errors import PySparkException
from pyspark.sql import DataFrame
from pyspark.sql import functions as F  # noqa: N812 - as everybody calls it
from pyspark.sql.types import StringType, StructField, StructType

from dlrs.data.engine import ROW, StreamError, Table
from dlrs.data.spark_session import session
from dlrs.data.spark_sql import SparkSQL
from dlrs.errors import DataError

NO_ROOM = ("No space left on device", "OutOfMemoryError")
"""What Spark says when the results of a query, not the table, are the trouble."""

IN_PARTITION = 33
"""`monotonically_increasing_id` has the number of the partition above so many bits, the row's in it below."""


class _Backend(Backend):  # type: ignore[misc]
    """Ibis's backend, with our SQL, and with results through Arrow and not through pandas."""

    compiler = SparkSQL()
    folder: Path

    def get_schema(self, table_name: str, **place: Any) -> sch.Schema:
        """Return the types of a table: what Spark calls a timestamp is a moment, so in UTC."""
        types = super().get_schema(table_name, **place)
        moments = {
            f.name for f in self._session.table(table_name).schema if f.dataType.typeName() == "timestamp"
        }
        return sch.Schema({n: dt.Timestamp("UTC") if n in moments else t for n, t in types.items()})

    def to_pyarrow(self, expr: Any, /, **arguments: Any) -> Any:
        """Fetch an expression. pandas would make floats of whole numbers with gaps."""
        self._run_pre_execute_hooks(expr)
        table = expr.as_table()
        fetched = self._session.sql(self.compile(table, **arguments)).toArrow()
        return expr.__pyarrow_result__(fetched.cast(table.schema().to_pyarrow()))

    def to_pyarrow_batches(self, expr: Any, /, *, chunk_size: int, **arguments: Any) -> pa.RecordBatchReader:
        """Fetch an expression by way of Parquet files, for the driver's memory need not hold it."""
        self._run_pre_execute_hooks(expr)
        place = self.folder / f"fetched_{uuid4().hex}"
        self._session.sql(self.compile(expr, **arguments)).write.parquet(_made(place))
        schema = expr.schema().to_pyarrow()
        return pa.RecordBatchReader.from_batches(schema, _streamed(place, schema, chunk_size))


@dataclass(frozen=True)
class Spark:
    """An open session; see `engine.Engine`. `folder` is where what is kept lies."""

    backend: Any
    session: Any
    folder: Path

    def read_parquet(self, file: Path) -> Table:
        """See `engine.Engine`."""
        frame = self.session.read.parquet(_found(file)).select("*", F.col("_metadata.row_index").alias(ROW))
        for field in pq.read_schema(file):
            if pa.types.is_timestamp(field.type) and field.type.unit == "ns":
                frame = frame.withColumn(field.name, _from_nanoseconds(field))
        return self._numbered(frame, F.col(ROW) + 1)

    def read_delimited(self, file: Path, delimiter: str) -> Table:
        """See `engine.Engine`."""
        quotes = {"quote": '"', "escape": '"', "multiLine": True}
        return self._in_order(
            self.session.read.csv(_found(file), sep=delimiter, header=True, mode="FAILFAST", **quotes)
        )

    def read_json_lines(self, file: Path) -> Table:
        """See `engine.Engine`."""
        found = self.session.read.json(_found(file), mode="FAILFAST", primitivesAsString=True)
        text = StructType([StructField(name, StringType()) for name in found.columns])
        return self._in_order(self.session.read.schema(text).json(_found(file), mode="FAILFAST"))

    def copied(self, name: str, batches: pa.RecordBatchReader) -> Table:
        """See `engine.Engine`."""
        file = self.folder / f"{name}.parquet"
        with pq.ParquetWriter(file, batches.schema) as writer:
            for batch in batches:
                writer.write_batch(batch)
        return self.read_parquet(file)

    def run_sql(self, statements: str, folder: Path) -> None:
        """See `engine.Engine`."""
        raise DataError(
            "sql: expected the engine duckdb, whose SQL it is, received a Spark. Prepare without --engine, "
            "or have the tables written first."
        )

    def made(self, name: str) -> Table | None:
        """See `engine.Engine`."""
        return None

    def kept(self, name: str, expression: Table) -> Table:
        """See `engine.Engine`."""
        place = self.folder / name
        self.backend._run_pre_execute_hooks(expression)
        self.session.sql(self.backend.compile(expression)).write.parquet(_made(place))
        self.session.read.parquet(_found(place)).createOrReplaceTempView(name)
        return self.backend.table(name)

    def forget(self, name: str) -> None:
        """See `engine.Engine`."""
        self.session.catalog.dropTempView(name)
        shutil.rmtree(self.folder / name)

    def to_pyarrow(self, expression: Table) -> pa.Table:
        """See `engine.Engine`."""
        return self.backend.to_pyarrow(expression)

    @contextmanager
    def reading(self, place: object) -> Iterator[None]:
        """See `engine.Engine`."""
        try:
            yield
        except (PySparkException, Py4JError, StreamError, pa.ArrowInvalid) as error:
            if _is_full(error):
                raise
            raise DataError(f"{place}: expected a readable table, received: {_in_short(error)}") from error

    def _in_order(self, frame: DataFrame) -> Table:
        """Add `ROW` to what was read from a file that its readers may share between them, part by part."""
        parts = frame.withColumn(ROW, F.monotonically_increasing_id())
        part = F.shiftright(F.col(ROW), IN_PARTITION)
        rows = {}
        if parts.rdd.getNumPartitions() > 1:
            rows = dict(parts.groupBy(part.alias("part")).count().collect())
        before = accumulate((rows.get(number, 0) for number in range(max(rows, default=0))), initial=0)
        first = F.element_at(F.array(*map(F.lit, before)), part.cast("int") + 1)
        return self._numbered(parts, first + F.col(ROW).bitwiseAND(F.lit((1 << IN_PARTITION) - 1)) + 1)

    def _numbered(self, frame: DataFrame, row: Any) -> Table:
        columns = [F.col(_quoted(name)) for name in frame.columns if name != ROW]
        name = f"read_{uuid4().hex}"
        frame.select(row.cast("bigint").alias(ROW), *columns).createTempView(name)
        return self.backend.table(name)


@contextmanager
def open_spark(master: str, spill: Path | None = None) -> Iterator[Spark]:
    """Open a session for the length of the block; see `engine.connect`."""
    folder = Path(tempfile.mkdtemp(prefix="dlrs-spark-")) if spill is None else spill.resolve()
    folder.mkdir(parents=True, exist_ok=True)
    try:
        with session(master) as opened:
            backend = _Backend()
            backend.register_options()
            backend.folder = folder
            backend.do_connect(opened)
            yield Spark(backend, opened, folder)
    except (PySparkException, Py4JError, StreamError) as error:
        if not _is_full(error):
            raise
        raise DataError(
            f"tables: expected room for the joins in Spark's memory and in {folder}, received: "
            f"{_in_short(error)}. Make room there, or give Spark more memory (docs/spark.md)."
        ) from error
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _streamed(place: Path, schema: pa.Schema, rows: int) -> Iterator[pa.RecordBatch]:
    for batch in dataset.dataset(place, format="parquet").to_batches(batch_size=rows):
        yield batch.cast(schema)
    shutil.rmtree(place)


def _made(place: Path) -> str:
    """Return a place to write to; without its scheme it would be Hadoop's default file system."""
    return f"file://{place.resolve()}"


def _found(place: Path) -> str:
    """Return a place to read from: there Hadoop takes some characters for patterns."""
    return re.sub(r"([\\*?\[\]{},])", r"\\\1", _made(place))


def _quoted(name: str) -> str:
    return "`" + name.replace("`", "``") + "`"


def _from_nanoseconds(field: pa.Field) -> Any:
    moment = F.timestamp_micros(F.expr(f"{_quoted(field.name)} div 1000"))
    return moment if field.type.tz is not None else moment.cast("timestamp_ntz")


def _is_full(error: Exception) -> bool:
    return any(words in str(error) for words in NO_ROOM)


def _in_short(error: Exception) -> str:
    """Return what Spark says of a file, without the stack of the JVM that follows it."""
    return next((line.strip() for line in str(error).splitlines() if line.strip()), type(error).__name__)
