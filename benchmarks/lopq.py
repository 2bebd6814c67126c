"""LOPQ beside faiss's IVF-PQ, with as many bytes of code an item, on the vectors of trained networks.

    python benchmarks/lopq.py PREPARED NETS [--code 8 16 32] [--metric cosine] [--width 80] [--opq]

NETS is a folder with nets.safetensors (as TRAINED/validated). The items are all that ever were, each in its
first version, the queries users. --width widens both by mixtures of their coordinates. Recall is the share of
the exact index's nearest; an item as near as the last of these counts. `codes` ranks by codes alone,
`compared` takes the four times as many that are nearest by codes and compares vectors. Seconds are those of
the processor, without the comparing.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from pathlib import Path

import faiss
import numpy as np

from dlrs.arrays import Floats, Ints
from dlrs.candidates.exact import ExactIndex
from dlrs.candidates.lopq import SPARE, LopqIndex
from dlrs.candidates.vectors import ItemVectors
from dlrs.model.forward import load_nets
from dlrs.prepared import open_prepared
from dlrs.recommenders.recommender import Audience

USERS = 256
COUNTS = 100, 1000
Rank = Callable[[int], Ints]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("prepared", type=Path)
    parser.add_argument("nets", type=Path)
    parser.add_argument("--width", type=int, default=0)
    parser.add_argument("--code", type=int, nargs="*", default=[8, 16, 32])
    parser.add_argument("--opq", action="store_true", help="IVF-PQ after a rotation, too")
    parser.add_argument("--metric", default="cosine")
    parser.add_argument("--looks", type=int, nargs="*", default=[10_000, 20_000, 50_000])
    parser.add_argument("--probes", type=int, nargs="*", default=[16, 64])
    options = parser.parse_args()
    vectors_ND, queries_UD = _embedded(options.prepared, options.nets)
    vectors_ND, queries_UD = _widened(vectors_ND, options.width), _widened(queries_UD, options.width)
    vectors = ItemVectors(vectors_ND, options.metric)
    rows_UK, _ = ExactIndex.build(vectors).propose(queries_UD, max(COUNTS))
    similarity_UK = vectors.similarity(queries_UD, rows_UK)  # summed up as all that is compared with it
    similarity_UK = -np.sort(-similarity_UK, axis=1)
    print(
        f"{len(vectors):,} items of {vectors.width} coordinates, {len(queries_UD)} users, {options.metric}\n"
    )
    print("| index | looked at | bytes an item | build s | ms a query | " + " | ".join(_columns()) + " |")
    print("|---|---|---|---|---|" + "---|" * len(_columns()))
    for code in options.code:
        for rotated in (False, True) if options.opq else (False,):
            _measure_ivf_pq(vectors, queries_UD, similarity_UK, code, rotated, options.probes)
        _measure_lopq(vectors, queries_UD, similarity_UK, code, options.looks)


def _embedded(prepared_folder: Path, nets_folder: Path) -> tuple[Floats, Floats]:
    """Return the vectors of items and of some users."""
    prepared, nets = open_prepared(prepared_folder), load_nets(nets_folder)
    items_ND = nets.embed_items(prepared.encoded_versions.take(prepared.catalog.first_N[:-1])).embedding_ND
    profiles_U = prepared.profile_of_QU[prepared.cut_period]
    audience = Audience(prepared.profiles, profiles_U, prepared.encoding.space, prepared.own_features)
    users_U = np.flatnonzero(profiles_U >= 0)
    chosen_U = np.random.default_rng(0).choice(users_U, min(USERS, len(users_U)), replace=False)
    return items_ND, nets.embed_users(audience.take(chosen_U)).embedding_ND


def _widened(vectors_ND: Floats, width: int) -> Floats:
    D = vectors_ND.shape[1]
    mixture_DW = np.random.default_rng(1).normal(size=(D, max(0, width - D))).astype(np.float32)
    return np.hstack([vectors_ND, np.tanh(vectors_ND @ mixture_DW / np.float32(D**0.5))])


def _columns() -> list[str]:
    return [f"recall@{count}, {how}" for count in COUNTS for how in ("codes", "compared")]


def _measure_lopq(
    vectors: ItemVectors, queries_UD: Floats, similarity_UK: Floats, code: int, looks: list[int]
) -> None:
    started = time.process_time()
    index = LopqIndex.build(vectors, 20, code)
    built = time.process_time() - started
    for looked in (*looks, len(vectors)):
        name = f"LOPQ, {code} bytes | {looked:,} items"

        def rank(count: int, looked: int = looked) -> Ints:
            return index.propose_by_codes(queries_UD, count, looked)

        _row(name, index.size, built, vectors, queries_UD, similarity_UK, rank)


def _measure_ivf_pq(
    vectors: ItemVectors,
    queries_UD: Floats,
    similarity_UK: Floats,
    code: int,
    rotated: bool,
    probes: list[int],
) -> None:
    """With distances for cosines, too: of unit vectors they have the same order, and codes misplace fewer."""
    metric = faiss.METRIC_INNER_PRODUCT if vectors.metric == "inner-product" else faiss.METRIC_L2
    clusters = round(2 * np.sqrt(len(vectors)))
    width = -(-vectors.width // code) * code
    index = faiss.IndexIVFPQ(faiss.IndexFlat(width, metric), width, clusters, code, 8, metric)
    turn = faiss.OPQMatrix(width, code)
    turn.niter, turn.niter_pq, turn.verbose = 20, 4, False

    def ready(x_BD: Floats) -> Floats:
        filled_BD = np.pad(vectors.ready(x_BD), ((0, 0), (0, width - vectors.width)))
        return turn.apply(filled_BD) if rotated and turn.is_trained else filled_BD

    started = time.process_time()
    sample_BD = vectors.sample(clusters * 64)
    if rotated:
        turn.train(ready(sample_BD[:65_536]))
    index.cp.niter, index.cp.max_points_per_centroid, index.cp.min_points_per_centroid = 10, 64, 1
    index.train(ready(sample_BD))
    for block_BD in vectors.blocks():
        index.add(ready(block_BD))
    built = time.process_time() - started
    size = len(vectors) * (code + 8) + 4 * width * (clusters + 256 + rotated * width)
    for looked in (*probes, clusters):
        index.nprobe = looked
        name = f"IVF-PQ{' after OPQ' if rotated else ''}, {code} bytes | {looked} of {clusters:,} clusters"
        _row(
            name,
            size,
            built,
            vectors,
            queries_UD,
            similarity_UK,
            lambda count: index.search(ready(queries_UD), count)[1],
        )


def _row(
    name: str,
    size: int,
    built: float,
    vectors: ItemVectors,
    queries_UD: Floats,
    similarity_UK: Floats,
    rank: Rank,
) -> None:
    started = time.process_time()
    by_codes_UK = rank(SPARE * max(COUNTS))
    spent = 1000 * (time.process_time() - started) / len(queries_UD)
    recalls = []
    for count in COUNTS:
        compared_UK = vectors.nearest(queries_UD, by_codes_UK[:, : SPARE * count], count)[0]
        for found_UK in (by_codes_UK[:, :count], compared_UK):
            near_UK = vectors.similarity(queries_UD, found_UK) >= similarity_UK[:, [count - 1]]
            recalls.append(float(near_UK.mean()))
    figures = " | ".join(f"{recall:.3f}" for recall in recalls)
    print(f"| {name} | {size / len(vectors):.1f} | {built:.0f} | {spent:.2f} | {figures} |", flush=True)


if __name__ == "__main__":
    main()
