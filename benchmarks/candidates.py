"""Every kind of index over real embeddings: recall against time, in the manner of ann-benchmarks.

    python benchmarks/candidates.py PREPARED NETS [--kinds ivf …] [--append RESULTS.md] [--plot PLOT.svg]

NETS is a folder with nets.safetensors (as TRAINED/validated). The catalogue is every item of the data set
in its last version; 512 users with a profile at the cut are asked for, one at a time, by one thread. Recall
is of the nearest 100 and 500 by brute force. Indexes are saved, mapped and asked through `load_index`, as a
bundle's are, a quarter of the users once before the clock runs. All seconds are the processor's.

As an outside reference the graph of usearch (HNSW) runs beside them, where it is installed: `pip install
usearch`. It is no dependency of anything else here, so no extra has it.
"""

from __future__ import annotations

import argparse
import platform
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import get_args

import faiss
import numpy as np
from threadpoolctl import threadpool_limits

from dlrs.arrays import Floats, Ints
from dlrs.candidates.building import build_index, load_index
from dlrs.candidates.exact import ExactIndex
from dlrs.candidates.vectors import ItemVectors
from dlrs.model.forward import load_nets
from dlrs.prepared import open_prepared
from dlrs.settings.candidates import Candidates

COUNTS = (100, 500)
USERS = 512
BLOCK = 200_000

SWEEPS: dict[str, tuple[str, tuple[int, ...]]] = {
    "annoy": ("annoy_search_k", (10_000, 20_000, 40_000, 80_000, 160_000)),
    "exact": ("count", (1000,)),  # which changes nothing
    "ivf": ("probes", (8, 16, 32, 64, 128)),
    "ivf-pq": ("probes", (8, 16, 32, 64, 128)),
    "kmeans": ("probes", (8, 16, 32, 64, 128)),
    "lopq": ("lopq_looks", (10, 25, 50, 100)),
}
"""Which setting of each kind of index decides between time and recall, and the values tried."""

GRAPH = "usearch"
WIDENED = (64, 128, 256, 512, 1024)
"""usearch: candidates that a search keeps."""

Propose = Callable[[Floats, int], Ints]


@dataclass(frozen=True)
class Built:
    """An index, what it cost, and a way to ask it for each value of its setting."""

    kind: str
    seconds: float
    bytes_per_item: float
    setting: str
    asked: Iterator[tuple[int, Propose]]


@dataclass(frozen=True)
class Point:
    """How one index did with one setting for one count."""

    kind: str
    setting: str
    value: int
    count: int
    milliseconds: float
    recall: float


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("prepared", type=Path)
    parser.add_argument("nets", type=Path)
    kinds = [
        *(kind for kind in SWEEPS if kind in get_args(Candidates.model_fields["index"].annotation)),
        GRAPH,
    ]
    parser.add_argument("--kinds", nargs="*", default=kinds, choices=kinds)
    parser.add_argument("--metric", default="cosine", choices=["cosine", "inner-product", "euclidean"])
    parser.add_argument("--append", type=Path, help="file that the tables are written behind")
    parser.add_argument("--plot", type=Path, help="recall of 500 against queries a second, as .svg or .png")
    options = parser.parse_args()
    faiss.omp_set_num_threads(1)
    threadpool_limits(1)
    items_ND, users_UD = embedded(options.prepared, options.nets)
    vectors = ItemVectors(items_ND, options.metric)
    truth_UK = ExactIndex(vectors).propose(users_UD, max(COUNTS))[0]
    print(
        f"{len(items_ND):,} items of {items_ND.shape[1]} coordinates, {len(users_UD)} users, {options.metric}"
    )
    points, costs = [], []
    for kind in options.kinds:
        with tempfile.TemporaryDirectory() as folder:
            built = graph(vectors) if kind == GRAPH else ours(kind, vectors, Path(folder))
            if built is None:
                print(f"{kind}: not installed, left out")
                continue
            costs.append(built)
            print(
                f"{kind}: built in {built.seconds:.1f} s, {built.bytes_per_item:.0f} bytes an item",
                flush=True,
            )
            for value, propose in built.asked:
                points += [judged(built, value, count, propose, users_UD, truth_UK) for count in COUNTS]
                print(*(line(point) for point in points[-len(COUNTS) :]), sep="\n", flush=True)
    if options.append:
        with options.append.open("a", encoding="utf-8") as stream:
            stream.write(tables(points, costs))
    if options.plot:
        plot(points, options.plot)


