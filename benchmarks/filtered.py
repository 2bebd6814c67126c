"""The ways to the nearest items that pass filters, over filters of every selectivity.

    python benchmarks/filtered.py PREPARED NETS [--count 100 1000] [--filters 200] [--users 16]

PREPARED holds vehicle ads (price, first_registration, latitude, longitude, fuel, model_id, …); all of them
make up the catalogue, in their last version. NETS is a folder with nets.safetensors (as TRAINED/validated).
Filters are drawn at random, half of them round any ad, half round one of the 500 nearest to the user. Times
are milliseconds of one core for one user, all that a request takes: filters looked up, listed or marked,
items proposed and compared. Recall is of the exact answer, which `listed` gives.
"""

from __future__ import annotations

import argparse
import math
import time
from collections import defaultdict
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import faiss
import numpy as np
import pyarrow as pa

from dlrs.arrays import Floats, Ints
from dlrs.candidates.exact import ExactIndex
from dlrs.candidates.filtering.attributes import Attributes
from dlrs.candidates.filtering.filters import AnyOf, Between, Filter, NoneOf, Within
from dlrs.candidates.filtering.planner import Filtered
from dlrs.candidates.filtering.where import Where
from dlrs.candidates.ivf import IvfIndex
from dlrs.candidates.vectors import ItemVectors
from dlrs.model.forward import load_nets
from dlrs.prepared import open_prepared
from dlrs.schema import ITEM

PROBES = 64
PART = 200_000
WAYS = ("listed", "among", "over-fetch", "planned")
TOO_MANY = 300_000
"""Items beyond which over-fetching is not tried."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("prepared", type=Path)
    parser.add_argument("nets", type=Path)
    parser.add_argument("--count", type=int, nargs="*", default=[100, 1000])
    parser.add_argument("--filters", type=int, default=200)
    parser.add_argument("--users", type=int, default=16)
    options = parser.parse_args()
    faiss.omp_set_num_threads(1)
    attributes, index, queries_UD, ads = load(options.prepared, options.nets, options.users)
    requests = drawn(index, queries_UD, ads, options.filters)
    for count in options.count:
        exact_UK, _ = ExactIndex.build(index.vectors).propose(queries_UD, count)
        found_UK, _ = index.propose(queries_UD, count)
        recall = np.mean([np.isin(a, b).mean() for a, b in zip(exact_UK, found_UK, strict=True)])
        print(f"\nwithout filters, {count} wanted: recall {recall:.3f}")
        measure(attributes, index, requests, count)


def load(
    prepared_folder: Path, nets_folder: Path, users: int
) -> tuple[Attributes, IvfIndex, Floats, pa.Table]:
    prepared, nets = open_prepared(prepared_folder), load_nets(nets_folder)
    rows = np.asarray(prepared.catalog.first_N[1:]) - 1
    started = time.process_time()
    ads = prepared.versions.take(rows)
    attributes = Attributes.build(ads, prepared.recipe.marketplace.features)
    print(f"{len(rows):,} ads; attributes {time.process_time() - started:.1f} s of processor time to build")
    parts = [ads.slice(first, PART) for first in range(0, len(rows), PART)]
    embedded = [nets.embed_items(prepared.encoding.encode_items(part)).embedding_ND for part in parts]
    index = IvfIndex.build(ItemVectors(np.concatenate(embedded), "cosine"), PROBES)
    of_users = prepared.profile_of_QU[prepared.cut_period]
    chosen = np.random.default_rng(0).choice(of_users[of_users >= 0], users, replace=False)
    queries_UD = nets.embed_users(prepared.profiles.take(np.sort(chosen))).embedding_ND
    return attributes, index, queries_UD, ads


def drawn(
    index: IvfIndex, queries_UD: Floats, ads: pa.Table, filters: int
) -> list[tuple[Floats, tuple[Filter, ...]]]:
    """Return users and what they ask for: half round any ad, half round one near them."""
    rng = np.random.default_rng(2)
    near_UK, _ = index.propose(queries_UD, 500)
    user_F = np.arange(filters) % len(queries_UD)
    row_F = np.where(
        rng.random(filters) < 0.5,
        rng.integers(len(index), size=filters),
        near_UK[user_F, rng.integers(500, size=filters)],
    )
    round_F = ads.take(row_F).to_pylist()
    return [(queries_UD[[user]], draw(ad, rng)) for user, ad in zip(user_F, round_F, strict=True)]


def measure(
    attributes: Attributes, index: IvfIndex, requests: list[tuple[Floats, tuple[Filter, ...]]], count: int
) -> None:
    """Print time and recall of each way and of the planner's, by half a decade of the share that passes."""
    index.vectors.similarity(requests[0][0], np.zeros((1, 1), dtype=np.int64))  # lengths are worked out once
    ms: dict[tuple[int, str], list[float]] = defaultdict(list)
    recall: dict[tuple[int, str], list[float]] = defaultdict(list)
    for query_1D, wanted in requests:
        where = Where(attributes, wanted)
        share = len(where.rows_R) / len(attributes)
        step = math.floor(2 * math.log10(share)) if share else -14
        truth = None
        for way in WAYS:
            if way == "over-fetch" and count > TOO_MANY * min(share, where.share):
                continue
            filtered = Filtered(index, Where(attributes, wanted))  # nothing worked out yet
            found, spent = _timed(filtered, query_1D, count, way)
            truth = found if truth is None else truth
            ms[step, way].append(spent)
            recall[step, way].append(np.isin(truth, found).mean() if len(truth) else 1.0)
    _print(ms, recall, count)


