"""What an evaluation costs, part by part: who is judged, candidates, RankNet on T = 1,000, checks, metrics.

    python benchmarks/evaluation_speed.py [--thesis] [--index exact] [--users 1000]

The market is synthetic (synthetic_market.py): a tenth of the thesis's, or with --thesis all of it: 65,870
active users, a million ads alive in the test week. The network is the thesis's: 6 continuous and 15
categorical features with 3,271 values; its weights are random, but UserNet's are ItemNet's, so that users
are near ads of the kinds they like. --users judges a sample of them, as is needed for the exact index.
Parts are shown by wall time, by the processor time of all threads (on a busy machine only this one compares)
and by the most memory until then.
"""

from __future__ import annotations

import argparse
import os
import resource
import tempfile
import time
from collections.abc import Callable, Mapping
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
import torch
from synthetic_market import CUT, END, TRAIN, TYPE_SHARES, Market, make
from training_speed import SPACE

from dlrs.arrays import Ints
from dlrs.baselines.popular import most_popular
from dlrs.evaluation.judged import Yardsticks, evaluate
from dlrs.evaluation.page import render
from dlrs.evaluation.pairs import balanced_pairs
from dlrs.evaluation.static import StaticTest, static_test
from dlrs.evaluation.summary import summarise
from dlrs.features.similarity import unit_rows
from dlrs.model.forward import Nets
from dlrs.model.network import Network, without_torch
from dlrs.recommenders.recommender import Audience, Recommender, TwoStageRecommender
from dlrs.settings.baselines import PRIMITIVE
from dlrs.settings.candidates import Candidates
from dlrs.statistics import DataStatistics, spread, stretch, timeline

KS = (1, 5, 10, 30, 100)
OURS = "ours"


class Clock:
    """Wall and processor seconds of functions, summed over their calls, and the memory at their ends."""

    def __init__(self) -> None:
        self.parts: dict[str, tuple[float, float, float]] = {}

    def timed(self, name: str, function: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any, **options: Any) -> Any:
            wall, processor = time.perf_counter(), time.process_time()
            try:
                return function(*arguments, **options)
            finally:
                before = self.parts.get(name, (0.0, 0.0, 0.0))
                taken = time.perf_counter() - wall, time.process_time() - processor
                most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
                self.parts[name] = before[0] + taken[0], before[1] + taken[1], most

        return call

    def show(self) -> None:
        print(f"\n{'':34}{'wall s':>9}{'processor s':>13}{'GiB at most':>13}")
        for name, (wall, processor, memory) in self.parts.items():
            print(f"{name:34}{wall:9.1f}{processor:13.1f}{memory:13.2f}")


class Models(Mapping[str, Recommender]):
    """Built when they are looked up, as an evaluation's contenders are."""

    def __init__(self, builds: dict[str, Callable[[], Recommender]]) -> None:
        self.builds = builds

    def __getitem__(self, name: str) -> Recommender:
        return self.builds[name]()

    def __iter__(self) -> Any:
        return iter(self.builds)

    def __len__(self) -> int:
        return len(self.builds)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--thesis", action="store_true", help="the thesis's size instead of a tenth of it")
    parser.add_argument("--index", default="ivf", choices=["exact", "ivf"])
    parser.add_argument("--count", type=int, default=1000, help="T")
    parser.add_argument("--users", type=int, default=100_000, help="judge no more than these")
    parser.add_argument("--market", type=Path, help="a folder to make the market in, or to find it again")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        judge(_market(options.market or Path(folder), 1.0 if options.thesis else 0.1), options)


def _market(folder: Path, share: float) -> Market:
    """Make a market in a process of its own, whose memory does not count."""
    if not (folder / "log").is_dir():
        folder.mkdir(exist_ok=True)
        maker = get_context("spawn").Process(target=make, args=(folder, share))
        maker.start()
        maker.join()
    return Market.load(folder)


