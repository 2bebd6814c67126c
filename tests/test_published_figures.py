"""The check of the checker: on splits as they are given, models that learn nothing by chance reach what was
published. If one of these figures moves, protocol, metrics or model are not the published ones any more.

Without the data each test is skipped.
"""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from scipy import sparse

from dlrs.arrays import stores
from dlrs.baselines.ease import ease_recommender, fit_ease
from dlrs.baselines.gf_cf import fit_gf_cf, gf_cf_recommender
from dlrs.evaluation.protocol import lists_of
from dlrs.evaluation.static import LeftOut, StaticTest
from dlrs.metrics import ranked
from dlrs.recipe import DATA_VARIABLE
from dlrs.recommenders.recommender import Recommender
from dlrs.settings.baselines import Baselines

K = 20


def split(name: str) -> tuple[sparse.csr_array, StaticTest]:
    """Return the pairs to learn from, and the test: every user, every item but those he learned from."""
    folder = Path(os.environ.get(DATA_VARIABLE, "")) / name
    if DATA_VARIABLE not in os.environ or not folder.is_dir():
        pytest.skip(f"needs {name} in the folder that {DATA_VARIABLE} names")
    pairs = [
        [column.to_numpy() for column in pq.read_table(folder / f"{part}.parquet").columns]
        for part in ("train", "test")
    ]
    users, items = (1 + max(int(part[side].max()) for part in pairs) for side in (0, 1))
    train_UN, test_UN = (
        sparse.csr_array((np.ones(len(part[0]), dtype=np.float32), tuple(part)), shape=(users, items))
        for part in pairs
    )
    users_U, every_N = np.flatnonzero(np.diff(test_UN.indptr)), np.arange(items)
    test = StaticTest(
        users_U=users_U,
        known_UN=train_UN[users_U],
        relevant_UN=test_UN[users_U].astype(np.bool_),
        versions_A=every_N,
        items_A=every_N,
        counts_N=np.bincount(train_UN.indices, minlength=items),
        left_out=LeftOut(0, 0, 0, 0, 0),
    )
    return train_UN, test


def figures(recommender: Recommender, test: StaticTest) -> tuple[float, float]:
    """Return the means of Recall@20 and NDCG@20, whose ideal list holds min(relevant, 20) items."""
    hits_UK = stores(test.relevant_UN, lists_of("model", recommender, test, K))
    relevant_U = test.positives(np.ones_like(test.cold_N))
    return ranked.recall(hits_UK, relevant_U, K).mean(), ranked.ndcg(hits_UK, relevant_U, K).mean()


def test_gf_cf_on_gowalla() -> None:
    """Published: .1849 and .1518, with 256 singular vectors and α = .3."""
    train_UN, test = split("gowalla")
    assert (len(test.users_U), len(test.items_A), test.relevant_UN.nnz) == (29_858, 40_981, 217_242)
    model = fit_gf_cf(train_UN, Baselines(gf_cf_width=256, gf_cf_low_pass=0.3))
    recall, ndcg = figures(gf_cf_recommender(model, test.items_A), test)
    assert recall == pytest.approx(0.1850, abs=0.0005)
    assert ndcg == pytest.approx(0.1518, abs=0.0005)


def test_ease_on_movielens() -> None:
    """λ = 1000 is the best for a tenth of the training pairs; SimpleX has .2802 and .2670 published."""
    train_UN, test = split("ml1m_lcfn")
    recommender = ease_recommender(fit_ease(train_UN, Baselines(ease_regularisation=1000)), test.items_A)
    recall, ndcg = figures(recommender, test)
    assert recall == pytest.approx(0.2755, abs=0.0002)
    assert ndcg == pytest.approx(0.2674, abs=0.0002)
