"""KMeansIndex: inverted lists round the centroids of k-means, whose centroid items are known [T §4.4]."""

from __future__ import annotations

from pathlib import Path
from typing import Self

from dlrs.arrays import Bools, Floats, Ints
from dlrs.candidates.clusters import Clusters
from dlrs.candidates.codes import FLOATS
from dlrs.candidates.ivf import IvfIndex
from dlrs.candidates.vectors import ItemVectors

CLUSTERS = "clusters"


class KMeansIndex:
    """N vectors in `Clusters`: a query is compared exactly with all of the nearest ones.

    Beside what `IvfIndex` holds there are the clusters themselves: who is in the middle of each, who is near.
    """

    def __init__(self, clusters: Clusters, lists: IvfIndex) -> None:
        """Take the clusters, and the vectors in lists of the same clusters."""
        self.clusters = clusters
        self._lists = lists

    @classmethod
    def build(cls, vectors: ItemVectors, probes: int) -> Self:
        """Find the clusters and copy the vectors into them. ValueError if one of them is not finite."""
        clusters = Clusters.find(vectors)
        return cls(clusters, IvfIndex.of_clusters(vectors, probes, FLOATS, clusters))

    @classmethod
    def load(cls, folder: Path, vectors: ItemVectors, probes: int) -> Self:
        """Map what `save` wrote; processes share it."""
        lists = IvfIndex.load(folder, vectors, probes, FLOATS)
        return cls(Clusters.load(folder / CLUSTERS), lists)

    def save(self, folder: Path) -> None:
        """Write the clusters and the vectors in them."""
        self.clusters.save(folder / CLUSTERS)
        self._lists.save(folder)

    def __len__(self) -> int:
        return len(self._lists)

    @property
    def vectors(self) -> ItemVectors:
        """What it was built over."""
        return self._lists.vectors

    @property
    def size(self) -> int:
        """The vectors once more, and who is in which cluster; see `ItemIndex`."""
        return self._lists.size + self.clusters.size

    def propose(self, queries_UD: Floats, count: int) -> tuple[Ints, Floats]:
        """Return about the `count` nearest rows; see `ItemIndex`."""
        return self._lists.propose(queries_UD, count)

    def propose_among(self, queries_UD: Floats, count: int, among_N: Bools) -> tuple[Ints, Floats]:
        """Return about the `count` nearest of some rows; see `SelectiveIndex`."""
        return self._lists.propose_among(queries_UD, count, among_N)
