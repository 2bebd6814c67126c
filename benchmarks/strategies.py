"""What each strategy's candidates hold, and what comes of them, on a prepared data set and its networks.

    python benchmarks/strategies.py PREPARED NETS [--users 1000]

NETS is a folder with nets.safetensors (as TRAINED/validated). All strategies share one index, that of the
recipe. Recall is the share of what users turned to after the cut that is among the T candidates, known
items left out; processor milliseconds a user are those of all threads, without RankNet's ranking:
`asked` is UserNet and the embedding of histories, `found` the candidates.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from scipy import sparse

from dlrs.arrays import stores
from dlrs.candidates.building import build_index
from dlrs.candidates.clusters import Clusters
from dlrs.candidates.histories import histories_before, recent_counts
from dlrs.candidates.retrieval import Retrieval
from dlrs.candidates.vectors import ItemVectors
from dlrs.judging import headline_test
from dlrs.model.forward import load_nets
from dlrs.prepared import open_prepared
from dlrs.recipe import Candidates, Quotas
from dlrs.recommender import Audience, TwoStageRecommender

BLOCK = 512
NONE = {"popular": 0, "last_met": 0, "pseudo_user": 0, "cluster": 0, "direct": 0}


def variants(settings: Candidates) -> Iterator[tuple[str, Candidates]]:
    """Yield what is compared, by name."""
    for name in ("direct", "pseudo-user"):
        yield name, settings.model_copy(update={"strategy": name})
    for most in (1, 5, 10, 20, 50):
        for floor in (0.5, 0.8):
            chosen = {"strategy": "cluster", "cluster_most": most, "cluster_floor": floor}
            yield f"cluster, at most {most}, floor {floor}", settings.model_copy(update=chosen)
    yield "mixed, as it is", settings.model_copy(update={"strategy": "mixed"})
    for quotas in (
        {"last_met": 1},
        {"popular": 1},
        {"popular": 1, "last_met": 2, "direct": 7},
        {"pseudo_user": 1, "direct": 1},
        {"pseudo_user": 1, "last_met": 1},
        {"pseudo_user": 2, "last_met": 1, "direct": 1},
        {"popular": 1, "last_met": 2, "pseudo_user": 7},
        {"popular": 1, "last_met": 1, "pseudo_user": 1, "cluster": 1, "direct": 1},
    ):
        named = ", ".join(f"{name} {quota}" for name, quota in quotas.items())
        chosen = {"strategy": "mixed", "quotas": Quotas(**(NONE | quotas))}
        yield named, settings.model_copy(update=chosen)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("prepared", type=Path)
    parser.add_argument("nets", type=Path)
    parser.add_argument("--users", type=int, default=1000, help="a seeded sample of the test's")
    options = parser.parse_args()
    prepared, nets = open_prepared(options.prepared), load_nets(options.nets)
    test, cut = headline_test(prepared), int(prepared.starts_Q[-1])
    histories = histories_before(prepared, cut)
    audience = Audience(
        prepared.profiles,
        prepared.profile_of_QU[prepared.cut_period],
        prepared.encoding.space,
        prepared.own_features,
        histories,
    )
    items = nets.embed_items(prepared.encoded_versions.take(test.versions_A))
    settings = prepared.recipe.candidates
    vectors = ItemVectors(items.embedding_ND, settings.metric)
    retrieval = Retrieval(
        build_index(vectors, settings), Clusters.find(vectors), recent_counts(prepared, cut)[test.items_A]
    )
    some = np.sort(np.random.default_rng(0).permutation(len(test.users_U))[: options.users])
    relevant_UA = sparse.csr_array(test.relevant_UN[some][:, test.items_A])
    print(f"{len(some):,} users, {len(test.items_A):,} items, index {settings.index}, T = {settings.count}\n")
    print(f"{'strategy':58}{'recall@T':>9}{'P@5 %':>8}{'P@10 %':>8}{'asked':>8}{'found':>8}")
    for name, chosen in variants(settings):
        ours = TwoStageRecommender(nets, items, test.items_A, audience, chosen, retrieval)
        asked = found = 0.0
        hits, best = [], []
        for start in range(0, len(some), BLOCK):
            block = some[start : start + BLOCK]
            users_U, known_UN = test.users_U[block], test.known_UN[block]
            relevant_UN = relevant_UA[start : start + BLOCK]
            started = time.process_time()
            askers = ours.askers(audience.take(users_U), histories.take(users_U))
            ready = time.process_time()
            candidates = ours.candidates(askers, chosen.count, known_UN=known_UN)
            asked, found = asked + ready - started, found + time.process_time() - ready
            hits.append(stores(relevant_UN, candidates.positions_UT).sum())
            listed_UK = np.searchsorted(test.items_A, ours.recommend(users_U, 10, known_UN=known_UN).items_UK)
            best.append(stores(relevant_UN, listed_UK))
        best_UK = np.concatenate(best)
        print(
            f"{name:58}{sum(hits) / relevant_UA.nnz:9.4f}{100 * best_UK[:, :5].mean():8.3f}"
            f"{100 * best_UK.mean():8.3f}{1000 * asked / len(some):8.2f}{1000 * found / len(some):8.2f}",
            flush=True,
        )


if __name__ == "__main__":
    main()
