"""The Spark session: where it runs, and the settings that its results depend on.

All other settings, the driver's memory among them, are its user's: see docs/spark.md.
"""

from __future__ import annotations

import os
import re
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

from py4j.protocol import Py4JError
from pyspark.errors import PySparkException
from pyspark.sql import SparkSession

from dlrs.errors import DataError

SETTINGS = {
    "spark.sql.session.timeZone": "UTC",
    "spark.sql.ansi.enabled": "true",  # a sum or a cast that overflows is an error, as in DuckDB
    "spark.sql.caseSensitive": "true",
    "spark.sql.parquet.outputTimestampType": "TIMESTAMP_MICROS",
    "spark.sql.legacy.parquet.nanosAsLong": "true",  # else a column of nanoseconds is an error
    "spark.sql.execution.arrow.pyspark.enabled": "true",
    "spark.ui.enabled": "false",
    "spark.ui.showConsoleProgress": "false",
    "spark.log.level": "FATAL",  # an error comes as an exception, too
    "spark.driver.maxResultSize": "0",  # the cleaned log comes back as arrays, whatever its size
}
LOOPBACK = "127.0.0.1"


@contextmanager
def session(master: str) -> Iterator[SparkSession]:
    """Open a Spark session for the length of the block.

    Raises:
        DataError: no Spark answers, there is no Java, or a session runs already.
    """
    if SparkSession.getActiveSession() is not None:
        raise DataError(
            f"--engine {master}: expected no Spark session in this process yet, received a running one, "
            "whose settings are not ours. Stop it first."
        )
    builder = SparkSession.builder.appName("dlrs").master(master)
    for name, value in SETTINGS.items():
        builder = builder.config(name, value)
    if master.startswith("local") or urlsplit(master).hostname in (LOOPBACK, "localhost"):
        builder = builder.config("spark.driver.host", LOOPBACK).config("spark.driver.bindAddress", LOOPBACK)
    if master.startswith("local"):
        os.environ.setdefault("PYSPARK_PYTHON", sys.executable)  # its workers have what this process has
        builder = builder.config("spark.sql.shuffle.partitions", str(_cores(master)))
    stopping = signal.getsignal(signal.SIGINT)
    try:
        opened = builder.getOrCreate()
    except (PySparkException, Py4JError, OSError) as error:
        raise DataError(
            f"--engine {master}: expected a Spark that answers and Java 17 or later, received: {error}. "
            "Set JAVA_HOME, start the cluster, or leave --engine out."
        ) from error
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGINT, stopping)  # Spark puts its own in the place of what stops a verb
    try:
        yield opened
    finally:
        opened.stop()


def _cores(master: str) -> int:
    """Return how many tasks run at a time: n of local[n], 1 of local, all cores of local[*]."""
    threads = re.match(r"local(?:\[(\d+|\*))?", master)
    named = threads[1] if threads else None
    return (os.cpu_count() or 1) if named == "*" else int(named or 1)
