"""What is particular about the index round centroids: its clusters are known."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from dlrs.arrays import Floats
from dlrs.candidates.kmeans import KMeansIndex
from dlrs.candidates.vectors import ItemVectors


def _vectors(n: int, width: int = 5, seed: int = 0) -> Floats:
    return np.random.default_rng(seed).normal(size=(n, width)).astype(np.float32)


def test_one_probe_finds_the_members_of_the_nearest_cluster() -> None:
    index = KMeansIndex.build(ItemVectors(_vectors(10_000), "euclidean"), probes=1)
    queries = _vectors(30, seed=1)
    distances = ((queries[:, None] - index.clusters.centroids_CD) ** 2).sum(axis=2)
    for query, cluster in zip(queries, distances.argmin(axis=1), strict=True):
        rows, _ = index.propose(query[None], 10)
        assert np.isin(rows[0], index.clusters.members(cluster)).all()


def test_the_clusters_come_back(tmp_path: Path) -> None:
    vectors = ItemVectors(_vectors(2000), "cosine")
    index = KMeansIndex.build(vectors, probes=2)
    index.save(tmp_path)
    loaded = KMeansIndex.load(tmp_path, vectors, probes=2)
    np.testing.assert_array_equal(loaded.clusters.item_C, index.clusters.item_C)
    np.testing.assert_array_equal(loaded.clusters.members_N, index.clusters.members_N)
