"""From the challenge's files to submissions, with the recipe that comes with the project."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from tests.recsys2017.official_sample import DAY, table
from typer.testing import CliRunner

from dlrs import pipeline
from dlrs.bundle import current_bundle
from dlrs.cli import app
from dlrs.errors import DataError
from dlrs.folders import RunFolder
from dlrs.prepared import open_prepared
from dlrs.publishing.crowd import Crowd
from dlrs.publishing.published import Published
from dlrs.recsys2017.loading import load
from dlrs.recsys2017.official import INTERACTIONS, ITEMS, USERS
from dlrs.recsys2017.submission import Rules, read
from dlrs.recsys2017.submitting import submit

RECIPE = Path(__file__).parents[2] / "recipes/recsys2017.toml"
END = 1_486_339_200  # 2017-02-06, UTC
FIELDS, OLD, NEW, EVERYBODY = 3, 60, 12, 90


@dataclass(frozen=True)
class World:
    official: Path
    data: Path
    run: RunFolder


def field_of(id: int) -> int:
    return id % FIELDS


def users() -> list[tuple[object, ...]]:
    return [
        (u, 100 + field_of(u), 3, field_of(u), 1, "de", 1, 1, 1, 1, 1, 200 + field_of(u), 0, int(u % 9 == 0))
        for u in range(1, EVERYBODY + 1)
    ]


def items() -> list[tuple[object, ...]]:
    """The new ones have no event yet, and are to be filled."""
    rows: list[tuple[object, ...]] = []
    for i in range(1, OLD + NEW + 1):
        title, tags = f"{300 + field_of(i)},{300 + i % 7}", f"{400 + field_of(i)}"
        created = END - 80 * DAY if i <= OLD else END - DAY // 2
        rows.append((i, title, 3, field_of(i), 1, "de", i % 2, 1, 48.0, 11.0, 1, tags, created))
    return rows


def events() -> list[tuple[int, ...]]:
    """People click what is of their field, pass other things by and delete some. The last ten do nothing."""
    rng = np.random.default_rng(0)
    rows = []
    for user in range(1, EVERYBODY - 9):
        for item in rng.choice(np.arange(1, OLD + 1), 30, replace=False).tolist():
            time = END - int(rng.integers(1, 60 * DAY))
            own = field_of(item) == field_of(user)
            rows.append((user, item, 0, time))
            if own:
                rows.append((user, item, int(rng.choice([1, 1, 1, 2, 3, 5])), time + 60))
            elif rng.random() < 0.1:
                rows.append((user, item, 4, time + 60))
    return rows


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    folder = tmp_path_factory.mktemp("recsys2017")
    official = folder / "official"
    official.mkdir()
    (official / "users.csv").write_text(table("users", USERS, users()))
    (official / "items.csv").write_text(table("items", ITEMS, items()))
    (official / "interactions.csv").write_text(table("interactions", INTERACTIONS, events()))
    (official / "targetUsers.csv").write_text(
        "user_id\n" + "".join(f"{u}\n" for u in range(1, EVERYBODY + 1))
    )
    (official / "targetItems.csv").write_text("".join(f"{i}\n" for i in range(OLD + 1, OLD + NEW + 1)))
    data = load(official, folder / "data", impressions=1).path
    text = RECIPE.read_text(encoding="utf-8")
    smaller = {
        "$DLRS_DATA/recsys2017": str(data),
        "epochs = 5": "epochs = 5\nwidth = 16\nlength = 10\nnegatives = 32\nbatch_size = 16",
    }
    for written, wanted in smaller.items():
        assert text.count(written) > 0
        text = text.replace(f'data = "{written}"', f'data = "{wanted}"').replace(
            f"\n{written}\n", f"\n{wanted}\n"
        )
    (folder / "recipe.toml").write_text(text, encoding="utf-8")
    run = RunFolder(folder / "run")
    pipeline.prepare(folder / "recipe.toml", run.prepared)
    pipeline.train(run.prepared, run.trained)
    pipeline.publish(run.prepared, run.trained, run.registry, force=True)
    return World(official, data, run)


def test_what_the_recipe_makes_of_the_files(world: World) -> None:
    prepared = open_prepared(world.run.prepared)
    types = [type for *_, type, _ in events()]
    assert len(prepared.negatives) == types.count(0) + types.count(4)
    assert len(prepared.interactions) == len(types) - len(prepared.negatives)
    assert len(prepared.refused) == types.count(4)
    assert len(prepared.user_ids) == EVERYBODY  # those who did nothing, too
    assert prepared.own_features is not None
    assert len(prepared.item_ids) == OLD + NEW


def test_users_who_did_nothing_are_found_by_what_they_are(world: World) -> None:
    crowd = Crowd.open(current_bundle(world.run.registry).path)
    assert len(crowd) == EVERYBODY
    assert (crowd.places([str(EVERYBODY), "nobody"]) >= 0).tolist() == [True, False]


def test_lists_hold_each_users_best_and_keep_to_the_rules(world: World, tmp_path: Path) -> None:
    facts = submit(world.run.registry, world.data, tmp_path / "s.tsv")
    pairs = read(tmp_path / "s.tsv", Rules.of(world.data))
    assert (facts["items"], facts["users"], facts["items_missing"]) == (NEW, EVERYBODY, 0)
    assert len(pairs) == NEW * EVERYBODY  # 90 users have room on each list of 100
    first = pairs.user_P.reshape(NEW, EVERYBODY)[:, :10]
    own = np.mean(
        [
            [field_of(u) == field_of(i) for u in row]
            for i, row in zip(range(OLD + 1, OLD + NEW + 1), first, strict=True)
        ]
    )
    assert own > 0.8  # by chance: a third


def test_each_user_once_and_worth_as_much_as_can_be(world: World, tmp_path: Path) -> None:
    facts = submit(world.run.registry, world.data, tmp_path / "s.tsv", once=True)
    pairs = read(tmp_path / "s.tsv", Rules.of(world.data, once=True))
    assert facts["pairs"] == len(pairs) == EVERYBODY
    assert facts["gap"] < 1e-6
    own = np.mean([field_of(u) == field_of(i) for u, i in zip(pairs.user_P, pairs.item_P, strict=True)])
    assert own > 0.8
    # everybody has his best item, for no item is full
    published = Published.load(current_bundle(world.run.registry))
    nets, crowd = published.recommender.nets, Crowd.open(published.folder)
    ids = published.items["item_id"].to_pylist()
    items = nets.embed_items(published.encoding.encode_items(published.items))
    logits_UN = nets.every_logit(crowd.users, nets.item_halves(items))
    new = [ids.index(str(item)) for item in range(OLD + 1, OLD + NEW + 1)]
    for user, item in zip(pairs.user_P.tolist(), pairs.item_P.tolist(), strict=True):
        (place,) = crowd.places([str(user)])
        assert logits_UN[place, ids.index(str(item))] == pytest.approx(logits_UN[place, new].max(), abs=1e-4)


def test_fewer_users_an_item_reach_more_items(world: World, tmp_path: Path) -> None:
    submit(world.run.registry, world.data, tmp_path / "s.tsv", once=True, most=8)
    pairs = read(tmp_path / "s.tsv", Rules.of(world.data, once=True))
    assert np.unique(pairs.item_P, return_counts=True)[1].max() == 8
    assert len(np.unique(pairs.item_P)) >= EVERYBODY // 8
    submit(world.run.registry, world.data, tmp_path / "lists.tsv", most=3)
    lists = read(tmp_path / "lists.tsv", Rules.of(world.data))
    assert np.unique(lists.item_P, return_counts=True)[1].tolist() == [3] * NEW


def test_on_the_command_line(world: World, tmp_path: Path) -> None:
    def dlrs(*arguments: object) -> str:
        told = CliRunner().invoke(app, ["recsys2017", *map(str, arguments)])
        assert told.exit_code == 0, told.output
        return told.output

    loaded = dlrs("load", world.official, "--out", tmp_path / "data", "--impressions", "0.5")
    assert "To fill: 12 items, from 90 users." in loaded
    assert "test_until = 2017-02-06T00:00:00Z" in loaded
    file = tmp_path / "s.tsv"
    assert " items, 90 users" in dlrs("submit", world.run.path, world.data, "--out", file, "--once")
    assert "keeps to the rules: " in dlrs("check", file, world.data, "--once")
    file.write_text("".join(f"{i}\t{','.join(str(u) for u in range(1, 91))}\n" for i in (61, 62)))
    truth = tmp_path / "interactions.csv"
    truth.write_text(
        table("interactions", INTERACTIONS, [(u, i, 1, END + 5) for u in range(1, 91) for i in range(61, 73)])
    )
    told = dlrs("score", file, world.data, "--truth", truth)
    # of each of two ads 90 clicks, ten of them by premium users; one of the ads is paid for
    assert "Score 275: 200 by users and 75 by items." in told
    wrong = CliRunner().invoke(
        app, ["recsys2017", "check", str(world.official / "users.csv"), str(world.data)]
    )
    assert isinstance(wrong.exception, DataError | SystemExit)


def test_a_bundle_of_other_data_is_refused(world: World, tmp_path: Path) -> None:
    other = tmp_path / "official"
    other.mkdir()
    for file in world.official.iterdir():
        (other / file.name).write_bytes(file.read_bytes())
    (other / "targetItems.csv").write_text("999999\n")
    load(other, tmp_path / "data")
    with pytest.raises(DataError, match="90 of its users and 0 of its items"):
        submit(world.run.registry, tmp_path / "data", tmp_path / "s.tsv")
    assert not (tmp_path / "s.tsv").exists()
