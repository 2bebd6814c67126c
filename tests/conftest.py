"""Fixtures for every test: a marketplace small enough to check by hand."""

from __future__ import annotations

import csv
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

# Two workers share the cores: more threads in each would only wait for one another. Set before any
# import of torch, and inherited by the processes that tests start.
os.environ.setdefault("OMP_NUM_THREADS", "1")

import pyarrow.csv as pa_csv
import pyarrow.parquet as pq
import pytest
from hypothesis import settings

from dlrs.recipe import Recipe, parse_recipe

# No test fails because the machine is busy: an example may take as long as it takes.
settings.register_profile("dlrs", deadline=None)
settings.load_profile("dlrs")

ITEM_COLUMNS = ("id", "version", "since", "what", "price", "colour", "kind")
EVENT_COLUMNS = ("who", "which", "seen", "when", "did")

Rows = Sequence[Sequence[object]]


def marketplace_content() -> dict[str, Any]:
    """Weeks from 2020-01-06 (a Monday): two to train, one to validate, one to test; 14 days of profile."""
    return {
        "data": ".",
        "marketplace": {
            "name": "tiny",
            "items": {
                "table": "items.csv",
                "id": "id",
                "version": "version",
                "valid_from": "since",
                "operation": "what",
            },
            "events": {
                "table": "events.csv",
                "user": "who",
                "item": "which",
                "time": "when",
                "type": "did",
            },
            "interaction_types": ["view", "contact"],
            "features": {
                "continuous": {"price": {"min": 0, "max": 1000}},
                "categorical": ["colour", "kind"],
            },
            "negatives_by": "kind",
            "profiles": {"window": "14d", "refresh": "7d", "minimum_events": 2},
            "split": {
                "train_from": "2020-01-06T00:00:00Z",
                "validation_from": "2020-01-20T00:00:00Z",
                "test_from": "2020-01-27T00:00:00Z",
                "test_until": "2020-02-03T00:00:00Z",
            },
        },
    }


@pytest.fixture
def content() -> dict[str, Any]:
    return marketplace_content()


@pytest.fixture
def recipe(content: dict[str, Any]) -> Recipe:
    return parse_recipe(content, source="tiny.toml")


@pytest.fixture
def write_tables(tmp_path: Path) -> Callable[[Rows, Rows], Path]:
    """Write items.csv and events.csv from rows in the order of ITEM_COLUMNS and EVENT_COLUMNS."""

    def write(items: Rows, events: Rows) -> Path:
        for name, columns, rows in (("items", ITEM_COLUMNS, items), ("events", EVENT_COLUMNS, events)):
            with (tmp_path / f"{name}.csv").open("w", newline="") as stream:
                csv.writer(stream).writerows([columns, *rows])
        return tmp_path

    return write


@pytest.fixture
def as_parquet() -> Callable[[Path], None]:
    """Turn the two CSV files of a folder into Parquet files with types as Arrow guesses them."""

    def convert(folder: Path) -> None:
        for name in ("items", "events"):
            table = pa_csv.read_csv(folder / f"{name}.csv")
            pq.write_table(table, folder / f"{name}.parquet")

    return convert
