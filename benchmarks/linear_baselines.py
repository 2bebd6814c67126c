"""EASE, item-kNN and GF-CF on published splits: Recall@20 and NDCG@20 beside the figures of others.

    DLRS_DATA=<data folder> python benchmarks/linear_baselines.py ml1m_lcfn gowalla
        [--regularisation 100 300 1000] [--single] [--neighbours 20 50 100] [--shrinkage 0 20]
        [--low-pass 0.3] [--validation]

The data folder holds `train` and `test`, Parquet tables of (user, item), for each name. All items
are ranked, those of training excepted. With --validation the test stays closed: a tenth of the
training pairs, drawn with seed 0, is found from the other nine. EASE is exact here: on gowalla it
inverts a matrix of 29,858 users, which takes 8 GB and a quarter of an hour; with --single, in float32, half
of both. An option without values leaves its model out.
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
from scipy import sparse

from dlrs.baselines.ease import ease_recommender, fit_ease
from dlrs.baselines.gf_cf import fit_gf_cf, gf_cf_recommender
from dlrs.baselines.item_knn import item_knn_recommender
from dlrs.baselines.scored import ScoredRecommender
from dlrs.metrics import ranked as metrics
from dlrs.settings.baselines import Baselines

Csr = sparse.csr_array
K, USERS_AT_ONCE, EXACT = 20, 512, 100_000


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    arguments.add_argument("data", nargs="+")
    arguments.add_argument("--regularisation", type=float, nargs="*", default=[200])
    arguments.add_argument("--neighbours", type=int, nargs="*", default=[30])
    arguments.add_argument("--shrinkage", type=float, nargs="*", default=[10])
    arguments.add_argument("--low-pass", type=float, nargs="*", default=[0.3])
    arguments.add_argument("--single", action="store_true")
    arguments.add_argument("--validation", action="store_true")
    options = arguments.parse_args()
    settings = [
        *(
            Baselines(ease_size=EXACT, ease_regularisation=value, ease_single=options.single)
            for value in options.regularisation
        ),
        *(
            Baselines(item_knn_neighbours=count, item_knn_shrinkage=value)
            for count in options.neighbours
            for value in options.shrinkage
        ),
        *(Baselines(models=("most popular", "GF-CF"), gf_cf_low_pass=value) for value in options.low_pass),
    ]
    print(f"{'data':14}{'model':38}{'Recall@20':>10}{'NDCG@20':>10}{'fit s':>8}{'rank s':>8}")
    for name in options.data:
        train_UN, test_UN = read(Path(os.environ["DLRS_DATA"]) / name)
        if options.validation:
            train_UN, test_UN = hold_out(train_UN)
        for each in settings:
            started = time.perf_counter()
            label, recommender = fit(train_UN, each)
            fitted = time.perf_counter()
            recall, ndcg = judge(recommender, train_UN, test_UN)
            ranked = time.perf_counter()
            print(
                f"{name:14}{label:38}{recall:10.4f}{ndcg:10.4f}{fitted - started:8.1f}{ranked - fitted:8.1f}",
                flush=True,
            )


def fit(train_UN: Csr, settings: Baselines) -> tuple[str, ScoredRecommender]:
    items_A = np.arange(train_UN.shape[1])
    if settings.ease_size == EXACT:
        model = ease_recommender(fit_ease(train_UN, settings), items_A)
        return f"EASE, λ = {settings.ease_regularisation:g}", model
    if "CF" not in settings.models:
        graph = gf_cf_recommender(fit_gf_cf(train_UN, settings), items_A)
        return f"GF-CF, {settings.gf_cf_width}, α = {settings.gf_cf_low_pass:g}", graph
    label = f"item-kNN, {settings.item_knn_neighbours}, shrinkage {settings.item_knn_shrinkage:g}"
    return label, item_knn_recommender(train_UN, items_A, settings)


def judge(recommender: ScoredRecommender, train_UN: Csr, test_UN: Csr) -> tuple[float, float]:
    """Return the means of Recall@20 and NDCG@20 over the users with something to find."""
    users_U = np.flatnonzero(np.diff(test_UN.indptr))
    values = np.concatenate(
        [np.stack(block) for block in _judged(recommender, train_UN, test_UN, users_U)], axis=1
    )
    recall, ndcg = values.mean(axis=1)
    return recall, ndcg


def _judged(
    recommender: ScoredRecommender, train_UN: Csr, test_UN: Csr, users_U: np.ndarray
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    for start in range(0, len(users_U), USERS_AT_ONCE):
        users_B = users_U[start : start + USERS_AT_ONCE]
        ranking = recommender.recommend(users_B, K, known_UN=train_UN[users_B])
        relevant_BN = test_UN[users_B].toarray() > 0
        hits_BK = np.take_along_axis(relevant_BN, ranking.items_UK, axis=1)
        relevant_B = relevant_BN.sum(axis=1)
        yield metrics.recall(hits_BK, relevant_B, K), metrics.ndcg(hits_BK, relevant_B, K)


def read(folder: Path) -> tuple[Csr, Csr]:
    tables = [
        [column.to_numpy() for column in pq.read_table(folder / f"{part}.parquet").columns]
        for part in ("train", "test")
    ]
    shape = tuple(int(max(part.max() for part in parts)) + 1 for parts in zip(*tables, strict=True))
    train_UN, test_UN = (Csr((np.ones(len(pairs[0])), tuple(pairs)), shape=shape) for pairs in tables)
    for matrix in (train_UN, test_UN):
        matrix.data[:] = 1
    return train_UN, test_UN


def hold_out(train_UN: Csr) -> tuple[Csr, Csr]:
    pairs = train_UN.tocoo()
    held_E = np.random.default_rng(0).random(pairs.nnz) < 0.1
    kept, held = (
        Csr((pairs.data[part], (pairs.row[part], pairs.col[part])), shape=train_UN.shape)
        for part in (~held_E, held_E)
    )
    return kept, held


if __name__ == "__main__":
    main()
