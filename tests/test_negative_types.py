"""Events that say no: in no profile and no test, and refused items stay away."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from dlrs import pipeline
from dlrs.data.interactions import Interactions, micros
from dlrs.errors import DataError, SchemaError
from dlrs.evaluation.static import static_test
from dlrs.folders import RunFolder
from dlrs.past.stored import Past, texts_of
from dlrs.prepared import open_prepared
from dlrs.recipe import parse_recipe
from dlrs.simulator.settings import Simulation
from small_run import small_run

NEGATIVE = {"negative_types": '["shown", "deleted"]', "refusing_types": '["deleted"]'}


@dataclass(frozen=True)
class NoSayer:
    """Who said no: to the best of his list for good, while the second best was only shown to him."""

    run: RunFolder
    user: str
    best: list[str]


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    """A run without events that say no."""
    settings = Simulation(users=80, items=800, weeks=4, seed=1, network="thesis")
    return small_run(tmp_path_factory.mktemp("plain"), settings, {"epochs = 6": "epochs = 1"})


@pytest.fixture(scope="module")
def no_sayer(plain: RunFolder, tmp_path_factory: pytest.TempPathFactory) -> NoSayer:
    """The same data and networks, and two events more."""
    prepared = open_prepared(plain.prepared)
    row = int(np.flatnonzero(prepared.profile_of_QU[prepared.serving_period] >= 0)[0])
    user = prepared.user_ids[row].as_py()
    best = [item["item_id"] for item in pipeline.recommend(plain.prepared, plain.registry, user, 5).items]
    data, folder = plain.path / "data", tmp_path_factory.mktemp("no")
    for name in ("items.parquet", "recipe.toml"):
        (folder / name).write_bytes((data / name).read_bytes())
    events = pq.read_table(data / "events.parquet")
    moment = prepared.recipe.marketplace.split.test_until - timedelta(hours=1)
    added = [
        {
            "user_id": int(user),
            "item_id": int(item),
            "version": _version(data, item),
            "time": moment,
            "type": kind,
        }
        for item, kind in ((best[0], "deleted"), (best[1], "shown"))
    ]
    pq.write_table(
        pa.concat_tables([events, pa.Table.from_pylist(added, events.schema)]), folder / "events.parquet"
    )
    recipe = folder / "recipe.toml"
    content = recipe.read_text()
    for key, types in NEGATIVE.items():
        content = content.replace(f"{key} = []", f"{key} = {types}", 1)
    recipe.write_text(content)
    run = RunFolder(folder)
    pipeline.prepare(recipe, run.prepared)
    pipeline.publish(run.prepared, plain.trained, run.registry)
    return NoSayer(run, user, best)


def _version(data: Path, item: str) -> int:
    items = pq.read_table(data / "items.parquet")
    own = items.filter(pc.equal(items["item_id"], int(item))).sort_by("valid_from")
    version: int = own["version"][-1].as_py()
    return version


def test_nothing_but_the_negatives_changes(plain: RunFolder, no_sayer: NoSayer) -> None:
    before, after = open_prepared(plain.prepared), open_prepared(no_sayer.run.prepared)
    for name in ("interactions", "profiles", "pairs", "profile_facts"):
        for field, array in vars(getattr(before, name)).items():
            np.testing.assert_array_equal(
                array, getattr(getattr(after, name), field), err_msg=f"{name}.{field}"
            )
    assert after.facts["interaction_weights"] == before.facts["interaction_weights"]
    assert after.facts["events"]["kept"] == before.facts["events"]["kept"]
    assert (len(before.negatives), len(after.negatives), after.facts["events"]["negative"]) == (0, 2, 2)
    assert after.negatives.type_E.tolist() == [1, 0]  # at one moment, in the order of the file
    assert [after.item_ids[item].as_py() for item in after.refused.item_E] == no_sayer.best[:1]


def test_what_was_refused_is_not_recommended_and_what_was_shown_is(no_sayer: NoSayer, tmp_path: Path) -> None:
    run = no_sayer.run
    one = pipeline.recommend(run.prepared, run.registry, no_sayer.user, 4).items
    assert [item["item_id"] for item in one] == no_sayer.best[1:]
    pipeline.recommend_all(run.prepared, run.registry, tmp_path / "lists.parquet", 4)
    lists = pq.read_table(tmp_path / "lists.parquet")
    assert lists.filter(pc.equal(lists["user_id"], no_sayer.user))["item_id"].to_pylist() == no_sayer.best[1:]


def test_a_bundle_remembers_what_was_refused(no_sayer: NoSayer) -> None:
    prepared = open_prepared(no_sayer.run.prepared)
    current = next(path for path in no_sayer.run.registry.iterdir() if path.is_dir())
    past = Past.open(current, prepared.recipe.marketplace.features)
    row = past.row(no_sayer.user)
    assert row is not None
    met = texts_of(past.met(row, 0))
    assert no_sayer.best[0] in met
    assert no_sayer.best[1] not in met
    events = prepared.interactions
    mine = events.take(events.user_E == prepared.user_ids.to_pylist().index(no_sayer.user))
    assert len(past.arrays.time_E[past.events(row)]) <= len(mine)  # the two are no events of a history


def test_a_refused_item_is_known_in_a_test(no_sayer: NoSayer) -> None:
    prepared = open_prepared(no_sayer.run.prepared)
    split = prepared.recipe.marketplace.split

    def relevant(refused: Interactions | None) -> set[tuple[int, int]]:
        test = static_test(
            prepared.interactions,
            prepared.catalog,
            users=len(prepared.user_ids),
            since=micros(split.test_from),
            until=micros(split.test_until),
            profiled_users=np.arange(len(prepared.user_ids)),
            max_users=10**6,
            seed=0,
            refused=refused,
        )
        rows, columns = test.relevant_UN.nonzero()
        return set(zip(test.users_U[rows].tolist(), columns.tolist(), strict=True))

    without = relevant(None)
    user, item = sorted(without)[0]
    columns = (np.array([value]) for value in (user, item, 0, 0, micros(split.test_from) - 1))
    assert without - relevant(Interactions(*columns)) == {(user, item)}
    columns = (np.array([value]) for value in (user, item, 0, 0, micros(split.test_from)))
    assert relevant(Interactions(*columns)) == without  # refused later than the cut: not known there


def test_the_schema_names_what_does_not_fit(content: dict[str, Any]) -> None:
    market = content["marketplace"]
    market["negative_types"] = ["shown", "view"]
    with pytest.raises(SchemaError, match="expected each once in both together"):
        parse_recipe(content, source="r")
    market["negative_types"], market["refusing_types"] = ["shown"], ["deleted"]
    with pytest.raises(SchemaError, match=r"refusing_types: expected some of negative_types .*'deleted'"):
        parse_recipe(content, source="r")
    market["negative_types"], market["refusing_types"] = [], []
    for stage, name in (("samples", "passed_by"), ("history", "passed_negatives")):
        with pytest.raises(SchemaError, match=f"{stage}.{name}: expected negative_types"):
            parse_recipe({**content, stage: {name: 1}}, source="r")
    market["negative_types"], market["interaction_types"] = ["shown"], ["view"]
    del market["events"]["type"]
    with pytest.raises(SchemaError, match=r"so events\.type must name their column"):
        parse_recipe(content, source="r")


def test_a_type_that_nobody_named_is_an_error(plain: RunFolder, tmp_path: Path) -> None:
    data = plain.path / "data"
    for name in ("items.parquet", "events.parquet"):
        (tmp_path / name).symlink_to(data / name)
    text = (data / "recipe.toml").read_text().replace('["view", "bookmark", "print", "contact"]', '["view"]')
    (tmp_path / "recipe.toml").write_text(text)
    with pytest.raises(DataError, match="or to negative_types"):
        pipeline.prepare(tmp_path / "recipe.toml", tmp_path / "prepared")