def draw(ad: Mapping[str, Any], rng: np.random.Generator) -> tuple[Filter, ...]:
    """Return one to four filters that the ad passes; one in forty of them names its id."""
    forms: dict[str, Callable[[], Filter]] = {
        "price": lambda: _around(ad, "price", rng.choice([0.05, 0.2, 0.5, 0.9])),
        "first_registration": lambda: Between(feature="first_registration", min=ad["first_registration"]),
        "mileage": lambda: Between(feature="mileage", max=ad["mileage"]),
        "latitude": lambda: _near(ad, rng.choice([10.0, 50.0, 100.0, 200.0])),
        "color": lambda: NoneOf(feature="color", none_of=("BEIGE", "BLACK", "WHITE")[: rng.integers(1, 4)]),
        **{name: partial(_same, ad, name) for name in ("make_id", "model_id", "fuel", "transmission", ITEM)},
    }
    known = [name for name in forms if ad[name] is not None]
    chances = np.array([0.2 if name == ITEM else 1.0 for name in known])
    chosen = rng.choice(known, int(rng.integers(1, 5)), replace=False, p=chances / chances.sum())
    return tuple(forms[str(name)]() for name in chosen)


def _around(ad: Mapping[str, Any], name: str, width: float) -> Filter:
    return Between(feature=name, min=ad[name] * (1 - width), max=ad[name] * (1 + width))


def _near(ad: Mapping[str, Any], km: float) -> Filter:
    return Within(within_km=km, latitude=ad["latitude"], longitude=ad["longitude"])


def _same(ad: Mapping[str, Any], name: str) -> Filter:
    return AnyOf(feature=name, any_of=(ad[name],))


def _timed(filtered: Filtered, query_1D: Floats, count: int, way: str) -> tuple[Ints, float]:
    started = time.process_time()
    propose = filtered.propose if way == "planned" else filtered._ways[way]  # type: ignore[index]
    rows_UK, _ = propose(query_1D, count)
    spent = 1000 * (time.process_time() - started)
    return rows_UK[0][rows_UK[0] >= 0], spent


def _print(
    ms: dict[tuple[int, str], list[float]], recall: dict[tuple[int, str], list[float]], count: int
) -> None:
    print(
        f"\n{count} wanted: median ms (95th percentile), recall\nshare that passes    n"
        + "".join(f"{w:>26}" for w in WAYS)
    )
    for step in sorted({step for step, _ in ms}):
        n = len(ms[step, "planned"])
        cells = ""
        for way in WAYS:
            times, found = ms[step, way], recall[step, way]
            cell = "" if not times else f"{np.median(times):.2f} ({np.percentile(times, 95):.1f})"
            cells += f"{cell + (f' {np.mean(found):.3f}' if found else ''):>26}"
        print(f"{10 ** (step / 2):8.1e}–{10 ** ((step + 1) / 2):7.1e} {n:4}{cells}")


if __name__ == "__main__":
    main()
