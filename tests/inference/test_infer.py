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
        (["books.csv", "people.csv"], "no column of one table has an id in common"),
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
    with pytest.raises(DataError, match="log of 7 hours at least, received one of 6h"):
        guess_cuts(START, START + timedelta(hours=6))


def test_wider_windows_leave_half_of_the_time_to_learn_from() -> None:
    cuts = guess_cuts(START, START + timedelta(days=29))
    assert [choice.window.days for choice in cuts.wider] == list(range(4, 13))
    assert all(choice.train_from - choice.window == cuts.train_from - cuts.window for choice in cuts.wider)
    assert cuts.wider[-1].train_from == cuts.test_from - timedelta(days=13)
    assert cuts.wider[-1].train_from < cuts.validation_from


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("shop")
    _write(folder / "ads.csv", [{"ad_id": f"a{n}", "make": ["Volvo", "Fiat"][n % 2]} for n in range(30)])
    return folder


def _visits(users: int, each: int, days: int) -> list[dict[str, Any]]:
    """Every user comes at even intervals, his first time on a day of his own."""
    return [
        {
            "user": f"u{user}",
            "ad_id": f"a{(user + n) % 30}",
            "time": f"{START + timedelta(hours=user + n * 24 * days / each):%Y-%m-%d %H:%M:%S}",
            "type": ["view", "contact"][n % 2],
            "session": f"s{user}-{n // 2}",
        }
        for user in range(users)
        for n in range(each)
    ]


def _infer_log(shop: Path, rows: list[dict[str, Any]], items: str = "ads.csv") -> str:
    _write(shop / "log.csv", rows)
    return infer_recipe([shop / items, shop / "log.csv"], shop / "recipe.toml")


def _with(**columns: str | None) -> list[dict[str, Any]]:
    """Visits with other columns: {} is the user's number, {time} what stands there else; None: out."""
    rows = _visits(users=24, each=6, days=28)
    for row in rows:
        old = dict(row)
        for name, value in columns.items():
            if value is None:
                del row[name]
            else:
                row[name] = value.format(old["user"][1:], **old)
    return rows


@pytest.mark.parametrize(
    ("columns", "user", "why"),
    [
        ({}, "user", "by its name; 24 of them, 6.0 events each on average"),
        ({"user": None, "uid": "x{time:.10}"}, "uid", "by its name"),
        ({"user": None, "email": "{user}@b.de", "device_no": "{}7"}, "email", "by its name"),
        ({"user": None, "userid": "{}", "user_country": "{session:.2}"}, "userid", "by its name"),
        ({"user": None, "Customer Number": "{}"}, "Customer Number", "by its name"),
        ({"user": "web"}, "session", "no column called like a user tells them apart; 72 of them, 2.0 events"),
        ({"user": None, "user_agent": "Mozilla{}"}, "session", "no column called like a user"),
    ],
)
def test_users_are_known_by_their_column_s_name(
    shop: Path, columns: dict[str, str | None], user: str, why: str
) -> None:
    line = next(line for line in _infer_log(shop, _with(**columns)).splitlines() if line.startswith("user ="))
    assert line.startswith(f'user = "{user}"  # {why}')


@pytest.mark.parametrize(
    ("columns", "shown"),
    [
        ({"user": None}, "'ad_id' (the item), 'time' (the time), 'type' (the type)"),
        ({"user": "web"}, "'user' (only 'web' in every row)"),
    ],
)
def test_without_a_user_s_column_nothing_is_guessed(
    shop: Path, columns: dict[str, str | None], shown: str
) -> None:
    with pytest.raises(DataError, match="expected a column with the user's id") as error:
        _infer_log(shop, _with(session=None, **columns))
    assert shown in str(error.value)
    assert "Call the column 'user'" in str(error.value)


def test_a_table_of_users_tells_which_column_is_the_user(shop: Path) -> None:
    _write(shop / "people.csv", [{"no": f"u{n}", "town": ["Trier", "Metz"][n % 2]} for n in range(24)])
    _write(shop / "log.csv", _with(nutzer="{user}", user=None))
    files = [shop / name for name in ("ads.csv", "log.csv", "people.csv")]
    text = infer_recipe(files, shop / "recipe.toml")
    assert 'user = "nutzer"  # by its values, which people.csv has; 24 of them' in text


@pytest.mark.parametrize(
    ("columns", "says"),
    [
        (
            {"ad_id": None},
            ["no column of one table has an id in common", "ad_id ('a0' and", "user ('u0' and"],
        ),
        ({"time": None}, ["log.csv has no column with the time", "user, ad_id, type, session. Add it."]),
        ({"time": "{time} CET"}, ["The nearest is 'time', with cells like '2024-03-", "00 CET'. Write them"]),
        ({"time": None, "on": "{time} h"}, ["The nearest is 'on', with cells like '2024-03-"]),
        (
            {"ad_id": "X-{}"},
            ["column 'ad_id' of log.csv, like 'X-", "'ad_id' of ads.csv, like 'a0'", " 0 % of"],
        ),
        (
            {"ad_id": "X-{}", "time": "{time} CET"},
            [" 0 % of", "And no column of log.csv can be read as times"],
        ),
    ],
)
def test_no_log_or_no_items_says_what_is_missing_and_what_is_nearest(
    shop: Path, columns: dict[str, str | None], says: list[str]
) -> None:
    with pytest.raises(DataError) as error:
        _infer_log(shop, _with(**columns))
    for words in says:
        assert words in str(error.value)


def test_items_without_an_id_say_so(shop: Path) -> None:
    _write(shop / "makes.csv", [{"make": ["Volvo", "Fiat"][n % 2]} for n in range(30)])
    with pytest.raises(DataError, match=r"of makes\.csv: make \('Fiat' and 'Volvo'\)") as error:
        _infer_log(shop, _with(), "makes.csv")
    assert "time of each event" not in str(error.value)


def test_a_sparse_log_has_a_wider_window(shop: Path) -> None:
    dense = _infer_log(shop, _visits(users=24, each=28, days=28))
    assert (
        'window = "4d"  # of 24 users of the test with 2 events before it 24 have them within this' in dense
    )
    sparse = _infer_log(shop, _visits(users=24, each=6, days=28))
    recipe = parse_recipe(tomllib.loads(sparse), source="inferred").marketplace
    assert timedelta(days=4) < recipe.profiles.window <= timedelta(days=12)
    assert recipe.split.train_from - recipe.profiles.window >= START - timedelta(days=1)
