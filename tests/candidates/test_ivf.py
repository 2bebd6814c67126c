"""What is particular about the clustered index: how much of the catalogue it looks at."""

import numpy as np

from dlrs.arrays import Floats
from dlrs.candidates.codes import BYTES, PRODUCTS
from dlrs.candidates.ivf import IvfIndex
from dlrs.candidates.vectors import ItemVectors


def _vectors(n: int, width: int = 5, seed: int = 0) -> Floats:
    return np.random.default_rng(seed).normal(size=(n, width)).astype(np.float32)


def test_more_probes_find_more_and_all_of_them_everything() -> None:
    vectors, queries = _vectors(10_000), _vectors(20, seed=1)
    best = np.argsort(-(queries @ vectors.T), axis=1)[:, :100]

    def recall(probes: int) -> float:
        rows, _ = IvfIndex.build(ItemVectors(vectors, "inner-product"), probes).propose(queries, 100)
        return float(np.mean([len(set(a) & set(b)) / 100 for a, b in zip(rows, best, strict=True)]))

    few, more, every = recall(8), recall(20), recall(200)
    assert few < more < every
    assert every == 1.0  # codes alone would misplace some


def test_half_as_many_bytes_are_a_product_quantisers() -> None:
    """8 bytes for 16 coordinates instead of 16, beside the row number."""
    vectors, queries = _vectors(10_000, width=16), _vectors(20, width=16, seed=1)
    one, half = (IvfIndex.build(ItemVectors(vectors, "euclidean"), 200, codes) for codes in (BYTES, PRODUCTS))
    assert one.size - half.size == 8 * 10_000
    best = np.argsort(((queries[:, None] - vectors) ** 2).sum(axis=2), axis=1)[:, :100]
    rows, _ = half.propose(queries, 100)
    assert np.mean([np.isin(a, b).mean() for a, b in zip(rows, best, strict=True)]) > 0.9


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
