"""The best users for an item, offline and over HTTP: as if every user were scored."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner

from dlrs import pipeline
from dlrs.bundle import current_bundle
from dlrs.candidates.histories import embed_users, histories_before
from dlrs.cli import app
from dlrs.client import Client
from dlrs.data.interactions import micros
from dlrs.errors import ArtifactError, DataError, RequestError
from dlrs.folders import RunFolder
from dlrs.prepared import open_prepared
from dlrs.publishing.crowd import Crowd
from dlrs.publishing.published import Published
from dlrs.schema import ITEM
from dlrs.service.as_of import clock_offset
from dlrs.service.http.access import new_key
from dlrs.service.settings import Settings
from dlrs.service.wiring import opened, read
from dlrs.simulator.settings import Simulation
from service_stub import over_http
from small_run import NARROW, small_run

EVERYBODY = 500


@pytest.fixture(scope="module")
def history(tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    settings = Simulation(users=120, items=800, network="history")
    return small_run(tmp_path_factory.mktemp("history"), settings, NARROW | {"epochs = 10": "epochs = 1"})


@pytest.fixture(params=["thesis", "history"])
def run(request: pytest.FixtureRequest, world: RunFolder) -> RunFolder:
    if request.param == "thesis":
        return world
    made: RunFolder = request.getfixturevalue("history")
    return made


@contextmanager
def serving(run: RunFolder, state: Path, **options: Any) -> Iterator[Client]:
    """Serve a run over HTTP as of its watermark."""
    settings = Settings(run.registry, state, deadline=10.0, **options)
    loaded = read(settings)
    offset = clock_offset(state, "watermark", loaded.bundle.watermark)
    with (
        opened(replace(settings, clock_offset=offset), loaded) as service,
        over_http(service.app) as http,
        Client(str(http.base_url)) as client,
    ):
        yield client


def item_of(run: RunFolder, place: int = 0) -> str:
    """Return one of the items that users met most: some must be left out."""
    prepared = open_prepared(run.prepared)
    published = Published.load(current_bundle(run.registry))
    counts = np.bincount(prepared.interactions.item_E, minlength=prepared.catalog.items)
    there = [id for id in prepared.item_ids.take(np.argsort(-counts)[:300]).to_pylist()
             if id in set(published.items[ITEM].to_pylist())]  # fmt: skip
    return str(there[place])


def by_scoring_everybody(run: RunFolder, item_id: str) -> dict[str, float]:
    """Return the logit of every user with a profile who did not meet the item, one user at a time."""
    prepared, published = open_prepared(run.prepared), Published.load(current_bundle(run.registry))
    nets = published.recommender.nets
    row = published.items[ITEM].to_pylist().index(item_id)
    item = published.representations.take(np.array([row]))
    profile_U = prepared.profile_of_QU[prepared.serving_period]
    histories = histories_before(prepared, micros(prepared.recipe.marketplace.split.test_until))
    met = prepared.interactions.item_E == prepared.item_ids.to_pylist().index(item_id)
    knowing = set(prepared.interactions.user_E[met].tolist())
    found = {}
    for user in np.flatnonzero(profile_U >= 0).tolist():
        if user not in knowing:
            one = np.array([user])
            embedded = embed_users(nets, prepared.profiles.take(profile_U[one]), histories.take(one))
            found[prepared.user_ids[user].as_py()] = float(nets.logits_of_one(embedded, item)[0])
    return found


def test_all_users_are_scored_and_who_met_the_item_is_left_out(run: RunFolder) -> None:
    item = item_of(run)
    expected = by_scoring_everybody(run, item)
    found = dict(pipeline.recommend_users(run.registry, item, 10_000))
    assert len(open_prepared(run.prepared).user_ids) > len(found)
    assert set(expected) <= set(found)
    np.testing.assert_allclose(
        [found[user] for user in expected], list(expected.values()), rtol=1e-4, atol=1e-4
    )
    scores = list(found.values())
    assert scores == sorted(scores, reverse=True)


def test_every_item_has_the_users_that_it_has_alone(run: RunFolder, tmp_path: Path) -> None:
    facts = pipeline.recommend_users_for_all(run.registry, tmp_path / "users.parquet", 7)
    lists = pq.read_table(tmp_path / "users.parquet")
    assert facts["rows"] == len(lists) == 7 * facts["items"]
    for place in (0, 5):
        item = item_of(run, place)
        own = lists.filter(pc.equal(lists["item_id"], item))
        expected = pipeline.recommend_users(run.registry, item, 7)
        assert own["rank"].to_pylist() == list(range(1, 8))
        assert own["user_id"].to_pylist() == [user for user, _ in expected]
        np.testing.assert_allclose(
            own["score"].to_numpy(), [score for _, score in expected], rtol=1e-4, atol=1e-4
        )


def test_the_service_finds_who_scores_best_when_everybody_asks(run: RunFolder, tmp_path: Path) -> None:
    item = item_of(run)
    with serving(run, tmp_path) as client:
        answer = client.users_for(item, 100)  # the shortlist, of 432, is everybody
        expected = {}
        for user in by_scoring_everybody(run, item):
            if client.profile(user)["events"]:  # some events are older by now than profiles look back
                expected[user] = client.rank([item], user_id=user)["items"][0]["score"]
        best = sorted(expected, key=lambda user: (-expected[user], user))
        assert answer["item_id"] == item
        there = [user for user in answer["users"] if user["id"] in expected]
        assert [user["id"] for user in there] == best[: len(there)]
        assert len(there) >= min(90, len(best))  # the rest are users whose events are all too old by now
        for user in there:
            assert user["score"] == pytest.approx(expected[user["id"]], rel=1e-4, abs=1e-4)
        everybody = {user["id"] for user in client.users_for(item, EVERYBODY)["users"]}
        assert everybody >= set(expected)


def test_an_item_of_a_second_ago(run: RunFolder, tmp_path: Path) -> None:
    with serving(run, tmp_path) as client:
        like = client.item(item_of(run))["features"]
        client.put_item("brand-new", like)
        users = client.users_for("brand-new", EVERYBODY)["users"]
        same = client.users_for(item_of(run), EVERYBODY)["users"]
        assert len(users) > len(same)  # nobody met it
        scores = {user["id"]: user["score"] for user in users}
        apart = [user["score"] - scores[user["id"]] for user in same]  # a history network's new items have
        assert apart == pytest.approx([apart[0]] * len(apart), abs=2e-4)  # a prior of their own
        client.delete_item("brand-new")
        with pytest.raises(RequestError, match="expected the id of an item that is there"):
            client.users_for("brand-new")


def test_what_users_do_counts_at_once(run: RunFolder, tmp_path: Path) -> None:
    item = item_of(run)
    with serving(run, tmp_path) as client:
        before = client.users_for(item, EVERYBODY)["users"]
        first, second, third = (user["id"] for user in before[:3])
        other = item_of(run, 3)
        client.events(
            [
                {"id": "1", "user_id": first, "item_id": item, "type": "view"},  # he knows it now
                {"id": "2", "user_id": "newcomer", "item_id": other, "type": "contact"},
                {"id": "3", "user_id": second, "item_id": other, "type": "contact"},
            ]
        )
        after = {user["id"]: user["score"] for user in client.users_for(item, EVERYBODY)["users"]}
        assert first not in after
        for user in (second, third, "newcomer"):
            ranked = client.rank([item], user_id=user)["items"][0]["score"]
            assert after[user] == pytest.approx(ranked, rel=1e-4, abs=1e-4)
        client.erase(third)
        client.erase("newcomer")
        gone = {user["id"] for user in client.users_for(item, EVERYBODY)["users"]}
        assert gone.isdisjoint({third, "newcomer"})
        assert second in gone


def test_who_never_wants_to_see_it_is_left_out(run: RunFolder, tmp_path: Path) -> None:
    item = item_of(run)
    with serving(run, tmp_path) as client:
        make = client.item(item)["features"]["make_id"]
        best = [user["id"] for user in client.users_for(item, 5)["users"]]
        client.override(best[0], [{"feature": "make_id", "none_of": [make]}])
        client.override(best[1], [{"feature": "make_id", "any_of": [make]}])
        assert [user["id"] for user in client.users_for(item, 4)["users"]] == best[1:]


def test_only_an_admin_may_ask(run: RunFolder, tmp_path: Path) -> None:
    keys = tmp_path / "keys.json"
    reader, admin = new_key(keys, ["read", "events", "items"]), new_key(keys, ["admin"])
    item = item_of(run)
    with serving(run, tmp_path, keys=keys) as nobody:
        url = str(nobody._http.base_url)
        with Client(url, key=reader) as client:
            for ask in (lambda: client.users_for(item), client.active):
                with pytest.raises(RequestError, match="expected scope 'admin'"):
                    ask()
        with Client(url, key=admin) as client:
            assert len(client.users_for(item)["users"]) == 20


def test_who_was_active_is_told_in_order(world: RunFolder, tmp_path: Path) -> None:
    item = item_of(world)
    with serving(world, tmp_path) as client:
        assert client.active() == {"seq": 0, "user_ids": []}
        client.events(
            [{"id": str(n), "user_id": user, "item_id": item, "type": "view"} for n, user in enumerate("bab")]
        )
        told = client.active()
        assert told["user_ids"] == ["b", "a"]
        assert client.active(told["seq"]) == {"seq": told["seq"], "user_ids": []}
        assert client.active(0, since=2**62)["user_ids"] == []


def test_what_cannot_be_asked_is_named(world: RunFolder, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="--for-item: expected the id of an item of bundle"):
        pipeline.recommend_users(world.registry, "no such item", 3)
    bundle = current_bundle(world.registry).path
    with pytest.raises(ArtifactError, match="older dlrs made"):
        Crowd.open(tmp_path)
    assert len(Crowd.open(bundle)) > 100
    for options in (["--user", "7"], ["--all"], ["--out", "x.parquet"]):
        wrong = CliRunner().invoke(app, ["recommend", str(world.path), "--for-item", "7", *options])
        assert wrong.exit_code == 2


def test_on_the_command_line(world: RunFolder, tmp_path: Path) -> None:
    item = item_of(world)
    told = CliRunner().invoke(app, ["recommend", str(world.path), "--for-item", item, "--k", "3"])
    assert [line.split()[0] for line in told.output.splitlines()] == [
        user for user, _ in pipeline.recommend_users(world.registry, item, 3)
    ]
    file = tmp_path / "all.parquet"
    told = CliRunner().invoke(app, ["recommend", str(world.path), "--for-every-item", "--out", str(file)])
    assert told.exit_code == 0
    assert pq.read_table(file).column_names == ["user_id", "item_id", "rank", "score"]