def embedded(prepared_folder: Path, nets_folder: Path) -> tuple[Floats, Floats]:
    """Return e_v of every item's last version and e_u of some users."""
    prepared, nets = open_prepared(prepared_folder), load_nets(nets_folder)
    last_N = prepared.catalog.first_N[1:] - 1
    parts = [
        nets.embed_items(prepared.encoded_versions.take(last_N[start : start + BLOCK])).embedding_ND
        for start in range(0, len(last_N), BLOCK)
    ]
    rows = prepared.profile_of_QU[prepared.cut_period]
    rows = np.random.default_rng(0).permutation(rows[rows >= 0])[:USERS]
    return np.concatenate(parts), nets.embed_users(prepared.profiles.take(rows)).embedding_ND


def ours(kind: str, vectors: ItemVectors, folder: Path) -> Built:
    setting, values = SWEEPS[kind]

    def settings(value: int) -> Candidates:
        return Candidates.model_validate({"index": kind, "metric": vectors.metric, setting: value})

    def asked() -> Iterator[tuple[int, Propose]]:
        for value in values:
            loaded = load_index(folder, vectors, settings(value))
            yield value, lambda queries, count, loaded=loaded: loaded.propose(queries, count)[0]

    started = time.process_time()
    index = build_index(vectors, settings(values[0]))
    seconds = time.process_time() - started
    index.save(folder)
    return Built(kind, seconds, index.size / len(vectors), setting, asked())


def graph(vectors: ItemVectors) -> Built | None:
    """Return usearch's HNSW over the same vectors, with its own defaults."""
    try:
        from usearch.index import Index
    except ModuleNotFoundError:
        return None
    near = {"cosine": "cos", "inner-product": "ip", "euclidean": "l2sq"}[vectors.metric]
    index = Index(ndim=vectors.width, metric=near, dtype="f32")
    started = time.process_time()
    index.add(np.arange(len(vectors)), np.concatenate([*vectors.blocks()]), threads=1)
    seconds = time.process_time() - started

    def propose(queries_UD: Floats, count: int) -> Ints:
        return index.search(queries_UD[0], count, threads=1).keys[None].astype(np.int64)

    def asked() -> Iterator[tuple[int, Propose]]:
        for value in WIDENED:
            index.expansion_search = value
            yield value, propose

    size = index.serialized_length / len(vectors)
    return Built(GRAPH, seconds, size, "expansion_search", asked())


def judged(built: Built, value: int, count: int, propose: Propose, users_UD: Floats, truth_UK: Ints) -> Point:
    for user in range(0, len(users_UD), 4):
        propose(users_UD[user : user + 1], count)
    started = time.process_time()
    found = [propose(users_UD[user : user + 1], count)[0] for user in range(len(users_UD))]
    seconds = time.process_time() - started
    recall = np.mean([np.isin(best[:count], rows).mean() for best, rows in zip(truth_UK, found, strict=True)])
    return Point(built.kind, built.setting, value, count, 1000 * seconds / len(users_UD), float(recall))


def line(point: Point) -> str:
    setting = "" if point.kind == "exact" else f"{point.setting} {point.value:,}"
    return f"| {point.kind} | {setting} | {point.count} | {point.recall:.4f} | {point.milliseconds:.2f} |"


def tables(points: list[Point], costs: list[Built]) -> str:
    machine = f"{platform.machine()}, Python {platform.python_version()}, faiss {faiss.__version__}"
    rows = [f"| {cost.kind} | {cost.seconds:.1f} | {cost.bytes_per_item:.0f} |" for cost in costs]
    return "\n".join(
        [
            f"\n{machine}, one thread\n\n| index | build, s | bytes an item |\n|---|---|---|",
            *rows,
            "\n| index | setting | count | recall | ms a query |\n|---|---|---|---|---|",
            *(line(point) for point in points),
            "",
        ]
    )


def plot(points: list[Point], file: Path) -> None:
    """Draw recall of the largest count against queries a second; up and right is better."""
    import matplotlib as mpl

    mpl.use("agg")
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(figsize=(7, 5), layout="constrained")
    for kind in dict.fromkeys(point.kind for point in points):
        chosen = [point for point in points if point.kind == kind and point.count == max(COUNTS)]
        x, y = [point.recall for point in chosen], [1000 / point.milliseconds for point in chosen]
        axes.plot(x, y, marker="o", label=kind)
    axes.axvline(0.98, color="grey", linewidth=0.8)
    axes.axhline(1000, color="grey", linewidth=0.8)
    axes.set_yscale("log")
    axes.set_xlabel(f"recall of the nearest {max(COUNTS)}")
    axes.set_ylabel("queries a second, one thread")
    axes.set_title("The target is right of and above the grey lines", fontsize=10)
    axes.legend()
    figure.savefig(file)


if __name__ == "__main__":
    main()
