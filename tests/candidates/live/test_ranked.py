"""What a live index finds is ranked as what a fixed catalogue's index finds."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from scipy import sparse

from baselines.planted import SPACE, USERS, plant
from dlrs.candidates.live.items import decoded
from dlrs.candidates.live.live_index import LiveIndex
from dlrs.model.forward import Nets
from dlrs.ranking.ranker import rank
from dlrs.recommenders.recommender import TwoStageRecommender
from dlrs.settings.candidates import Candidates

PLANTED = plant()
SETTINGS = Candidates(count=12)
K = 8


def _nets() -> Nets:
    import torch

    from dlrs.model.network import Network, without_torch

    torch.manual_seed(0)
    return without_torch(Network(SPACE, bias_init="normal"))


def test_the_lists_are_those_of_a_fixed_catalogue(tmp_path: Path) -> None:
    """Half of the items are there from the beginning, the others come, each user knows some."""
    nets, users_U = _nets(), np.arange(USERS)
    items = nets.embed_items(PLANTED.versions)
    N = len(items)
    known_UN = sparse.csr_array(np.random.default_rng(0).random((USERS, N)) < 0.2, dtype=np.float32)
    fixed = TwoStageRecommender(nets, items, np.arange(N), PLANTED.audience, SETTINGS)
    expected = fixed.recommend(users_U, K, known_UN=known_UN)

    ids, users = [f"{row:03d}" for row in range(N)], nets.embed_users(PLANTED.audience.take(users_U))
    known = [[ids[row] for row in known_UN[[user]].indices] for user in users_U]
    LiveIndex.create(tmp_path / "live", ids[::2], items.take(np.arange(0, N, 2)), SETTINGS)
    with LiveIndex.open(tmp_path / "live") as live:
        live.upsert(ids[1::2], items.take(np.arange(1, N, 2)))
        found = live.search(users.embedding_ND, SETTINGS.count, known=known)
    halves = nets.item_halves(found.items.representations)
    positions_UK, logits_UK = rank(nets, users, halves, found.candidates, K)
    np.testing.assert_allclose(logits_UK, expected.scores_UK, rtol=1e-5, atol=1e-6)
    for user in users_U:  # of equals, whichever
        rows_K = np.array([ids.index(id) for id in decoded(found.items.ids_N[positions_UK[user]])])
        assert len(set(rows_K)) == K
        scores_K = fixed.score(np.full(K, user), rows_K)
        np.testing.assert_allclose(scores_K, expected.scores_UK[user], rtol=1e-5, atol=1e-6)
