from __future__ import annotations

import csv
import json
import sqlite3
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from dlrs.cli import app
from dlrs.experiment.assignment import Arms, assign
from dlrs.experiment.tables import attribute

SHOWN = ("user_id", "item_id", "time", "arm")
DONE = ("user_id", "item_id", "time", "type")
ROWS = [
    ("u1", "i1", "2020-01-01T10:00:00Z", "A"),
    ("u1", "i2", "2020-01-01T10:00:00Z", "A"),
    ("u1", "i1", "2020-01-02T10:00:00Z", "A"),
    ("u2", "i1", "2020-01-01T10:00:00Z", "A"),
    ("u3", "i1", "2020-01-01T10:00:00Z", "B"),
    ("u4", "i1", "2020-01-01T10:00:00Z", "B"),
    ("u4", "i3", "2020-01-01T10:00:00Z", "B"),
]
CLICKS = [
    ("u1", "i1", "2020-01-01T09:59:59Z", "view"),  # before it was shown
    ("u1", "i2", "2020-01-02T10:00:00Z", "view"),  # just within a day
    ("u1", "i1", "2020-01-02T11:00:00Z", "view"),  # of the second time that it was shown
    ("u1", "i1", "2020-01-02T12:00:00Z", "contact"),
    ("u2", "i1", "2020-01-02T10:00:01Z", "view"),  # too late
    ("u2", "i9", "2020-01-01T10:00:01Z", "view"),  # never shown
    ("u4", "i1", "2020-01-01T10:00:01Z", "view"),
    ("u4", "i3", "2020-01-01T10:00:01Z", "contact"),
    ("u9", "i1", "2020-01-01T10:00:01Z", "contact"),  # nobody of the test
]

