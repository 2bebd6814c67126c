"""How long an evaluation takes: exact retrieval over all items, RankNet on T = 1,000, checks, metrics.

    python benchmarks/evaluation_speed.py [--users 10000] [--items 100000]

The network is the thesis's: 6 continuous and 15 categorical features with 3,271 values, about 100
entries a user. Weights, features and histories are random, for only time counts; how many items a user
knows follows the thesis's figures (median 30, mean 65, most 5,235). The parts are shown by wall time and
by the processor time of all threads: on a busy machine only the second one compares.
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from scipy import sparse
from training_speed import ENTRIES_F, SPACE, synthetic_rows

from dlrs.arrays import Ints
from dlrs.evaluation.judged import Yardsticks, evaluate
from dlrs.evaluation.pairs import balanced_pairs
from dlrs.evaluation.static import LeftOut, StaticTest
from dlrs.features.similarity import unit_rows
from dlrs.model.network import Network, without_torch
from dlrs.recipe import Candidates
from dlrs.recommender import Audience, TwoStageRecommender

KS = (1, 5, 10, 30, 100)
SETTINGS = Candidates(count=1000)
MEDIAN_KNOWN, SPREAD, MOST_KNOWN = 30, 1.25, 5235  # of a log-normal distribution with a mean of 65
RELEVANT = 20


class Clock:
    """Wall and processor seconds of functions, summed over their calls."""

    def __init__(self) -> None:
        self.seconds: dict[str, tuple[float, float]] = {}

    def timed(self, name: str, function: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any, **options: Any) -> Any:
            wall, processor = time.perf_counter(), time.process_time()
            try:
                return function(*arguments, **options)
            finally:
                before = self.seconds.get(name, (0.0, 0.0))
                taken = time.perf_counter() - wall, time.process_time() - processor
                self.seconds[name] = before[0] + taken[0], before[1] + taken[1]

        return call


def some_items(counts_U: Ints, items: int, rng: np.random.Generator) -> sparse.csr_array:
    """Return a matrix that stores about so many random items of each user."""
    row_E = np.repeat(np.arange(len(counts_U)), counts_U)
    stored = (np.ones(len(row_E), dtype=np.bool_), (row_E, rng.integers(0, items, len(row_E))))
    return sparse.csr_array(stored, shape=(len(counts_U), items))


def synthetic_test(users: int, items: int, rng: np.random.Generator) -> StaticTest:
    drawn_U = np.exp(np.log(MEDIAN_KNOWN) + SPREAD * rng.standard_normal(users))
    known_U = np.clip(drawn_U.round().astype(np.int64), 1, MOST_KNOWN)
    known_U[0] = MOST_KNOWN  # whom every block's width must not follow
    return StaticTest(
        users_U=np.arange(users),
        known_UN=some_items(known_U, items, rng),
        relevant_UN=some_items(np.full(users, RELEVANT), items, rng),
        versions_A=np.arange(items),
        items_A=np.arange(items),
        counts_N=np.ones(items, dtype=np.int64),
        left_out=LeftOut(0, 0, 0, 0, 0),
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--users", type=int, default=10_000)
    parser.add_argument("--items", type=int, default=100_000)
    options = parser.parse_args()
    torch.manual_seed(0)
    rng = np.random.default_rng(0)
    test = synthetic_test(options.users, options.items, rng)
    profiles = synthetic_rows(options.users, ENTRIES_F, 12, rng)
    versions = synthetic_rows(options.items, (1,) * 15, 6, rng)
    nets, clock = without_torch(Network(SPACE)), Clock()
    print(f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}; |e| = {SPACE.width}, T = {SETTINGS.count}")
    known_U = np.diff(test.known_UN.indptr)
    print(
        f"{options.users:,} users, {options.items:,} items; a user knows {np.median(known_U):.0f} (median), "
        f"{known_U.mean():.0f} (mean), at most {known_U.max():,}\n"
    )

    def build() -> TwoStageRecommender:
        audience = Audience(profiles, np.arange(options.users), SPACE)
        return TwoStageRecommender(nets, nets.embed_items(versions), test.items_A, audience, SETTINGS)

    recommender = clock.timed("ItemNet on all items, index", build)()
    index: Any = recommender.index
    index.propose = clock.timed("  of it: exact index", index.propose)
    nets.logits = clock.timed("  of it: RankNet", nets.logits)  # type: ignore[method-assign]
    yardsticks = Yardsticks(
        primitive="ours",
        unit_AK=unit_rows(versions.matrix(SPACE, side="item")),
        pairs=balanced_pairs(test, rng.integers(0, 200, options.items), seed=0),
    )
    clock.timed("evaluate", evaluate)({"ours": recommender}, test, yardsticks, KS)
    print(f"{'':30}{'wall s':>9}{'processor s':>13}")
    for name in ("ItemNet on all items, index", "evaluate", "  of it: exact index", "  of it: RankNet"):
        wall, processor = clock.seconds[name]
        print(f"{name:30}{wall:9.1f}{processor:13.1f}")


if __name__ == "__main__":
    main()
