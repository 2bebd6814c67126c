"""The ranker of a moment against popularity of several windows, on a prepared data set.

    python benchmarks/moment_ranker.py PREPARED static [--requests 6000] [--minutes 30 60 180]
    python benchmarks/moment_ranker.py PREPARED live [--requests 9000] [--asked 8000] [--minutes 5 15 60]

`static` asks at the cut, through the evaluation's own test and protocol. `live` asks at interactions of the
test window, each with all that was known a minute before; the ranker is fitted once, at the start of the
window, and again without each group of its features. There popularity ranks the same shortlists. Intervals
are of a bootstrap over users. Tune nothing here: `--until validation` asks the same of the validation period.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from dlrs.arrays import NO_ITEM, Bools, Doubles, Floats, Ints, stores
from dlrs.baselines.popular import PopularRecommender
from dlrs.contenders.at_cut import Offer
from dlrs.contenders.moment import Learning, MomentModels, static_ranker
from dlrs.data.interactions import micros
from dlrs.evaluation.protocol import lists_of as ask_for_lists
from dlrs.evaluation.static import static_test
from dlrs.popularity import item_counts
from dlrs.prepared import Prepared, open_prepared
from dlrs.ranking.moments import features, names_of
from dlrs.ranking.past import Past
from dlrs.ranking.requests import Requests, interactions_as_requests
from dlrs.ranking.shortlist import Shortlists
from dlrs.ranking.top import top_k
from dlrs.training.ranking import Lists, lists_of, train_ranker

MINUTE = 60_000_000
K = 5
WITHOUT = (
    (),
    ("personal", "user"),
    ("arrivals",),
    ("category",),
    ("arrivals", "category", "personal", "user"),
)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("prepared", type=Path)
    parser.add_argument("way", choices=("static", "live"))
    parser.add_argument("--requests", type=int, default=6000, help="that the ranker learns from")
    parser.add_argument("--asked", type=int, default=8000, help="users, or requests, that are judged")
    parser.add_argument("--minutes", type=float, nargs="+", default=[5, 15, 60, 180])
    parser.add_argument("--until", choices=("test", "validation"), default="test")
    given = parser.parse_args()
    prepared = open_prepared(given.prepared)
    learning = Learning(requests=given.requests)
    if given.way == "static":
        static(prepared, learning, given.asked, given.minutes)
    else:
        live(prepared, learning, given.asked, given.minutes, validation=given.until == "validation")


def static(prepared: Prepared, learning: Learning, users: int, minutes: list[float]) -> None:
    log, items, split = prepared.interactions, prepared.catalog.items, prepared.recipe.marketplace.split
    cut, until = micros(split.test_from), micros(split.test_until)
    build = static_ranker(prepared, learning)
    for universe in ("window", "cut"):
        test = static_test(
            log,
            prepared.catalog,
            users=len(prepared.user_ids),
            since=cut,
            until=until,
            profiled_users=np.flatnonzero(prepared.profile_of_QU[prepared.cut_period] >= 0),
            max_users=users,
            seed=0,
            universe=universe,
        )
        models = {
            f"popular, {window:g} min": PopularRecommender(
                test.items_A, item_counts(log, items, since=int(cut - window * MINUTE), until=cut)
            )
            for window in minutes
        }
        models["ranker"] = build(Offer(prepared, test.versions_A))
        hits = {
            name: stores(test.relevant_UN, ask_for_lists(name, model, test, K)).mean(axis=1)
            for name, model in models.items()
        }
        print(universe)
        show(hits, test.users_U)


@dataclass(frozen=True)
class Asked:
    """Requests with the shortlists and features that all rankers share."""

    requests: Requests
    items_RC: Ints
    features_RCF: Floats
    sought_RC: Bools

    def hits(self, scores_RC: Floats | Ints) -> Doubles:
        """Return the precision@5 of each request: one item was sought."""
        allowed_RC = np.where(self.items_RC == NO_ITEM, -np.inf, scores_RC).astype(np.float32)
        columns_RK = np.maximum(top_k(allowed_RC, K)[0], 0)
        return np.take_along_axis(self.sought_RC, columns_RK, axis=1).any(axis=1) / K


def live(
    prepared: Prepared, learning: Learning, count: int, minutes: list[float], *, validation: bool
) -> None:
    split, refresh = prepared.recipe.marketplace.split, prepared.recipe.marketplace.profiles.refresh
    since = micros(split.validation_from if validation else split.test_from)
    until = micros(split.test_from if validation else split.test_until)
    past, settings = MomentModels(prepared, learning).past, learning.ranker
    kept = {"step": MINUTE, "delay": MINUTE, "items": prepared.catalog.items}
    earlier = since - learning.periods * int(refresh.total_seconds() * 1e6)
    known = past.log.between(earlier - 10**18, since - MINUTE)
    train = interactions_as_requests(
        known, since=earlier, until=since, most=learning.requests, seed=1, **kept
    )
    lists = lists_of(past, train, settings)
    later = interactions_as_requests(past.log, since=since, until=until, most=count, seed=0, **kept)
    items_RC = Shortlists(past, settings.sizes)(later.requests)
    items_RC = np.where(past.met(later.requests, np.maximum(items_RC, 0)), NO_ITEM, items_RC)
    asked = Asked(
        later.requests, items_RC, features(past, later.requests, items_RC), stores(later.sought_RN, items_RC)
    )
    print(f"candidates hold what was sought: {asked.sought_RC.any(axis=1).mean():.3f}")
    hits = {f"popular, {window:g} min": asked.hits(_counts(past, asked, window)) for window in minutes}
    hits |= dict(_rankers(past, lists, asked, learning))
    show(hits, asked.requests.user_R)


def _counts(past: Past, asked: Asked, minutes: float) -> Ints:
    moment_R1, items_RC = asked.requests.moment_R[:, None], np.maximum(asked.items_RC, 0)
    before_RC = past.item_times.counts(items_RC, moment_R1 - int(minutes * MINUTE))
    return past.item_times.counts(items_RC, moment_R1) - before_RC


def _rankers(past: Past, lists: Lists, asked: Asked, learning: Learning) -> Iterator[tuple[str, Doubles]]:
    groups = names_of(past.windows).group_F()
    for without in WITHOUT:
        kept_F = np.array([group not in without for group in groups])
        net = train_ranker(replace(lists, features_RCF=lists.features_RCF[..., kept_F]), learning.ranker)
        name = "ranker" + (f" without {', '.join(without)}" if without else "")
        yield name, asked.hits(net.scores(asked.features_RCF[..., kept_F]))


def show(hits: dict[str, Doubles], user_R: Ints) -> None:
    """Print precision@5 with intervals, and what the ranker is in best popularities."""
    users, of_R = np.unique(user_R, return_inverse=True)
    best = max((name for name in hits if name.startswith("popular")), key=lambda name: hits[name].mean())
    rng, count_U = np.random.default_rng(0), np.bincount(of_R)
    draws_BU = [
        np.bincount(rng.integers(len(users), size=len(users)), minlength=len(users)) for _ in range(1000)
    ]
    mean_B = {
        name: np.array([draw @ np.bincount(of_R, hit_R) / (draw @ count_U) for draw in draws_BU])
        for name, hit_R in hits.items()
    }
    for name, hit_R in hits.items():
        low, high = np.quantile(mean_B[name], [0.025, 0.975])
        times = np.quantile(mean_B[name] / mean_B[best], [0.025, 0.975])
        print(
            f"{name:60s} {hit_R.mean():.4f} [{low:.4f}, {high:.4f}]  × {best}: "
            f"{hit_R.mean() / hits[best].mean():.3f} [{times[0]:.3f}, {times[1]:.3f}]"
        )


if __name__ == "__main__":
    begin = time.perf_counter()
    main()
    print(f"{time.perf_counter() - begin:.0f} s")
