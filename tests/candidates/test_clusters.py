"""Clusters: every item in that of its nearest centroid, the nearest item first."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dlrs.arrays import Floats
from dlrs.candidates.clusters import LEAST, Clusters, cluster_count
from dlrs.candidates.metric import Metric, ready
from dlrs.candidates.vectors import ItemVectors

METRICS: tuple[Metric, ...] = ("cosine", "inner-product", "euclidean")


def _vectors(n: int, width: int = 5, seed: int = 0) -> Floats:
    return np.random.default_rng(seed).normal(size=(n, width)).astype(np.float32)


def test_two_heaps_on_a_line() -> None:
    """Heaps round 0 and 100: 1 is nearest to the mean of (-3, 1, 2), 100 to that of (98, 100, 101, 103)."""
    line = np.array([[-3], [98], [1], [103], [2], [100], [101]], dtype=np.float32)
    clusters = Clusters.find(ItemVectors(line, "euclidean"), 2)
    left, right = np.argsort(clusters.centroids_CD[:, 0])
    np.testing.assert_allclose(clusters.centroids_CD[[left, right], 0], [0, 100.5], atol=1e-4)
    assert clusters.members(left).tolist() == [2, 4, 0]
    assert clusters.members(right).tolist() in ([5, 6, 1, 3], [6, 5, 1, 3])  # 100 and 101 are as near
    assert clusters.item_C[left] == 2
    assert clusters.item_C[right] in (5, 6)
    assert clusters.cluster_N.tolist() == [left, right, left, right, left, right, right]


@pytest.mark.parametrize("metric", METRICS)
def test_each_item_is_in_the_cluster_of_its_nearest_centroid(metric: Metric) -> None:
    vectors = _vectors(3000)
    clusters = Clusters.find(ItemVectors(vectors, metric))
    near = ((ready(vectors, metric)[:, None] - clusters.centroids_CD) ** 2).sum(axis=2)
    chosen = near[np.arange(3000), clusters.cluster_N]
    np.testing.assert_allclose(chosen, near.min(axis=1), atol=1e-5)
    for cluster in range(len(clusters)):
        distances = near[clusters.members(cluster), cluster]
        assert (np.diff(distances) > -1e-5).all()
        assert clusters.item_C[cluster] == clusters.members(cluster)[0]
    if metric == "cosine":
        np.testing.assert_allclose(np.linalg.norm(clusters.centroids_CD, axis=1), 1, atol=1e-5)


@settings(max_examples=25, deadline=None)
@given(n=st.integers(0, 300), different=st.integers(1, 300), count=st.integers(1, 20))
def test_every_item_is_in_one_cluster_and_none_is_empty(n: int, different: int, count: int) -> None:
    vectors = _vectors(different)[np.arange(n) % different]
    clusters = Clusters.find(ItemVectors(vectors, "euclidean"), count)
    assert sorted(clusters.members_N.tolist()) == list(range(n))
    assert len(clusters) == len(clusters.centroids_CD) <= min(n, count)
    assert (np.diff(clusters.offsets_C1) > 0).all()
    assert clusters.offsets_C1[-1] == n


def test_so_many_clusters() -> None:
    """2 √N, at least LEAST vectors in each, at least one."""
    sizes = {1: 1, 2 * LEAST - 1: 1, 2 * LEAST: 2, 1521: 39, 10_000: 200}
    assert {n: cluster_count(n) for n in sizes} == sizes


def test_equal_items_stand_in_the_order_of_their_rows() -> None:
    clusters = Clusters.find(ItemVectors(np.tile(_vectors(1), (500, 1)), "cosine"))
    assert clusters.members_N.tolist() == list(range(500))
    assert clusters.item_C.tolist() == [0]


def test_saved_and_loaded(tmp_path: Path) -> None:
    clusters = Clusters.find(ItemVectors(_vectors(400), "cosine"))
    clusters.save(tmp_path)
    loaded = Clusters.load(tmp_path)
    np.testing.assert_array_equal(loaded.members_N, clusters.members_N)
    np.testing.assert_array_equal(loaded.item_C, clusters.item_C)
    np.testing.assert_array_equal(loaded.centroids_CD, clusters.centroids_CD)
