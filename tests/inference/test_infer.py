"""From tables to a recipe: every guess where the answer is known, and a recipe that runs."""

from __future__ import annotations

import csv
import subprocess
import sys
import tomllib
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dlrs import pipeline
from dlrs.errors import DataError
from dlrs.folders import RunFolder
from dlrs.inference.cuts import guess_cuts
from dlrs.inference.infer import infer_recipe
from dlrs.recipe import Recipe, parse_recipe

START = datetime(2024, 3, 4, tzinfo=UTC)


def _write(file: Path, rows: list[dict[str, Any]]) -> Path:
    with file.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.DictWriter(stream, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return file


def _books(count: int = 120) -> list[dict[str, Any]]:
    rng = np.random.default_rng(0)
    return [
        {
            "isbn": f"97{item:08d}",
            "title": f"The {rng.choice(['old', 'new', 'red'])} tale of {item} and {rng.integers(1000)}",
            "genre": ["crime", "poetry"][item % 2],
            "pages": int(rng.integers(40, 900)),
            "price": round(float(rng.lognormal(2, 1.2)), 2),
            "binding": int(rng.integers(1, 4)),
            "tags": "; ".join(rng.choice([f"tag {t}" for t in range(12)], rng.integers(0, 4), replace=False)),
            "printed": f"{rng.integers(1, 13):02d}/{rng.integers(1990, 2024)}",
            "added": f"{START - timedelta(days=int(rng.integers(1, 90))):%Y-%m-%d}",
            "shelf": "A",
            "cover": f"img/{item}.jpg",
        }
        for item in range(count)
    ]


def _log(books: list[dict[str, Any]], users: int = 40, days: int = 56) -> list[dict[str, Any]]:
    """Readers of one genre each; the time in milliseconds, as web logs have it."""
    rng = np.random.default_rng(1)
    rows = []
    for user in range(users):
        for _ in range(40):
            time = START + timedelta(seconds=int(rng.integers(0, days * 86_400)))
            rows.append(
                {
                    "timestamp": int(time.timestamp() * 1000),
                    "customer": 1000 + user,
                    "book": books[2 * int(rng.integers(0, len(books) // 2)) + user % 2]["isbn"],
                    "event_type": rng.choice(["look", "look", "look", "buy"]),
                    "shop": "web",
                    "event_id": f"e{user}-{len(rows)}",
                }
            )
    return rows


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("books")
    books = _books()
    _write(folder / "books.csv", books)
    _write(folder / "log.csv", _log(books))
    people = [{"id": 1000 + u, "born": 1950 + u, "town": ["Trier", "Metz"][u % 2]} for u in range(40)]
    _write(folder / "people.csv", people)
    return folder


def _infer(folder: Path, *names: str) -> Recipe:
    text = infer_recipe([folder / name for name in names], folder / "recipe.toml")
    return parse_recipe(tomllib.loads(text), source="inferred")


def test_each_column_is_what_it_is(folder: Path) -> None:
    market = _infer(folder, "log.csv", "books.csv").marketplace
    assert (market.items.table, market.items.id, market.items.valid_from) == ("books.csv", "isbn", "added")
    events = market.events
    assert (events.table, events.user, events.item) == ("log.csv", "customer", "book")
    assert (events.time, events.time_format, events.type) == ("timestamp", "milliseconds", "event_type")
    assert events.id == "event_id"
    assert market.interaction_types == ("look", "buy")
    features = market.features
    assert features.categorical == ("isbn", "genre", "binding")
    assert {n: (f.kind, f.transform, f.format) for n, f in features.continuous.items()} == {
        "pages": ("number", None, None),
        "price": ("number", "log", None),
        "printed": ("time", None, "%m/%Y"),
        "added": ("time", None, None),
    }
    assert {name: f.separator for name, f in features.multi_valued.items()} == {"tags": ";"}
    assert set(features.text) == {"title"}
    assert market.negatives_by == "binding"
    assert market.users is None


def test_a_third_table_describes_the_users(folder: Path) -> None:
    users = _infer(folder, "people.csv", "books.csv", "log.csv").marketplace.users
    assert users is not None
    assert (users.table, users.id, users.features.names) == ("people.csv", "id", ("born", "town"))


def test_what_is_left_out_is_named_with_the_reason(folder: Path) -> None:
    text = infer_recipe([folder / "books.csv", folder / "log.csv"], folder / "recipe.toml")
    assert "#   shelf: it has one value at most" in text
    assert "#   cover: nearly every row has its own value, like img/0.jpg" in text


def test_versions_of_items_are_seen(tmp_path: Path) -> None:
    books = _books(30)
    rows = [
        {
            "book_id": b["isbn"],
            "changed_at": f"{START - timedelta(days=9 - v)}",
            "op": op,
            "genre": b["genre"],
        }
        for b in books
        for v, op in enumerate(["create", "update", "delete"])
    ]
    _write(tmp_path / "versions.csv", rows)
    _write(tmp_path / "log.csv", _log(books, users=10))
    items = _infer(tmp_path, "versions.csv", "log.csv").marketplace.items
    assert (items.id, items.valid_from, items.operation) == ("book_id", "changed_at", "op")


def test_the_recipe_runs_as_it_is(folder: Path) -> None:
    recipe = folder / "here" / "recipe.toml"
    recipe.parent.mkdir()
    command = [sys.executable, "-m", "dlrs", "schema", "infer", "../log.csv", "../books.csv"]
    subprocess.run(command, cwd=recipe.parent, check=True, capture_output=True)
    pipeline.run(recipe, folder / "run")
    report = (folder / "run" / "report.json").read_text()
    assert "history, refit" in report
    folders = RunFolder(folder / "run")
    found = pipeline.recommend(folders.prepared, folders.registry, "1003", k=4)
    assert [item["genre"] for item in found.items].count("poetry") >= 3  # reader 3's


def test_a_recipe_is_never_overwritten(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "mine.toml").write_text("# hours of work")
    with pytest.raises(DataError, match=r"mine.toml: expected no such file yet"):
        pipeline.infer([folder / "log.csv", folder / "books.csv"], tmp_path / "mine.toml")
    assert (tmp_path / "mine.toml").read_text() == "# hours of work"


@pytest.mark.parametrize(
    ("names", "says"),
    [
        (["books.csv"], "expected two or three files in one folder"),
        (["books.csv", "people.csv"], "found no such pair"),
        (["books.csv", "no.csv"], "no such file"),
        (["books.csv", "empty.csv"], "expected at least one row"),
    ],
)
def test_tables_that_are_no_marketplace_say_so(folder: Path, names: list[str], says: str) -> None:
    (folder / "empty.csv").write_text("a,b\n")
    with pytest.raises(DataError, match=says):
        infer_recipe([folder / name for name in names], folder / "recipe.toml")


@pytest.mark.parametrize(
    ("days", "refresh", "window", "periods"),
    [
        (16, timedelta(days=1), timedelta(days=2), (11, 2, 2)),
        (56, timedelta(days=7), timedelta(days=14), (4, 1, 1)),
        (18 * 365, timedelta(days=91), timedelta(days=364), (44, 12, 12)),
        (0.5, timedelta(hours=1), timedelta(hours=2), (7, 2, 2)),
    ],
)
def test_a_log_is_cut_by_its_length(
    days: float, refresh: timedelta, window: timedelta, periods: tuple[int, int, int]
) -> None:
    cuts = guess_cuts(START, START + timedelta(days=days))
    assert (cuts.refresh, cuts.window) == (refresh, window)
    borders = (cuts.train_from, cuts.validation_from, cuts.test_from, cuts.test_until)
    assert tuple((b - a) // refresh for a, b in pairwise(borders)) == periods
    assert cuts.train_from - cuts.window >= START - refresh
    assert cuts.test_until > START + timedelta(days=days)


def test_too_short_a_log_is_an_error() -> None:
    with pytest.raises(DataError, match="log of 7 hours at least"):
        guess_cuts(START, START + timedelta(hours=6))