Write = Callable[..., Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def write(name: str, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> Path:
        with (tmp_path / name).open("w", newline="") as stream:
            csv.writer(stream).writerows([columns, *rows])
        return tmp_path / name

    return write


def _dlrs(*arguments: object) -> Any:
    return CliRunner().invoke(app, ["experiment", *map(str, arguments)])


def _found(out: Path) -> dict[str, Any]:
    return dict(json.loads((out / "experiment.json").read_text()))


def test_rates_by_hand(write: Write, tmp_path: Path) -> None:
    done = _dlrs(
        "analyse", write("shown.csv", SHOWN, ROWS), write("done.csv", DONE, CLICKS), "--out", tmp_path / "out"
    )
    assert done.exit_code == 0, done.stderr
    found = _found(tmp_path / "out")
    arms = found["arms"]
    assert [arms["A"][n] for n in ("users", "impressions", "clicks", "contacts")] == [2, 4, 2, 1]
    assert [arms["B"][n] for n in ("users", "impressions", "clicks", "contacts")] == [2, 3, 2, 1]
    assert (arms["A"]["ctr"]["value"], arms["B"]["ctr"]["value"]) == (2 / 4, 2 / 3)
    assert (arms["A"]["contact_rate"]["value"], arms["B"]["users_with_contact"]["value"]) == (1 / 4, 1 / 2)
    assert found["differences"]["B"]["ctr"]["value"] == pytest.approx(2 / 3 - 2 / 4)
    assert found["differences"]["B"]["ctr"]["relative"] == pytest.approx(1 / 3)
    assert found["sample_ratio_p_value"] == 1.0
    assert any("Fewer than 20 clicks (A 2, B 2)" in warning for warning in found["warnings"])
    assert "CTR" in done.stdout


def test_what_counts_can_be_said(write: Write, tmp_path: Path) -> None:
    tables = write("shown.csv", SHOWN, ROWS), write("done.csv", DONE, CLICKS)
    options = ("--click", "view", "--contact", "view", "--within", "2d", "--arms", "B=0.5,A=0.5")
    assert _dlrs("analyse", *tables, "--out", tmp_path / "out", *options).exit_code == 0
    arms = _found(tmp_path / "out")["arms"]
    assert list(arms) == ["B", "A"]  # the control is named first
    assert (arms["A"]["clicks"], arms["B"]["clicks"], arms["B"]["contacts"]) == (3, 1, 1)


def test_arms_by_name_need_no_column(write: Write, tmp_path: Path) -> None:
    ids = [f"u{number}" for number in range(60)]
    shown = [(user, "i1", "2020-01-01T10:00:00Z") for user in ids]
    tables = write("shown.csv", SHOWN[:3], shown), write("done.csv", DONE, [(*shown[0], "view")])
    options = ("--arms", "old=0.3,new=0.7", "--name", "first")
    done = _dlrs("analyse", *tables, "--out", tmp_path / "out", *options)
    assert done.exit_code == 0, done.stderr
    expected = np.bincount(assign(ids, "first", Arms.parse("old=0.3,new=0.7")))
    arms = _found(tmp_path / "out")["arms"]
    assert [arms["old"]["users"], arms["new"]["users"]] == expected.tolist()

    printed = _dlrs("assign", write("users.csv", ["user_id"], [[u] for u in [*ids, *ids]]), *options).stdout
    assert printed.count('"old"') == expected[0]
    assert len(printed.splitlines()) == 61
    written = _dlrs("assign", tmp_path / "users.csv", *options, "--out", tmp_path / "arms.csv")
    assert written.exit_code == 0
    assert (tmp_path / "arms.csv").read_text() == printed


def test_unequal_arms_are_called_a_mismatch(write: Write, tmp_path: Path) -> None:
    shown = [(f"u{n}", "i1", "2020-01-01T10:00:00Z", "A" if n < 400 else "B") for n in range(1000)]
    tables = write("shown.csv", SHOWN, shown), write("done.csv", DONE, CLICKS)
    done = _dlrs("analyse", *tables, "--out", tmp_path / "out")
    assert "Sample ratio mismatch" in done.stdout
    assert "expected users A : B as 500 : 500, received 400 : 600" in _found(tmp_path / "out")["warnings"][0]
    # the same counts are right for a test that was to be so
    assert (
        "mismatch" not in _dlrs("analyse", *tables, "--out", tmp_path / "out", "--arms", "A=0.4,B=0.6").stdout
    )


def test_interleaved_logs_have_no_arms(write: Write, tmp_path: Path) -> None:
    tables = write("shown.csv", SHOWN, ROWS), write("done.csv", DONE, CLICKS)
    done = _dlrs("analyse", *tables, "--out", tmp_path / "out", "--interleaved", "--name", "t")
    assert done.exit_code == 2
    assert "column team" in done.stderr


def test_interleaved_logs(write: Write, tmp_path: Path) -> None:
    shown = [(f"u{n}", item, "2020-01-01T10:00:00Z", team) for n in range(12) for item, team in
             (("i1", "new"), ("i2", "old"), ("i3", ""))]  # fmt: skip
    clicked = [(f"u{n}", "i1" if n else "i2", "2020-01-01T10:00:05Z", "view") for n in range(10)]
    clicked += [("u10", item, "2020-01-01T10:00:05Z", "view") for item in ("i1", "i2", "i3")]
    tables = write("shown.csv", (*SHOWN[:3], "team"), shown), write("done.csv", DONE, clicked)
    done = _dlrs("analyse", *tables, "--out", tmp_path / "out", "--interleaved")
    assert done.exit_code == 0, done.stderr
    found = _found(tmp_path / "out")
    assert found["names"] == ["new", "old"]
    votes = found["by"]["clicks"]
    assert (votes["a"], votes["b"], votes["ties"], votes["share"]) == (9, 1, 1, 0.1)
    assert votes["p_value"] == pytest.approx(2 * 11 / 1024)


def test_databases_and_other_names(tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "shop.db") as database:
        database.execute("CREATE TABLE seen (who TEXT, item_id TEXT, time TEXT, arm TEXT)")
        database.execute("CREATE TABLE log (who TEXT, item_id TEXT, time TEXT, type TEXT)")
        database.executemany("INSERT INTO seen VALUES (?, ?, ?, ?)", ROWS)
        database.executemany("INSERT INTO log VALUES (?, ?, ?, ?)", CLICKS)
    database.close()
    place = f"sqlite:///{tmp_path}/shop.db"
    done = _dlrs(
        "analyse", f"{place}#seen", f"{place}#log", "--out", tmp_path / "out", "--column", "user_id=who"
    )
    assert done.exit_code == 0, done.stderr
    assert _found(tmp_path / "out")["arms"]["A"]["clicks"] == 2


@pytest.mark.parametrize(
    ("shown", "clicked", "options", "said"),
    [
        ([*ROWS, (*ROWS[0][:3], "C")], CLICKS, ("--arms", "A,B"),
         "column 'arm', row 8: expected one of A, B, received 'C'"),
        ([*ROWS, (*ROWS[0][:3], "B")], CLICKS, (),
         "shown.csv, column 'arm', row 8: expected one arm a user, 'A' for user 'u1', received 'B'"),
        ([*ROWS, ("", *ROWS[0][1:])], CLICKS, (),
         "shown.csv, column 'user_id', row 8: expected text, received an empty cell"),
        ([*ROWS, ("u8", "i1", "noon", "A")], CLICKS, (), "shown.csv, column 'time', row 8: expected a time"),
        (ROWS, [("u1", "i1", "then", "view")], (), "done.csv, column 'time', row 1: expected a time"),
        (ROWS, CLICKS, ("--contact", "call"), "done.csv, column 'type': expected outcomes of type 'call'"),
        (ROWS, CLICKS, ("--click", "veiw"), "expected outcomes of type 'veiw', received only contact, view"),
        (ROWS, CLICKS, ("--column", "item_id=ad"), "shown.csv, column 'ad': expected this column"),
        (ROWS, CLICKS, ("--column", "who=user_id"), "column 'who=user_id': expected one of user_id"),
        (ROWS, CLICKS, ("--interleaved",), "column 'team': expected this column"),
        (ROWS, CLICKS, ("--name", "first"), "--arms A=0.5,B=0.5"),
        (ROWS, CLICKS, ("--within", "soon"), "within: expected a duration like '30d'"),
        (ROWS[:5], CLICKS, (), "arm 'B': expected two users at least, received 1"),
        (ROWS[:2], CLICKS, (), "arms: expected two at least"),
        (ROWS, [], (), "done.csv: expected at least one row"),
        ([], CLICKS, (), "shown.csv: expected at least one row"),
    ],
)  # fmt: skip
def test_wrong_tables_are_explained(
    write: Write, tmp_path: Path, shown: Any, clicked: Any, options: tuple[str, ...], said: str
) -> None:
    tables = write("shown.csv", SHOWN, shown), write("done.csv", DONE, clicked)
    done = _dlrs("analyse", *tables, "--out", tmp_path / "out", *options)
    assert done.exit_code == 2
    assert said in done.stderr.replace(f"{tmp_path}/", "")
    assert not (tmp_path / "out").exists()


def test_a_database_needs_a_table(tmp_path: Path) -> None:
    done = _dlrs("analyse", "sqlite:///shop.db", "sqlite:///shop.db#log", "--out", tmp_path / "out")
    assert "expected DATABASE#TABLE" in done.stderr


KEYS = st.tuples(st.integers(0, 2), st.integers(0, 2), st.integers(0, 12))


@given(st.lists(KEYS, min_size=1, max_size=12), st.lists(KEYS, max_size=12), st.integers(0, 12))
def test_attribution_is_what_a_loop_would_find(
    shown: list[tuple[int, int, int]], done: list[tuple[int, int, int]], within: int
) -> None:
    """Of impressions at one moment the last row counts."""
    arrays = [tuple(np.array(rows, dtype=np.int64).reshape(-1, 3).T) for rows in (shown, done)]
    found = attribute(arrays[0], arrays[1], within=within)  # type: ignore[arg-type]
    for (user, item, time), impression in zip(done, found, strict=True):
        before = [
            (seen[2], row)
            for row, seen in enumerate(shown)
            if seen[:2] == (user, item) and time - seen[2] >= 0
        ]
        last = max(before, default=(None, -1))
        expected = last[1] if last[0] is not None and time - last[0] <= within else -1
        assert impression == expected
