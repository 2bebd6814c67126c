"""What a clustered index misses, and what that does to the metrics, on a prepared data set and its networks.

    python benchmarks/index_recall.py PREPARED NETS [--count 1000] [--probes 8 16 32 64]

NETS is a folder with nets.safetensors (as TRAINED/validated). Recall is of the exact index's T nearest, known
ads left out; processor seconds are those of all threads.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import numpy as np

from dlrs.arrays import stores
from dlrs.candidates.building import build_index
from dlrs.candidates.generator import generate
from dlrs.candidates.vectors import ItemVectors
from dlrs.data.interactions import micros
from dlrs.evaluation.protocol import lists_of
from dlrs.judging import headline_test
from dlrs.metrics import ranked
from dlrs.model.forward import load_nets
from dlrs.prepared import open_prepared
from dlrs.recipe import Candidates
from dlrs.recommender import Audience, TwoStageRecommender

KS = (1, 5, 10, 30, 100)
SAMPLE = 1024
"""Users whose candidates are compared with the exact index's."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("prepared", type=Path)
    parser.add_argument("nets", type=Path)
    parser.add_argument("--count", type=int, default=1000, help="T")
    parser.add_argument("--probes", type=int, nargs="*", default=[8, 16, 32, 64])
    options = parser.parse_args()
    prepared, nets = open_prepared(options.prepared), load_nets(options.nets)
    test = headline_test(prepared)
    audience = Audience(
        prepared.profiles,
        prepared.profile_of_QU[prepared.cut_period],
        prepared.encoding.space,
        prepared.own_features,
    )
    items = nets.embed_items(prepared.encoded_versions.take(test.versions_A))
    some = np.random.default_rng(0).permutation(len(test.users_U))[:SAMPLE]
    queries_UD = nets.embed_users(audience.take(test.users_U[some])).embedding_ND
    known_UA = test.known_UN[some][:, test.items_A]
    relevant_U = test.positives(np.ones_like(test.cold_N))
    cut = np.datetime64(micros(prepared.recipe.marketplace.split.test_from), "us")
    print(f"cut {cut}; {len(test.users_U):,} users, {len(test.items_A):,} ads, T = {options.count}\n")
    print("index      recall@T   build s  candidates ms/user   " + "".join(f"{f'P@{k} %':>9}" for k in KS))
    nearest_UT = None
    for probes in (None, *options.probes):
        chosen = {"index": "exact"} if probes is None else {"index": "ivf", "probes": probes}
        settings = Candidates.model_validate({**chosen, "count": options.count})
        started = time.process_time()
        index = build_index(ItemVectors(items.embedding_ND, settings.metric), settings)
        built = time.process_time()
        found_UT = generate(index, queries_UD, options.count, known_UA).positions_UT
        searched = time.process_time()
        nearest_UT = found_UT if nearest_UT is None else nearest_UT
        recall = np.mean([np.isin(a, b).mean() for a, b in zip(nearest_UT, found_UT, strict=True)])
        ours = TwoStageRecommender(nets, items, test.items_A, audience, settings)
        hits_UK = stores(test.relevant_UN, lists_of("ours", ours, test, max(KS)))
        values = ranked.per_user(hits_UK, relevant_U, KS)
        print(
            f"{'exact' if probes is None else f'ivf, {probes}':10}{recall:9.4f}{built - started:10.1f}"
            f"{1000 * (searched - built) / len(some):21.2f}   "
            + "".join(f"{100 * values[f'precision@{k}'].mean():9.3f}" for k in KS)
        )


if __name__ == "__main__":
    main()
