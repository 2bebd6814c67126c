"""Our recommender, through the contract that the baselines pass, and what is its own."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import numpy as np
import pytest
from scipy import sparse

from baselines.planted import ITEMS, SPACE, STRANGER, TWINS, USERS, plant
from contracts.recommender import Case, RecommenderContract
from dlrs.arrays import Ints
from dlrs.candidates.histories import Histories
from dlrs.candidates.retrieval import Retrieval
from dlrs.candidates.vectors import ItemVectors
from dlrs.data.interactions import Interactions
from dlrs.features.rows import EncodedRows
from dlrs.model.forward import Nets
from dlrs.recommenders.recommender import TwoStageRecommender
from dlrs.settings.candidates import Candidates

PLANTED = plant()


def _nets() -> Nets:
    import torch

    from dlrs.model.network import Network, without_torch

    torch.manual_seed(0)
    return without_torch(Network(SPACE, bias_init="normal"))


NETS = _nets()


def _histories() -> Histories:
    """Return the training events, each as often as it was counted, in no order of time."""
    counts = PLANTED.train_UN.tocoo()
    event = np.repeat(np.arange(counts.nnz), counts.data.astype(np.int64))
    user_E, item_E = counts.row[event].astype(np.int64), counts.col[event].astype(np.int64)
    log = Interactions(user_E, item_E, item_E, np.zeros_like(item_E), np.arange(len(item_E)))
    return Histories.collect(log, USERS, np.ones(1), PLANTED.versions)


AUDIENCE = replace(PLANTED.audience, histories=_histories())


def _build(items_A: Ints, count: int = 1000, strategy: str = "direct") -> TwoStageRecommender:
    rows = PLANTED.version_of_N[items_A]
    blank = EncodedRows.blank(1, SPACE, side="item")
    versions = EncodedRows.concatenate([PLANTED.versions, blank])
    items = NETS.embed_items(versions.take(np.where(rows >= 0, rows, len(PLANTED.versions))))
    settings = Candidates.model_validate({"count": count, "strategy": strategy})
    vectors = ItemVectors(items.embedding_ND, settings.metric)
    retrieval = Retrieval.build(vectors, settings, np.asarray(PLANTED.train_UN.sum(axis=0))[items_A])
    return TwoStageRecommender(NETS, items, items_A, AUDIENCE, settings, retrieval)


class TestTwoStage(RecommenderContract):
    @pytest.fixture
    def case(self) -> Case:
        return Case(build=_build, users=USERS, items=ITEMS, twins=TWINS, stranger=STRANGER)


@pytest.mark.parametrize("strategy", ["pseudo-user", "cluster", "mixed"])
class TestOtherStrategies(RecommenderContract):
    @pytest.fixture
    def case(self, strategy: str) -> Case:
        build = partial(_build, strategy=strategy)
        return Case(build=build, users=USERS, items=ITEMS, twins=TWINS, stranger=STRANGER)


@pytest.mark.parametrize("strategy", ["pseudo-user", "cluster", "mixed"])
def test_candidates_are_those_that_are_ranked(strategy: str) -> None:
    """Asked step by step, as a comparison of strategies asks, it finds what `recommend` ranks."""
    items_A, users_U, known_UN = np.arange(2, ITEMS), np.arange(USERS), PLANTED.train_UN
    recommender = _build(items_A, count=6, strategy=strategy)
    histories = _histories().take(users_U)
    askers = recommender.askers(AUDIENCE.take(users_U), histories)
    found_UT = items_A[recommender.candidates(askers, 6, known_UN=known_UN).positions_UT]
    ranked_UT = recommender.recommend(users_U, 6, known_UN=known_UN).items_UK
    np.testing.assert_array_equal(np.sort(ranked_UT, axis=1), np.sort(found_UT, axis=1))
    direct_UT = _build(items_A, count=6).recommend(users_U, 6, known_UN=known_UN).items_UK
    differ_U = (np.sort(direct_UT, axis=1) != np.sort(ranked_UT, axis=1)).any(axis=1)
    assert differ_U.any()
    if strategy == "pseudo-user":  # who has no history is asked about by his own vector
        assert not differ_U[~histories.any_U].any()


def test_only_the_nearest_are_ranked() -> None:
    """T candidates by cosine to e_u, ordered by RankNet: the list is the T nearest, in another order."""
    users_U = np.arange(USERS)
    nothing = sparse.csr_array((USERS, ITEMS), dtype=np.float32)
    few = _build(np.arange(ITEMS), count=5).recommend(users_U, 5, known_UN=nothing)
    recommender = _build(np.arange(ITEMS))
    queries_UD = NETS.embed_users(PLANTED.audience.take(users_U)).embedding_ND
    nearest_UT, _ = recommender.index.propose(queries_UD, 5)
    assert [set(row) for row in few.items_UK.tolist()] == [set(row) for row in nearest_UT.tolist()]
    full = recommender.recommend(users_U, ITEMS, known_UN=nothing).items_UK
    for few_K, full_K in zip(few.items_UK.tolist(), full.tolist(), strict=True):
        assert few_K == [item for item in full_K if item in set(few_K)]


def test_equal_scores_come_by_item_row_however_near_they_are() -> None:
    indifferent = dict(NETS.weights) | {
        name: np.zeros_like(NETS.weights[name]) for name in ("rank_net.output.weight", "rank_net.output.bias")
    }
    items = Nets(SPACE, indifferent).embed_items(PLANTED.versions)
    recommender = TwoStageRecommender(
        Nets(SPACE, indifferent), items, np.arange(len(items)), PLANTED.audience, Candidates()
    )
    nothing = sparse.csr_array((1, len(items)), dtype=np.float32)
    listed = recommender.recommend(np.array([0]), len(items), known_UN=nothing).items_UK[0]
    assert listed.tolist() == list(range(len(items)))


def test_more_are_ranked_when_more_are_asked_for() -> None:
    nothing = sparse.csr_array((1, ITEMS), dtype=np.float32)
    ranking = _build(np.arange(ITEMS), count=5).recommend(np.array([0]), 12, known_UN=nothing)
    assert len(set(ranking.items_UK[0].tolist())) == 12


def test_items_outside_of_the_catalogue_score_minus_infinity() -> None:
    recommender = _build(np.array([2, 4]))
    scores_P = recommender.score(np.zeros(4, dtype=np.int64), np.array([0, 2, 3, 39]))
    assert np.isneginf(scores_P).tolist() == [True, False, True, True]
