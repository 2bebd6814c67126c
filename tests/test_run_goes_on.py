"""`run` goes on where it was stopped, and only then, and only if it would make the same."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from dlrs import bundle, pipeline
from dlrs.bundle import Folder
from dlrs.errors import ArtifactError
from dlrs.ongoing import NOTE

RECIPE = """
data = "data"
[marketplace]
name = "little"
interaction_types = ["view"]
negatives_by = "kind"
items = { table = "items.csv", id = "id" }
events = { table = "events.csv", user = "user", item = "item", time = "time" }
features = { categorical = ["kind"] }
profiles = { window = "7d", refresh = "7d" }
[marketplace.split]
train_from = 2024-01-08T00:00:00Z
validation_from = 2024-01-15T00:00:00Z
test_from = 2024-01-22T00:00:00Z
test_until = 2024-01-29T00:00:00Z
"""


class Stages:
    """Stages that write next to nothing, each time something else; `breaks` stops there."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self.called: list[str] = []
        self.breaks: str | None = None
        self._counts = iter(range(1000))
        patch.setattr(pipeline, "prepare", lambda _, out, *, engine: self._write(out, "prepared"))
        patch.setattr(pipeline, "train", lambda _, out: self._write(out, "trained"))
        patch.setattr(pipeline, "evaluate", lambda _, __, out: self._write(out, "evaluated"))
        patch.setattr(pipeline, "publish", lambda *_, evaluated_folder: self._publish(evaluated_folder))

    def of(self, recipe: Path) -> list[str]:
        """Run, and return which stages were asked for."""
        self.called = []
        try:
            pipeline.run(recipe, recipe.parent / "run")
        except KeyboardInterrupt:
            assert self.breaks in self.called
        return self.called

    def _write(self, out: Path, kind: str) -> Folder:
        self._call(kind)
        with bundle.writing(out, kind, facts={"number": next(self._counts)}) as folder:
            (folder / "file").write_text("content")
        return bundle.open_folder(out, kind)

    def _publish(self, evaluated: Path) -> None:
        assert evaluated.is_dir()
        self._call("published")

    def _call(self, name: str) -> None:
        self.called.append(name)
        if name == self.breaks:
            raise KeyboardInterrupt


@pytest.fixture
def stages() -> Iterator[Stages]:
    with pytest.MonkeyPatch.context() as patch:
        yield Stages(patch)


@pytest.fixture
def recipe(tmp_path: Path) -> Path:
    (tmp_path / "data").mkdir()
    (tmp_path / "data/items.csv").write_text("id,kind\n1,car\n")
    (tmp_path / "data/events.csv").write_text("user,item,time\nu,1,2024-01-09\n")
    (tmp_path / "recipe.toml").write_text(RECIPE)
    return tmp_path / "recipe.toml"


ALL = ["prepared", "trained", "evaluated", "published"]


@pytest.mark.parametrize("stopped_in", ALL)
def test_a_stopped_run_goes_on_behind_what_is_done(stopped_in: str, stages: Stages, recipe: Path) -> None:
    stages.breaks = stopped_in
    done = ALL[: ALL.index(stopped_in)]
    assert stages.of(recipe) == [*done, stopped_in]
    assert stages.of(recipe) == [stopped_in]
    stages.breaks = None
    assert stages.of(recipe) == ALL[len(done) :]
    assert not list((recipe.parent / "run").glob(".*"))


def test_a_run_that_ended_is_done_anew(stages: Stages, recipe: Path) -> None:
    assert stages.of(recipe) == stages.of(recipe) == ALL


@pytest.mark.parametrize("changed", ["recipe.toml", "data/items.csv", "data/events.csv"])
def test_other_inputs_begin_anew(changed: str, stages: Stages, recipe: Path) -> None:
    stages.breaks = "evaluated"
    assert stages.of(recipe) == ALL[:3]
    file = recipe.parent / changed
    before = file.read_text()
    file.write_text(before.replace("little", "other") if file == recipe else before + "2,car,\n")
    assert stages.of(recipe) == ALL[:3]


def test_only_the_bytes_of_the_tables_count(stages: Stages, recipe: Path) -> None:
    stages.breaks = "trained"
    stages.of(recipe)
    events = recipe.parent / "data/events.csv"
    events.write_bytes(events.read_bytes())  # simulated again, or exported again
    recipe.write_text("# a comment\n" + RECIPE)
    assert stages.of(recipe) == ["trained"]


@pytest.mark.parametrize(("replaced", "again"), [("prepared", ALL), ("trained", ALL[1:])])
def test_a_folder_of_somebody_else_is_not_gone_on_from(
    replaced: str, again: list[str], stages: Stages, recipe: Path
) -> None:
    stages.breaks = "published"
    stages.of(recipe)
    with bundle.writing(recipe.parent / "run" / replaced, replaced, facts={"by": "hand"}):
        pass
    assert stages.of(recipe) == again


def test_a_damaged_folder_and_a_damaged_note_are_not_gone_on_from(stages: Stages, recipe: Path) -> None:
    stages.breaks = "evaluated"
    stages.of(recipe)
    (recipe.parent / "run/trained/file").unlink()
    assert stages.of(recipe) == ["trained", "evaluated"]
    (recipe.parent / "run" / NOTE).write_text("{")
    assert stages.of(recipe) == ALL[:3]


def test_where_the_input_cannot_be_told_all_begins_anew(stages: Stages, recipe: Path) -> None:
    recipe.write_text('sql = "SELECT 1"\n' + RECIPE)
    stages.breaks = "evaluated"
    assert stages.of(recipe) == stages.of(recipe) == ALL[:3]
    recipe.write_text(RECIPE.replace('"items.csv"', '"items", database = "sqlite:///shop.db"'))
    assert stages.of(recipe) == stages.of(recipe) == ALL[:3]
    (recipe.parent / "data/items.csv").unlink()
    recipe.write_text(RECIPE)
    assert stages.of(recipe) == stages.of(recipe) == ALL[:3]  # `prepare` says that it is missing
    assert not (recipe.parent / "run" / NOTE).exists()


def test_a_publication_that_falls_short_costs_no_second_training(
    stages: Stages, recipe: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise ArtifactError("too little")

    monkeypatch.setattr(pipeline, "publish", refuse)
    for wanted in (ALL[:3], []):
        stages.called = []
        with pytest.raises(ArtifactError, match="too little"):
            pipeline.run(recipe, recipe.parent / "run")
        assert stages.called == wanted
