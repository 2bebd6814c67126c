"""Tables and folders that are cut short, spoiled or not there: an error that names the file."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from dlrs import bundle, pipeline
from dlrs.errors import ArtifactError, DataError, DlrsError, SchemaError
from safety.market import Market, market
from safety.verbs import Finished

Spoil = Callable[[Path], object]


def csv_market() -> Market:
    return (
        market()
        .with_settings("marketplace.items", table="items.csv")
        .with_settings("marketplace.events", table="events.csv")
    )


def cut(share: float) -> Spoil:
    return lambda file: file.write_bytes(file.read_bytes()[: int(len(file.read_bytes()) * share)])


def appended(content: bytes) -> Spoil:
    return lambda file: file.write_bytes(file.read_bytes() + content)


def as_folder(file: Path) -> None:
    file.unlink()
    file.mkdir()


SPOILT_TABLES: dict[str, tuple[Spoil, str]] = {
    "cut in the middle": (cut(0.5), "items.parquet"),
    "cut at its end": (cut(0.99), "items.parquet"),
    "empty": (cut(0), "items.parquet"),
    "no Parquet at all": (lambda file: file.write_text("id,price\n"), "events.parquet"),
    "gone": (Path.unlink, "events.parquet"),
    "a folder": (as_folder, "items.parquet"),
    "empty text": (cut(0), "items.csv"),
    "a header alone": (lambda file: file.write_text(file.read_text().splitlines()[0] + "\n"), "events.csv"),
    "cut in the middle of a row": (appended(b"i99,1.0,2"), "items.csv"),
    "a row too long": (appended(b"i99,1.0,2.0,red,car,more,and more\n"), "items.csv"),
    "a quote that never ends": (appended(b'i99,1.0,2.0,"red,car\n' * 9), "items.csv"),
    "letters of Latin-1": (appended("i99,1.0,2.0,grün,car\n".encode("latin-1")), "items.csv"),
    "UTF-16": (lambda file: file.write_text(file.read_text(), encoding="utf-16"), "items.csv"),
    "bytes of nothing": (lambda file: file.write_bytes(b"\0" * 4096), "events.csv"),
}


@pytest.mark.parametrize("damage", SPOILT_TABLES)
def test_a_spoilt_table_is_named(damage: str, tmp_path: Path) -> None:
    spoil, table = SPOILT_TABLES[damage]
    recipe = (csv_market() if table.endswith("csv") else market()).write(tmp_path)
    spoil(tmp_path / table)
    with pytest.raises(DataError, match=rf"{table}.*: expected .*received"):
        pipeline.prepare(recipe, tmp_path / "prepared")
    assert not [path for path in tmp_path.iterdir() if "prepared" in path.name]


def test_a_missing_data_folder_is_named(tmp_path: Path) -> None:
    recipe = market().with_settings("marketplace").write(tmp_path)
    recipe.write_text(recipe.read_text().replace('"data" = "."', '"data" = "nowhere"'))
    with pytest.raises(DataError, match=r"nowhere/items\.parquet: expected a table, received no such file"):
        pipeline.prepare(recipe, tmp_path / "prepared")


@pytest.mark.parametrize("content", [b"\xff\xfe", b"data = ", b"", b"[marketplace]\nname = 1"])
def test_a_spoilt_recipe_is_named(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "recipe.toml").write_bytes(content)
    with pytest.raises(SchemaError, match=r"recipe\.toml: "):
        pipeline.prepare(tmp_path / "recipe.toml", tmp_path / "prepared")


def train(run: Path) -> object:
    return pipeline.train(run / "prepared", run / "again")


def evaluate(run: Path) -> object:
    return pipeline.evaluate(run / "prepared", run / "trained", run / "again")


def publish(run: Path) -> object:
    return pipeline.publish(
        run / "prepared", run / "trained", run / "again", evaluated_folder=run / "evaluation"
    )


def recommend(run: Path) -> object:
    return pipeline.recommend(run / "prepared", run / "bundles", "whoever")


@pytest.fixture(scope="module")
def run(finished: Finished, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return Path(shutil.copytree(finished.newer, tmp_path_factory.mktemp("damage") / "run"))


@pytest.mark.parametrize(
    ("verb", "place"),
    [
        (train, "prepared"),
        (evaluate, "prepared"),
        (evaluate, "trained"),
        (publish, "trained"),
        (publish, "evaluation"),
        (recommend, "prepared"),
        (recommend, "bundles"),
    ],
)
def test_a_file_that_was_cut_short_is_named(verb: Callable[[Path], object], place: str, run: Path) -> None:
    folder = bundle.current_bundle(run / place).path if place == "bundles" else run / place
    for file in [path for path in folder.rglob("*") if path.is_file()]:
        whole = file.read_bytes()
        file.write_bytes(whole[: len(whole) // 2])
        with pytest.raises(ArtifactError, match=rf"{file.name}: expected"):
            verb(run)
        file.write_bytes(whole)
    assert not (run / "again").exists()


@pytest.mark.parametrize(
    "content",
    ["", "{", "null", "[]", "{}", '{"format": 1}', '{"format": 9, "kind": "", "facts": {}, "files": {}}'],
)
def test_a_spoilt_manifest_is_named(content: str, run: Path) -> None:
    manifest = run / "prepared/manifest.json"
    whole = manifest.read_bytes()
    manifest.write_text(content)
    with pytest.raises(ArtifactError, match=r"manifest\.json: expected .*Write .* anew"):
        train(run)
    with pytest.raises(ArtifactError, match="left as it is"):
        pipeline.prepare(run / "recipe.toml", run / "prepared")
    assert manifest.read_text() == content
    manifest.write_bytes(whole)


@pytest.mark.parametrize("current", ["", "\n", "0123456789ab\n", "../prepared\n"])
def test_a_spoilt_pointer_is_named(current: str, run: Path) -> None:
    pointer = run / "bundles/CURRENT"
    whole = pointer.read_text()
    pointer.write_text(current)
    with pytest.raises(ArtifactError, match="bundles"):
        recommend(run)
    pointer.write_text(whole)


@pytest.mark.parametrize("place", ["file", "file/below", "file/far/below"])
def test_a_file_in_the_way_is_named_and_left(place: str, tmp_path: Path) -> None:
    recipe = market().write(tmp_path)
    (tmp_path / "file").write_text("mine")
    with pytest.raises(DlrsError, match=r"file.*: expected"):
        pipeline.prepare(recipe, tmp_path / place)
    assert (tmp_path / "file").read_text() == "mine"


def test_missing_parents_are_made(tmp_path: Path) -> None:
    recipe = market().write(tmp_path)
    pipeline.prepare(recipe, tmp_path / "not/yet/there")
    bundle.open_folder(tmp_path / "not/yet/there", "prepared").verify()
