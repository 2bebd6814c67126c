"""The history network as first stage of the ranker of a moment: what served it is what it scores."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from dlrs.candidates.histories import histories_before
from dlrs.contenders.moment import Learning, MomentModels
from dlrs.data.interactions import Interactions
from dlrs.features.rows import EncodedRows
from dlrs.model.history_forward import HistoryNets
from dlrs.model.history_net import HistoryNet
from dlrs.prepared import Prepared
from dlrs.preparing import prepare
from dlrs.ranking.past import Items, Past, windows_of
from dlrs.ranking.requests import Requests
from dlrs.ranking.shortlist import Shortlists, Sizes
from dlrs.recipe import read_recipe
from dlrs.recommenders.moment_history import HistoryRetrieval
from dlrs.settings.training import History
from dlrs.simulator.marketplace import Simulation, simulate
from dlrs.training.ranking import Settings

SETTINGS = History(width=8, length=5, minimum_uses=1)


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Prepared:
    folder: Path = tmp_path_factory.mktemp("market")
    simulate(Simulation(users=60, items=600, weeks=3, seed=3), folder)
    (folder / "prepared").mkdir()
    return prepare(read_recipe(folder / "recipe.toml"), folder, folder / "prepared")


@pytest.fixture(scope="module")
def nets(prepared: Prepared) -> HistoryNets:
    torch.manual_seed(0)
    space = prepared.encoding.space
    types = len(prepared.recipe.marketplace.interaction_types)
    network = HistoryNet(space, SETTINGS, torch.ones(space.columns), types).eval()
    weights = {name: tensor.detach().numpy() for name, tensor in network.state_dict().items()}
    return HistoryNets(space, SETTINGS, weights)


def over(prepared: Prepared, nets: HistoryNets, log: Interactions) -> HistoryRetrieval:
    past = Past(log, Items.of(prepared), windows=windows_of(prepared.interactions))
    blank = EncodedRows.blank(len(prepared.user_ids), prepared.encoding.space, side="user")
    return HistoryRetrieval(nets, past, prepared.encoded_versions, blank)


def test_users_are_what_they_are_at_a_cut(prepared: Prepared, nets: HistoryNets) -> None:
    cut = int(prepared.starts_Q[-1])
    users_U = np.arange(len(prepared.user_ids))
    asked = Requests(users_U, np.full(len(users_U), cut))
    histories = histories_before(prepared, cut)
    active_U = np.flatnonzero(np.diff(histories.offsets_U1) >= nets.events)  # the window has all
    blank = EncodedRows.blank(len(active_U), prepared.encoding.space, side="user")
    expected = nets.embed_users(blank, histories.take(active_U).tokens(nets)).embedding_ND
    found = over(prepared, nets, prepared.interactions).embed(asked)
    np.testing.assert_allclose(found[active_U], expected, atol=1e-5)


def test_the_nearest_are_alive_unknown_and_have_the_highest_scores(
    prepared: Prepared, nets: HistoryNets
) -> None:
    retrieval, cut = over(prepared, nets, prepared.interactions), int(prepared.starts_Q[-1])
    log, catalog = prepared.interactions, prepared.catalog
    asked = Requests(np.array([3, 8]), np.array([cut, cut - 10**12]))
    for row, moment in enumerate(asked.moment_R.tolist()):
        met = log.item_E[(log.user_E == asked.user_R[row]) & (log.time_E < moment)]
        assert len(met)
        version_A = catalog.alive_at(moment)
        version_A = version_A[~np.isin(catalog.item_V[version_A], met)]
        one = asked.take(np.array([row]))
        vectors_AD = nets.embed_items(prepared.encoded_versions.take(version_A)).embedding_ND
        order_A = np.argsort(-(vectors_AD @ retrieval.embed(one)[0]), kind="stable")
        expected = catalog.item_V[version_A[order_A[:5]]]
        assert len(expected) == 5
        np.testing.assert_array_equal(retrieval.nearest(one, 5)[0], expected)


def test_what_comes_at_the_moment_changes_nothing(prepared: Prepared, nets: HistoryNets) -> None:
    log, cut = prepared.interactions, int(prepared.starts_Q[-1])
    asked = Requests(np.arange(20), np.full(20, cut))
    items_RC = np.tile(np.arange(10), (20, 1))
    whole, before = over(prepared, nets, log), over(prepared, nets, log.between(-(10**18), cut))
    np.testing.assert_array_equal(whole.scores(asked, items_RC), before.scores(asked, items_RC))
    np.testing.assert_array_equal(whole.nearest(asked, 7), before.nearest(asked, 7))


def test_it_proposes_and_its_score_is_learned_from(prepared: Prepared, nets: HistoryNets) -> None:
    since = int(prepared.starts_Q[prepared.validation_period])
    ranker = Settings(sizes=Sizes(10, 10, 10, nearest=15), negatives=10, hidden=4, epochs=1)
    blank = EncodedRows.blank(len(prepared.user_ids), prepared.encoding.space, side="user")
    models = MomentModels(
        prepared,
        Learning(requests=60, ranker=ranker),
        retrieval=lambda past: HistoryRetrieval(nets, past, prepared.encoded_versions, blank),
        since=since,
    )
    cut = int(prepared.starts_Q[-1])
    alone = MomentModels(prepared, replace(models.learning)).live(cut, step=1, delay=1)
    both = models.live(cut, step=1, delay=1)
    assert both.net.features == alone.net.features + 1
    asked = Requests(np.arange(30), np.full(30, cut))
    proposed = Shortlists(models.past, ranker.sizes, models.retrieval)(asked)
    assert (proposed >= 0).sum() > (Shortlists(models.past, ranker.sizes)(asked) >= 0).sum()