def judge(market: Market, options: argparse.Namespace) -> None:
    print(f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}; {options.index}, T = {options.count}")
    clock, users = Clock(), len(market.profiles)
    test: StaticTest = clock.timed("whom to judge on", static_test)(
        market.log,
        market.catalog,
        users=users,
        since=CUT,
        until=END,
        profiled_users=np.arange(users),
        max_users=options.users,
        seed=0,
    )
    data = clock.timed("the data's own figures", statistics)(market)
    category_A = category(market, test)
    yardsticks = Yardsticks(
        primitive=PRIMITIVE,
        unit_AK=clock.timed("features of length 1", features)(market, test),
        pairs=clock.timed("balanced pairs", balanced_pairs)(test, category_A, 0),
        thresholds={OURS: 0.0},
    )
    describe(test, yardsticks)
    settings = Candidates.model_validate({"index": options.index, "count": options.count})
    ours = clock.timed("ItemNet, index", build)(market, test, settings, clock)
    popular = most_popular(market.log, test.items_A, items=market.catalog.items, cut=CUT)
    models = Models({PRIMITIVE: lambda: popular, OURS: lambda: ours})
    judged = clock.timed("evaluate", evaluate)(models, test, yardsticks, KS)
    report = clock.timed("summary, bootstrap", summarise)(
        judged,
        test,
        yardsticks,
        ks=KS,
        reference=OURS,
        resamples=1000,
        seed=0,
        settings={},
        data=data,
    )
    clock.timed("page", render)(report, title="a synthetic market", rivals=[PRIMITIVE])
    clock.show()


def features(market: Market, test: StaticTest) -> Any:
    return unit_rows(market.versions.take(test.versions_A).matrix(SPACE, side="item"))


def category(market: Market, test: StaticTest) -> Ints:
    """Return the subcategory of each item of the catalogue: the feature with 224 values."""
    feature, F = SPACE.sizes_F.index(224), len(SPACE.sizes_F)
    return market.versions.columns_E[test.versions_A * F + feature] - SPACE.starts_F[feature]


def build(market: Market, test: StaticTest, settings: Candidates, clock: Clock) -> TwoStageRecommender:
    nets = random_nets()
    audience = Audience(market.profiles, np.arange(len(market.profiles)), SPACE)
    items = clock.timed("  of it: ItemNet", nets.embed_items)(market.versions.take(test.versions_A))
    recommender = TwoStageRecommender(nets, items, test.items_A, audience, settings)
    index: Any = recommender.index
    index.propose = clock.timed("  of it: index", index.propose)
    nets.logits = clock.timed("  of it: RankNet", nets.logits)  # type: ignore[method-assign]
    recommender.score = clock.timed("  of it: scores of pairs", recommender.score)  # type: ignore[method-assign]
    return recommender


def random_nets() -> Nets:
    """Return random networks whose UserNet looks at a profile as ItemNet does at an item."""
    torch.manual_seed(0)
    network = Network(SPACE, bias_init="zeros")
    items = network.item_net.state_dict()
    mean_and_none = torch.cat([items["continuous.weight"], torch.zeros_like(items["continuous.weight"])], 1)
    network.user_net.load_state_dict({**items, "continuous.weight": mean_and_none})
    return without_torch(network)


def statistics(market: Market) -> DataStatistics:
    def of(since: int, until: int) -> Any:
        types = [str(code) for code in range(len(TYPE_SHARES))]
        return stretch(market.log, since, until, items=market.catalog.items, types=types)

    one_each = spread(np.ones(market.catalog.items, dtype=np.int64))
    return DataStatistics(
        marketplace="synthetic",
        users=len(market.profiles),
        items=market.catalog.items,
        versions=market.catalog.items,
        versions_per_item=one_each,
        weights=dict.fromkeys(map(str, range(len(TYPE_SHARES))), 1.0),
        train=of(TRAIN, CUT),
        test=of(CUT, END),
        timeline=timeline(market.log, TRAIN, CUT, END),
    )


def describe(test: StaticTest, yardsticks: Yardsticks) -> None:
    known_U = np.diff(test.known_UN.indptr)
    print(
        f"{len(test.users_U):,} users, {len(test.items_A):,} items; {test.relevant_UN.nnz:,} relevant, "
        f"{len(yardsticks.pairs):,} balanced pairs; a user knows {np.median(known_U):.0f} (median), "
        f"{known_U.mean():.0f} (mean), at most {known_U.max():,}"
    )


if __name__ == "__main__":
    main()
