"""What verbs say in a terminal: of rows left out, of lists, and of files that they cannot write."""

from __future__ import annotations

from io import StringIO
from pathlib import Path

import pytest
from rich.console import Console
from typer.testing import CliRunner

from dlrs import pipeline
from dlrs.bundle import writing
from dlrs.cli import app
from dlrs.folders import RunFolder
from dlrs.publishing import showcase
from dlrs.publishing.showcase import Recommendation
from dlrs.schema import Continuous, Features, MultiValued

FEATURES = Features(
    categorical=("make", "fuel"),
    continuous={"mileage": Continuous()},
    multi_valued={"equipment": MultiValued()},
)
ITEMS = [
    {
        "item_id": f"[a{n}]",
        "make": "Mercedes-Benz",
        "fuel": None,
        "mileage": 86_000.0 + n,
        "equipment": ["towbar", "navigation", "seat heating", "parking sensors"],
    }
    for n in range(10)
]


def printed(width: int) -> list[str]:
    found = Recommendation("u1", "3f0c9a1be2d4", ["12 events", "make: Volvo 60%"], ITEMS)
    console = Console(file=StringIO(), width=width, color_system=None)
    console.print(showcase.as_text(found, FEATURES), highlight=False)
    return console.file.getvalue().splitlines()


@pytest.mark.parametrize("width", [40, 80, 200])
def test_ten_items_are_shown_whole_at_any_width(width: int) -> None:
    lines = printed(width)
    assert max(map(len, lines)) <= width
    text = " ".join(" ".join(lines).split())
    for item in ITEMS:
        described = f"mileage: {item['mileage']:,.0f} · make: Mercedes-Benz · equipment: towbar, navigation"
        assert f" {item['item_id']} {described}" in text
    assert text.count("towbar, navigation, seat heating, parking sensors") == len(ITEMS)
    assert "…" not in text
    assert "fuel" not in text  # no item says


def test_items_are_numbered_best_first() -> None:
    numbers = [line.split()[:2] for line in printed(80) if "[a" in line]
    assert numbers == [[str(n + 1), f"[a{n}]"] for n in range(10)]


def facts(bad: int, read: int = 1000) -> dict[str, object]:
    quarantined = {"no such item": bad} if bad else {}
    return {
        "items": {"rows_read": 10, "quarantined": {"price: above its maximum": 1} if bad else {}},
        "events": {"rows_read": read, "quarantined": quarantined, "kept": read - bad, "users": 30},
        "profiles": 7,
        "pairs": 20,
    }


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> RunFolder:
    folders = RunFolder(tmp_path / "run")
    monkeypatch.setattr(pipeline, "run", lambda *_, **__: folders)
    monkeypatch.setattr("dlrs.cli.show_report", lambda _: None)
    return folders


def prepare(run: RunFolder, bad: int) -> None:
    with writing(run.prepared, "prepared", facts=facts(bad)):
        pass


@pytest.mark.parametrize(
    ("bad", "warned"), [(0, None), (50, None), (51, "5.1 % of the events"), (1000, "100")]
)
def test_run_says_what_it_left_out(bad: int, warned: str | None, run: RunFolder) -> None:
    prepare(run, bad)
    said = CliRunner().invoke(app, ["run", "recipe.toml", "--out", str(run.path)])
    assert said.exit_code == 0
    lines = said.stdout.splitlines()
    assert ("Left out 1 rows of items: price: above its maximum." in lines) is bool(bad)
    assert (f"Left out {bad:,} rows of events: no such item." in lines) is bool(bad)
    assert (f"They are listed in {run.prepared / 'quarantine'}" in lines) is bool(bad)
    assert ("warning" in said.stderr) is (warned is not None)
    assert (warned or "") in said.stderr


@pytest.mark.parametrize("which", ["--all", "--for-every-item"])
@pytest.mark.parametrize("name", ["lists.csv", "lists", "lists.parquet.gz"])
def test_lists_are_parquet_and_say_so(which: str, name: str, run: RunFolder, tmp_path: Path) -> None:
    wrong = CliRunner().invoke(app, ["recommend", str(run.path), which, "--out", str(tmp_path / name)])
    assert wrong.exit_code == 2
    assert "ends in .parquet" in " ".join(wrong.output.replace("│", "").split())
    assert not (tmp_path / name).exists()


@pytest.mark.parametrize(
    ("users", "said"),
    [
        (10, "20 users of the log have no profile at its end, so no list."),
        (29, "1 user of the log has no profile at its end, so no list."),
        (30, None),
    ],
)
def test_who_has_no_list_is_counted(
    users: int, said: str | None, run: RunFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    prepare(run, 0)
    written = {"rows": 50, "users": users, "bundle_id": "b"}
    monkeypatch.setattr(pipeline, "recommend_all", lambda *_, **__: written)
    done = CliRunner().invoke(
        app, ["recommend", str(run.path), "--all", "--out", str(tmp_path / "l.parquet")]
    )
    lines = done.stdout.splitlines()
    assert lines[0].startswith(f"50 items for {users} users from bundle b: ")
    assert lines[1:] == ([said] if said else [])
