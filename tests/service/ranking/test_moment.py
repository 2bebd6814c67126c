"""The ranker of the moment, served: the same lists as in the evaluation, and what happens now moves them."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest

from dlrs import pipeline
from dlrs.bundle import current_bundle
from dlrs.data.interactions import ALL_TIME, Interactions, micros
from dlrs.features.rows import EncodedRows
from dlrs.folders import RunFolder
from dlrs.model.nets import open_nets
from dlrs.moment_history import HistoryRetrieval
from dlrs.moment_recommender import MomentRecommender
from dlrs.prepared import Prepared, open_prepared
from dlrs.profiles.reach import Reach
from dlrs.ranking.moment_ranker import MomentRanker
from dlrs.ranking.past import Items, Past
from dlrs.service.settings import Settings
from dlrs.service.wiring import opened, read
from dlrs.simulator.settings import Simulation
from service_stub import over_http

K, AFTER = 10, timedelta(hours=1)
NEW_USER, STRANGER = "somebody new", "a stranger"


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    folder = tmp_path_factory.mktemp("moment")
    settings = Simulation(users=200, items=1500, network="history")
    recipe = pipeline.simulate(folder / "data", settings).path / "recipe.toml"
    content = recipe.read_text(encoding="utf-8")
    smaller = {
        "width = 64": "width = 16",
        "length = 50": "length = 10",
        "epochs = 10": "epochs = 2",
        'network = "history"': 'network = "history"\nranker = "moment"',
    }
    for written, wanted in smaller.items():
        assert written in content
        content = content.replace(written, wanted, 1)
    recipe.write_text(content, encoding="utf-8")
    run = RunFolder(folder)
    pipeline.prepare(recipe, run.prepared)
    pipeline.train(run.prepared, run.trained)
    pipeline.publish(run.prepared, run.trained, run.registry)
    return run


@pytest.fixture(scope="module")
def prepared(run: RunFolder) -> Prepared:
    return open_prepared(run.prepared)


@contextmanager
def serving(run: RunFolder, state: Path) -> Iterator[httpx.Client]:
    """Serve a run an hour after its watermark."""
    settings = Settings(run.registry, state, deadline=10.0)
    loaded = read(settings)
    offset = (loaded.bundle.watermark + AFTER).timestamp() - time.time()
    settings = replace(settings, clock_offset=offset)
    with opened(settings, loaded) as service, over_http(service.app) as client:
        yield client


@pytest.fixture
def client(run: RunFolder, tmp_path: Path) -> Iterator[httpx.Client]:
    with serving(run, tmp_path) as client:
        yield client


def end_of(prepared: Prepared) -> int:
    return micros(prepared.recipe.marketplace.split.test_until)


def busy(prepared: Prepared, count: int) -> list[int]:
    """Return users with events in the window, the most active of them last."""
    log = prepared.interactions
    since = end_of(prepared) - prepared.recipe.marketplace.profiles.window // timedelta(microseconds=1)
    counts_U = np.bincount(log.between(since, end_of(prepared)).user_E, minlength=len(prepared.user_ids))
    order_U = np.argsort(counts_U, kind="stable")
    return order_U[counts_U[order_U] > 0][-count:].tolist()


def what_follows(prepared: Prepared, count: int = 120) -> Interactions:
    """Return events of the hour after the end: of eight users and a new one, with items that are there."""
    rng, end = np.random.default_rng(7), end_of(prepared)
    users = np.array([*busy(prepared, 8), len(prepared.user_ids)])
    alive = prepared.catalog.item_V[prepared.catalog.alive_at(end)]
    time_E = end + np.sort(rng.choice(3_500_000_000, count, replace=False))
    item_E = rng.choice(alive[:40], count)
    types = rng.integers(len(prepared.recipe.marketplace.interaction_types), size=count)
    return Interactions(
        rng.choice(users, count), item_E, prepared.catalog.version_at(item_E, time_E), types, time_E
    )


def id_of(prepared: Prepared, user: int) -> str:
    return NEW_USER if user == len(prepared.user_ids) else str(prepared.user_ids[user])


def send(client: httpx.Client, prepared: Prepared, log: Interactions) -> None:
    types = prepared.recipe.marketplace.interaction_types
    events = [
        {
            "id": f"event {place}",
            "user_id": id_of(prepared, user),
            "item_id": str(prepared.item_ids[item]),
            "type": types[kind],
            "time": (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=moment)).isoformat(),
        }
        for place, (user, item, kind, moment) in enumerate(
            zip(
                log.user_E.tolist(),
                log.item_E.tolist(),
                log.type_E.tolist(),
                log.time_E.tolist(),
                strict=True,
            )
        )
    ]
    answer = client.post("/events", json={"events": events}).json()
    assert answer["new"] == len(events), answer


def eventually(test: Callable[[], bool]) -> bool:
    """Wait a second: what happens is to be seen in the next list within it; slow machines get ten."""
    until = time.monotonic() + 10
    while not test() and time.monotonic() < until:
        time.sleep(0.02)
    return test()


def listed(client: httpx.Client, user: str, **query: Any) -> dict[str, Any]:
    answer = client.get(f"/recommendations/{user}", params={"k": K, **query})
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    assert found["degraded"] is None
    return found


def judged(run: RunFolder, prepared: Prepared, log: Interactions) -> MomentRecommender:
    """Return what the evaluation asks, over a log, with the ranker and the network of the bundle."""
    bundle = current_bundle(run.registry).path
    ranker = MomentRanker.load(bundle)
    past = Past(log, Items.of(prepared), windows=ranker.windows, reach=Reach.of(prepared.recipe.marketplace))
    blank = EncodedRows.blank(len(prepared.user_ids) + 2, prepared.encoding.space, side="user")
    retrieval = HistoryRetrieval(open_nets(bundle), past, prepared.encoded_versions, blank)
    return MomentRecommender(past, ranker.net, ranker.sizes, retrieval)


def test_lists_are_those_of_the_evaluation_at_the_same_moment(
    run: RunFolder, prepared: Prepared, client: httpx.Client
) -> None:
    end, later = end_of(prepared), what_follows(prepared)
    before = prepared.interactions.between(ALL_TIME, end)
    whole = Interactions(
        *(np.concatenate([getattr(log, name) for log in (before, later)]) for name in vars(later))
    )
    items_A = prepared.catalog.item_V[prepared.catalog.alive_at(end)]
    for log in (before, whole):
        if log is whole:
            send(client, prepared, later)
            time.sleep(0.5)
        recommender = judged(run, prepared, log)
        users = [*busy(prepared, 12), len(prepared.user_ids), len(prepared.user_ids) + 1]
        for user in users:
            id = STRANGER if user > len(prepared.user_ids) else id_of(prepared, user)
            answer = listed(client, id)
            moment = end + 3_600_000_000
            known_1N = log.take(log.user_E == user).matrix(len(prepared.user_ids) + 2, prepared.catalog.items)
            expected = recommender.recommend(moment, np.array([user]), items_A, K, known_RN=known_1N[[user]])
            scores_K = [item["score"] for item in answer["items"]]
            np.testing.assert_allclose(scores_K, expected.scores_UK[0], atol=0.02)
            assert [item["id"] for item in answer["items"]] == [
                str(prepared.item_ids[item]) for item in expected.items_UK[0].tolist()
            ]
