"""What is particular about the clustered index: how much of the catalogue it looks at."""

import numpy as np

from dlrs.arrays import Floats
from dlrs.candidates.ivf import LEAST, IvfIndex
from dlrs.candidates.vectors import ItemVectors


def _vectors(n: int, width: int = 5, seed: int = 0) -> Floats:
    return np.random.default_rng(seed).normal(size=(n, width)).astype(np.float32)


def test_so_many_clusters() -> None:
    """2 √N, at least LEAST vectors in each, at least one."""
    sizes = {1: 1, 2 * LEAST - 1: 1, 2 * LEAST: 2, 1521: 39, 10_000: 200}
    assert {n: IvfIndex.build(ItemVectors(_vectors(n), "cosine"), 4).clusters for n in sizes} == sizes


def test_more_probes_find_more_and_all_of_them_everything() -> None:
    vectors, queries = _vectors(10_000), _vectors(20, seed=1)
    best = np.argsort(-(queries @ vectors.T), axis=1)[:, :100]

    def recall(probes: int) -> float:
        rows, _ = IvfIndex.build(ItemVectors(vectors, "inner-product"), probes).propose(queries, 100)
        return float(np.mean([len(set(a) & set(b)) / 100 for a, b in zip(rows, best, strict=True)]))

    few, more, every = recall(4), recall(20), recall(200)
    assert few < more < every
    assert every == 1.0  # codes alone would misplace some


def test_who_asks_for_more_is_not_found_less() -> None:
    """With 3,000 items asked for, three times as many clusters are looked at."""
    vectors, query = _vectors(20_000), _vectors(1, seed=1)
    index = IvfIndex.build(ItemVectors(vectors, "inner-product"), 60)
    best = np.argsort(-(query @ vectors.T), axis=1)[0]
    rows, _ = index.propose(query, 3000)
    assert len(set(rows[0].tolist()) & set(best[:3000].tolist())) / 3000 > 0.95


def test_lists_are_full_though_the_clusters_looked_at_hold_too_little() -> None:
    vectors, queries = _vectors(10_000), _vectors(3, seed=1)
    rows, _ = IvfIndex.build(ItemVectors(vectors, "euclidean"), 1).propose(queries, 900)
    best = np.argsort(((queries[:, None] - vectors) ** 2).sum(axis=2), axis=1)[:, :900]
    np.testing.assert_array_equal(rows, best)
