"""What each strategy's candidates hold, and what comes of them, on a prepared data set and its networks.

    python benchmarks/strategies.py PREPARED NETS [--users 1000]

NETS is a folder with nets.safetensors (as TRAINED/validated). All strategies share one index, that of the
recipe. Recall is the share of what users turned to after the cut that is among the T candidates, known
items left out; processor milliseconds a user are those of all threads: `asked` is UserNet and the embedding
of histories, `found` the candidates. RankNet's ranking comes on top, the same for all.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

import numpy as np
from scipy import sparse

from dlrs.arrays import Ints, stores
from dlrs.candidates.building import build_index
from dlrs.candidates.clusters import Clusters
from dlrs.candidates.histories import Histories, histories_before
from dlrs.candidates.retrieval import Retrieval
from dlrs.candidates.vectors import ItemVectors
from dlrs.evaluation.static import StaticTest
from dlrs.judging.at_cut import headline_test
from dlrs.model.forward import load_nets
from dlrs.prepared import Prepared, open_prepared
from dlrs.ranking.ranker import rank
from dlrs.recommenders.recommender import Audience, TwoStageRecommender
from dlrs.settings.candidates import Candidates, Quotas
from dlrs.standing import prepared_standing

BLOCK = 512
NOTHING = dict.fromkeys(("popular", "last_met", "pseudo_user", "cluster", "direct"), 0)
CLUSTERS = (
    {"cluster_most": 1},
    {"cluster_most": 5},
    {"cluster_most": 20},
    {"cluster_most": 20, "cluster_floor": 0.8},
    {"cluster_most": 50},
    {"cluster_count": 1000},
    {"cluster_count": 2000},
)
QUOTAS = (
    {"last_met": 1},
    {"popular": 1},
    {"popular": 1, "last_met": 2, "direct": 7},
    {"pseudo_user": 1, "direct": 1},
    {"pseudo_user": 1, "last_met": 1},
    {"pseudo_user": 2, "last_met": 1, "direct": 1},
    {"popular": 1, "last_met": 2, "pseudo_user": 7},
    {"popular": 1, "last_met": 1, "pseudo_user": 1, "cluster": 1, "direct": 1},
)


@dataclass(frozen=True)
class Measured:
    """Users' relevant items and what was found of them; seconds of a processor."""

    users: int
    relevant: int
    hits: int
    best_UK: np.ndarray
    asked: float
    found: float

    def line(self, name: str) -> str:
        """Return a row of the table."""
        best = f"{100 * self.best_UK[:, :5].mean():8.3f}{100 * self.best_UK.mean():8.3f}"
        times = f"{1000 * self.asked / self.users:8.2f}{1000 * self.found / self.users:8.2f}"
        return f"{name:68}{self.hits / self.relevant:9.4f}{best}{times}"


def variants(settings: Candidates) -> Iterator[tuple[str, Candidates]]:
    """Yield what is compared, by name."""
    for name in ("direct", "pseudo-user"):
        yield name, settings.model_copy(update={"strategy": name})
    for options in CLUSTERS:
        named = ", ".join(f"{name[8:]} {value}" for name, value in options.items())
        yield f"cluster: {named}", settings.model_copy(update={"strategy": "cluster", **options})
    yield "mixed", settings.model_copy(update={"strategy": "mixed"})
    for quotas in QUOTAS:
        named = ", ".join(f"{name} {quota}" for name, quota in quotas.items())
        chosen = {"strategy": "mixed", "quotas": Quotas(**(NOTHING | quotas))}
        yield f"mixed: {named}", settings.model_copy(update=chosen)


def measure(ours: TwoStageRecommender, histories: Histories, test: StaticTest, some: Ints) -> Measured:
    """Ask for the candidates of some users of the test and rank them."""
    relevant_UA = sparse.csr_array(test.relevant_UN[some][:, test.items_A])
    hits, best, asked, found = 0, [], 0.0, 0.0
    for start in range(0, len(some), BLOCK):
        block = some[start : start + BLOCK]
        users_U, relevant = test.users_U[block], relevant_UA[start : start + BLOCK]
        began = time.process_time()
        askers = ours.askers(ours.audience.take(users_U), histories.take(users_U))
        ready = time.process_time()
        candidates = ours.candidates(askers, ours.settings.count, known_UN=test.known_UN[block])
        asked, found = asked + ready - began, found + time.process_time() - ready
        hits += int(stores(relevant, candidates.positions_UT).sum())

        best.append(stores(relevant, rank(ours.nets, askers.users, ours.halves, candidates, 10)[0]))
    return Measured(len(some), relevant_UA.nnz, hits, np.concatenate(best), asked, found)


def compare(prepared: Prepared, nets_folder: Path, users: int) -> None:
    """Print a row for each variant."""
    nets, test, cut = load_nets(nets_folder), headline_test(prepared), int(prepared.starts_Q[-1])
    histories, profile_of_U = histories_before(prepared, cut), prepared.profile_of_QU[prepared.cut_period]
    audience = Audience(
        prepared.profiles, profile_of_U, prepared.encoding.space, prepared.own_features, histories
    )
    items = nets.embed_items(prepared.encoded_versions.take(test.versions_A))
    settings = prepared.recipe.candidates
    vectors = ItemVectors(items.embedding_ND, settings.metric)
    retrieval = Retrieval(
        build_index(vectors, settings), recent_A=prepared_standing(prepared, cut).recent_N[test.items_A]
    )
    clusters = cache(lambda count: Clusters.find(vectors, count))
    some = np.sort(np.random.default_rng(0).permutation(len(test.users_U))[:users])
    print(f"{len(some):,} users, {len(test.items_A):,} items, index {settings.index}, T = {settings.count}\n")
    print(f"{'strategy':68}{'recall@T':>9}{'P@5 %':>8}{'P@10 %':>8}{'asked':>8}{'found':>8}")
    for name, chosen in variants(settings):
        shared = replace(retrieval, clusters=clusters(chosen.cluster_count))
        ours = TwoStageRecommender(nets, items, test.items_A, audience, chosen, shared)
        print(measure(ours, histories, test, some).line(name), flush=True)


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("prepared", type=Path)
    parser.add_argument("nets", type=Path)
    parser.add_argument("--users", type=int, default=1000, help="a seeded sample of the test's")
    options = parser.parse_args()
    compare(open_prepared(options.prepared), options.nets, options.users)


if __name__ == "__main__":
    main()
