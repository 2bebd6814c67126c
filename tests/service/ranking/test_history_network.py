"""A bundle with a history network: published, rehearsed, asked offline, and served with the same lists.

Once without a second opinion beside it and once with one.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from dlrs import pipeline
from dlrs.candidates.live.items import encoded
from dlrs.candidates.retrieval import Retrieval
from dlrs.candidates.vectors import ItemVectors
from dlrs.errors import ArtifactError
from dlrs.fitting import held_back
from dlrs.fitting.held_back import Beside, HeldBack
from dlrs.folders import RunFolder
from dlrs.model.history_forward import HistoryNets
from dlrs.model.low_pass import LowPass
from dlrs.model.nets import open_nets
from dlrs.prepared import open_prepared
from dlrs.publishing.published import open_current
from dlrs.recommenders.recommender import Audience, TwoStageRecommender
from dlrs.service.candidates.catalogue import Catalogue
from dlrs.service.candidates.finding import represent
from dlrs.service.metrics import Metrics
from dlrs.service.replaying import replay
from dlrs.service.stores import ItemChange
from dlrs.simulator.settings import Simulation
from service.candidates.fakes import MemoryItems
from service.ranking.conftest import User
from service.ranking.fakes import FakeItemStore, Stage, known_1N, open_world, stored
from small_run import NARROW, small_run


@pytest.fixture(scope="module", params=["alone", "second opinion", "partner"])
def run(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    settings = Simulation(users=150, items=1000, network="history")
    folder = tmp_path_factory.mktemp("history")
    with pytest.MonkeyPatch.context() as patch:
        if request.param != "alone":  # kept whatever they are worth: so small a log knows little of that
            patch.setattr(held_back, "NEW", 1)
            patch.setattr(held_back.HeldBack, "beside", weighed)
            patch.setattr(held_back.HeldBack, "partner", lambda _, __, others, **___: (min(others), 0.5))
        best = {'reading = "set" ': 'reading = "best"'} if request.param == "partner" else {}
        run = small_run(folder, settings, NARROW | best | {"epochs = 10": "epochs = 2"})
    nets = open_nets(run.trained / "refit")
    assert isinstance(nets, HistoryNets)
    assert (nets.low_pass is None) == (request.param == "alone")
    assert (nets.partner is not None) == (request.param == "partner")
    return run


beside = held_back.HeldBack.beside


def weighed(judge: HeldBack, nets: HistoryNets, low_pass: LowPass | None, *, prior: bool) -> Beside:
    assert low_pass is not None
    return beside(judge, nets, None, prior=prior)._replace(low_pass=replace(low_pass, weight=2.0))


@pytest.fixture
def stage(run: RunFolder) -> Iterator[Stage]:
    stage = Stage(*open_world(run))
    yield stage
    stage.service.stop()


@pytest.fixture
def user(run: RunFolder) -> User:
    prepared = open_prepared(run.prepared)
    rows_U = np.flatnonzero(prepared.profile_of_QU[prepared.serving_period] >= 0)
    return User(prepared, int(rows_U[0]))


def test_lists_equal_the_recommenders(run: RunFolder, stage: Stage) -> None:
    prepared = open_prepared(run.prepared)
    rows_U = np.flatnonzero(prepared.profile_of_QU[prepared.serving_period] >= 0)[:8]
    users = [User(prepared, int(row)) for row in rows_U]
    stage.profiles.known = {user.id: user.profile(stage.bundle) for user in users}
    nets, settings = stage.bundle.nets, stage.bundle.recipe.candidates
    assert isinstance(nets, HistoryNets)
    items = stored(stage.published).representations
    assert np.unique(items.wide_N).size > 100  # each has its own prior
    retrieval = Retrieval.build(ItemVectors(items.embedding_ND, settings.metric), settings)
    nobody = Audience.empty(nets.space)
    judged = TwoStageRecommender(nets, items, np.arange(len(items)), nobody, settings, retrieval)
    for user in users:
        known = known_1N(stage.published, stage.profiles.known[user.id].known_ids)
        expected = judged.recommend_to(user.encoded, 10, known_UN=known, histories=user.histories)
        answer = stage.service.recommend(user.id, 10)
        np.testing.assert_allclose(
            [item.score for item in answer.items], expected.scores_UK[0], rtol=1e-4, atol=1e-4
        )
        assert [item.id for item in answer.items] == [stage.ids()[row] for row in expected.items_UK[0]]


def test_a_new_version_of_an_item_keeps_its_prior_and_a_new_item_has_that_of_one(
    stage: Stage, tmp_path: Path
) -> None:
    nets, store = stage.bundle.nets, MemoryItems()
    assert isinstance(nets, HistoryNets)
    assert nets.prior is not None
    items, ids = stored(stage.published).representations, stage.ids()
    first, second = (int(row) for row in np.argsort(items.wide_N)[[0, -1]])
    catalogue = Catalogue.open(stage.bundle, tmp_path, store, Metrics())
    raw = catalogue.items.features([ids[second]])[ids[second]]
    store.put({ids[first]: raw, "came": raw}, catalogue.items_as_of + 1)
    catalogue.catch_up()
    found = represent(catalogue, encoded([ids[first], ids[second], "came"]))
    catalogue.close()
    now = dict(zip(found.ids, found.items.wide_N.tolist(), strict=True))
    assert now[ids[first]] == items.wide_N[first]
    assert now["came"] == pytest.approx(nets.prior.new)
    by_id = dict(zip(found.ids, found.items.embedding_ND, strict=True))
    np.testing.assert_allclose(by_id[ids[first]], by_id[ids[second]], atol=1e-5)


def test_a_replay_knows_the_prior_of_an_item_that_changed(run: RunFolder, stage: Stage, user: User) -> None:
    stage.profiles.known[user.id] = user.profile(stage.bundle)
    stage.candidates.seq = 1
    answer = stage.service.recommend(user.id, 10)
    changed, watermark = answer.items[2], int(stage.bundle.watermark.timestamp() * 1e6)
    store = FakeItemStore([ItemChange(1, changed.id, changed.features, watermark + 1)])
    found = replay(stage.decisions.kept[answer.decision_id], run.registry, store)
    assert found.equal
    assert dict(found.again)[changed.id] == pytest.approx(changed.score, abs=1e-4)


def test_an_event_moves_the_list_of_its_user(stage: Stage, user: User) -> None:
    profile = user.profile(stage.bundle)
    stage.profiles.known[user.id] = profile
    before = [(item.id, item.score) for item in stage.service.recommend(user.id, 10).items]
    met = replace(profile.history[0], time=profile.history[-1].time + 1)
    stage.profiles.known[user.id] = replace(profile, history=[*profile.history, met], version="2")
    after = [(item.id, item.score) for item in stage.service.recommend(user.id, 10).items]
    assert before != after


def test_a_user_whose_events_are_gone_and_a_stranger_get_lists(stage: Stage, user: User) -> None:
    profile = user.profile(stage.bundle)
    for version, history in enumerate(((), profile.history[:1])):
        stage.profiles.known[user.id] = replace(profile, history=history, version=str(version))
        assert len(stage.service.recommend(user.id, 10).items) == 10
    assert len(stage.service.recommend("never seen", 10).items) == 10


def test_all_users_offline(run: RunFolder, tmp_path: Path) -> None:
    prepared = open_prepared(run.prepared)
    published = open_current(run.registry, prepared.encoding)
    assert isinstance(published.recommender.nets, HistoryNets)
    facts = pipeline.recommend_all(run.prepared, run.registry, tmp_path / "lists.parquet", 5)
    assert facts["users"] > 50
    row = int(np.flatnonzero(prepared.profile_of_QU[prepared.serving_period] >= 0)[0])
    assert len(pipeline.recommend(run.prepared, run.registry, prepared.user_ids[row].as_py(), 5).items) == 5


def test_onnx_is_refused_before_anything_is_written(run: RunFolder, tmp_path: Path) -> None:
    with pytest.raises(ArtifactError, match="Publish without --onnx"):
        pipeline.publish(run.prepared, run.trained, tmp_path / "registry", onnx=True)
    assert not (tmp_path / "registry").exists()
