"""Retrieval: what candidates of one catalogue are found with, built once and saved with a bundle.

A items of the catalogue
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np

from dlrs.arrays import Ints
from dlrs.candidates.building import build_index, load_index
from dlrs.candidates.clusters import Clusters
from dlrs.candidates.index import ItemIndex
from dlrs.candidates.vectors import ItemVectors
from dlrs.settings.candidates import Candidates

INDEX, CLUSTERS, RECENT = "index", "clusters", "recent_A.npy"


@dataclass(frozen=True)
class Retrieval:
    """An index, and what some strategies need beside it. Several strategies may share it."""

    index: ItemIndex
    clusters: Clusters | None = None  # for `cluster`
    recent_A: Ints | None = None  # events that each item drew of late, for `mixed`

    @classmethod
    def build(
        cls,
        vectors: ItemVectors,
        settings: Candidates,
        recent_A: Ints | None = None,
        index: ItemIndex | None = None,
    ) -> Self:
        """Build what the strategy of the settings needs, the index too if there is none yet.

        ValueError if a vector is not finite.
        """
        wanted = "cluster" in settings.shares
        clusters = Clusters.find(vectors, settings.cluster_count) if wanted else None
        return cls(index or build_index(vectors, settings), clusters, recent_A)

    def save(self, folder: Path) -> None:
        """Write all but the vectors into a new folder."""
        (folder / INDEX).mkdir(parents=True)
        self.index.save(folder / INDEX)
        self.save_beside(folder)

    def save_beside(self, folder: Path) -> None:
        """Write what there is beside the index, which is kept elsewhere."""
        folder.mkdir(parents=True, exist_ok=True)
        if self.clusters is not None:
            self.clusters.save(folder / CLUSTERS)
        if self.recent_A is not None:
            np.save(folder / RECENT, self.recent_A)

    @classmethod
    def load(
        cls, folder: Path, vectors: ItemVectors, settings: Candidates, index: ItemIndex | None = None
    ) -> Self:
        """Open what `save` wrote, over the vectors that it was built of; what can be is mapped.

        With the index itself: open what `save_beside` wrote.
        """
        return cls(
            index or load_index(folder / INDEX, vectors, settings),
            Clusters.load(folder / CLUSTERS) if (folder / CLUSTERS).is_dir() else None,
            np.load(folder / RECENT, mmap_mode="r") if (folder / RECENT).is_file() else None,
        )
