"""Our WARP against LightFM's: the same inputs, width, epochs and learning rate.

    python -m venv lightfm-venv && . lightfm-venv/bin/activate
    pip install torch==2.13.0 && pip install -e '.[train]' lightfm-next==1.19.0    # needs a C compiler
    DLRS_DATA=<data folder> python benchmarks/warp_against_lightfm.py [--seeds 3]

`planted` is made here: users like two of 20 groups of items; a tenth of the items is left out of
training and tested, to be found by features. The data folder holds `ml1m_lcfn` (ids alone) and
`xing2017_subset` (features, test on items that nobody met), Parquet tables of (user, item) and
(user or item, feature, value); what is absent is left out. Precision@10 is a mean over users, in %;
± is the standard deviation over seeds. Speed is positives a second, two threads.
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
from lightfm import LightFM
from scipy import sparse

from dlrs.arrays import AnyArray, Ints
from dlrs.baselines.factors import FactorRecommender
from dlrs.baselines.warp import train_warp

Csr = sparse.csr_array
FACTORS, EPOCHS, LEARNING_RATES, THREADS, K = 64, 10, (0.01, 0.03), 2, 10


@dataclass(frozen=True)
class World:
    """What is learned from, and what to find among `items_A`."""

    name: str
    train_UN: Csr
    test_UN: Csr
    users_UH: Csr  # what describes a user: his id, his features
    items_NJ: Csr
    items_A: Ints


Embeddings = tuple[AnyArray, AnyArray]  # of the inputs of users (H, D) and of items (J, D + 1), bias last


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    arguments.add_argument("--seeds", type=int, default=3)
    seeds = arguments.parse_args().seeds
    print(f"d = {FACTORS}, {EPOCHS} epochs, {seeds} seeds, load {os.getloadavg()[0]:.1f}\n")
    print(f"{'data':22}{'rate':>6}  {'model':10}{'P@10 %':>14}{'positives/s':>14}")
    for world in worlds():
        for rate in LEARNING_RATES:
            for name, fit in (("LightFM", fit_lightfm), ("ours", fit_ours)):
                precisions, speeds = zip(
                    *(measure(fit, world, rate, seed) for seed in range(seeds)), strict=True
                )
                shown = f"{np.mean(precisions):.2f} ± {np.std(precisions):.2f}"
                print(
                    f"{world.name:22}{rate:>6}  {name:10}{shown:>14}{np.median(speeds):>14,.0f}", flush=True
                )


def measure(
    fit: Callable[[World, float, int], Embeddings], world: World, rate: float, seed: int
) -> tuple[float, float]:
    """Return Precision@10 in % over the users with something to find, and positives a second."""
    started = time.perf_counter()
    users_HD, items_JD = fit(world, rate, seed)
    speed = world.train_UN.nnz * EPOCHS / (time.perf_counter() - started)
    items_AD = world.items_NJ[world.items_A] @ items_JD
    recommender = FactorRecommender(
        world.items_A, world.users_UH @ users_HD, items_AD[:, :-1], items_AD[:, -1]
    )
    users_U = np.flatnonzero(np.diff(world.test_UN.indptr))
    ranking = recommender.recommend(users_U, K, known_UN=world.train_UN[users_U])
    relevant_UN = world.test_UN[users_U].toarray() > 0
    return 100 * float(np.take_along_axis(relevant_UN, ranking.items_UK, axis=1).mean()), speed


def fit_ours(world: World, rate: float, seed: int) -> Embeddings:
    return train_warp(
        world.train_UN,
        world.users_UH,
        world.items_NJ,
        factors=FACTORS,
        epochs=EPOCHS,
        learning_rate=rate,
        seed=seed,
    )


def fit_lightfm(world: World, rate: float, seed: int) -> Embeddings:
    """Fit on the items of training alone, so that no test item is a negative: nor is it for ours."""
    met = np.unique(world.train_UN.indices)
    model: Any = LightFM(no_components=FACTORS, loss="warp", learning_rate=rate, random_state=seed)
    model.fit(
        sparse.coo_matrix(world.train_UN[:, met]),
        user_features=sparse.csr_matrix(world.users_UH),
        item_features=sparse.csr_matrix(world.items_NJ[met]),
        epochs=EPOCHS,
        num_threads=THREADS,
    )
    return model.user_embeddings, np.column_stack([model.item_embeddings, model.item_biases])


def worlds() -> Iterator[World]:
    yield from planted()
    data = Path(os.environ["DLRS_DATA"])
    if (data / "ml1m_lcfn").exists():
        yield movielens(data / "ml1m_lcfn")
    if (data / "xing2017_subset").exists():
        yield from xing(data / "xing2017_subset")


def planted(users: int = 3000, items: int = 2000, groups: int = 20) -> Iterator[World]:
    rng = np.random.default_rng(0)
    group_N = rng.integers(0, groups, items)
    likes_UG = np.full((users, groups), 0.1 / groups)
    for _ in range(2):
        likes_UG[np.arange(users), rng.integers(0, groups, users)] += 0.45
    p_UN = likes_UG[:, group_N] * (rng.permutation(items) + 3.0) ** -0.7
    taken_UN = rng.random((users, items)) < 40 * p_UN / p_UN.sum(axis=1, keepdims=True)
    test_UN = taken_UN & (rng.random((users, items)) < 0.2)
    cold_N = rng.random(items) < 0.1
    features_NG = np.eye(groups)[group_N]
    shares_UG = (taken_UN & ~cold_N) @ features_NG
    shares_UG /= np.maximum(shares_UG.sum(axis=1, keepdims=True), 1)
    ids = (_with_ids(Csr((users, 0))), _with_ids(Csr((items, 0))))
    yield World("planted, ids", Csr((taken_UN & ~test_UN) * 1.0), Csr(test_UN * 1.0), *ids, np.arange(items))
    described = (_with_ids(Csr(shares_UG)), _with_ids(Csr(features_NG)))
    cold_UN = taken_UN & cold_N
    yield World(
        "planted, new items",
        Csr((taken_UN & ~cold_N) * 1.0),
        Csr(cold_UN * 1.0),
        *described,
        np.flatnonzero(cold_N),
    )


def movielens(folder: Path) -> World:
    train, test = (_columns(folder / f"{name}.parquet") for name in ("train", "test"))
    users, items = (int(max(a.max(), b.max())) + 1 for a, b in zip(train, test, strict=True))
    ids = (_with_ids(Csr((users, 0))), _with_ids(Csr((items, 0))))
    shape = (users, items)
    return World("ml1m_lcfn, ids", _pairs(train, shape), _pairs(test, shape), *ids, np.arange(items))


def xing(folder: Path) -> Iterator[World]:
    warm, cold, of_users, of_items = (
        _columns(folder / f"{name}.parquet") for name in ("warm", "cold", "user_features", "item_features")
    )
    users = int(max(part[0].max() for part in (warm, cold, of_users))) + 1
    items = int(max(warm[1].max(), cold[1].max(), of_items[0].max())) + 1
    place = np.isin(of_items[1], (794, 795))  # look like latitude and longitude, not normalised
    users_UK = Csr((of_users[2], (of_users[0], of_users[1])), shape=(users, int(of_users[1].max()) + 1))
    items_NK = Csr(
        (of_items[2][~place], (of_items[0][~place], of_items[1][~place])),
        shape=(items, int(of_items[1].max()) + 1),
    )
    described = (_with_ids(users_UK), _with_ids(items_NK))
    train_UN, test_UN = (_pairs(part, (users, items)) for part in (warm, cold))
    yield World("xing, new items", train_UN, test_UN, *described, np.unique(cold[1]).astype(np.int64))
    divided = [
        Csr(sparse.diags_array(1 / np.abs(part).sum(axis=1)) @ part, dtype=np.float32) for part in described
    ]
    yield World("xing, sums of 1", train_UN, test_UN, *divided, np.unique(cold[1]).astype(np.int64))


def _columns(file: Path) -> list[AnyArray]:
    return [column.to_numpy() for column in pq.read_table(file).columns]


def _pairs(columns: list[AnyArray], shape: tuple[int, int]) -> Csr:
    matrix_UN = Csr((np.ones(len(columns[0]), dtype=np.float32), tuple(columns)), shape=shape)
    matrix_UN.data[:] = 1
    return matrix_UN


def _with_ids(features: Csr) -> Csr:
    ids = sparse.eye_array(features.shape[0], format="csr")
    return Csr(sparse.hstack([ids, features], format="csr"), dtype=np.float32)


if __name__ == "__main__":
    main()
