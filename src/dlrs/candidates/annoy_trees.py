"""AnnoyIndex: a forest of random splits, in a file that is mapped into memory (the package `annoy`).

Bernhardsson, "Annoy: Approximate Nearest Neighbors Oh Yeah" (github.com/spotify/annoy). Each tree halves the
items by a random hyperplane between two of them, and the halves again. A query walks down all trees at
once, first where it is far from the hyperplanes.

Inner products are found by angles: one more coordinate makes all items equally long (Bachrach et al.,
RecSys 2014), and is 0 in a query. Annoy's own inner product found .95 of 100 where this finds all.
"""

from __future__ import annotations

import math
import shutil
import tempfile
import weakref
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal, Self

import numpy as np

from dlrs.arrays import Floats, Ints
from dlrs.candidates.metric import Metric, lengths
from dlrs.candidates.vectors import ItemVectors
from dlrs.errors import MissingExtra

CALLED: dict[Metric, Literal["angular", "euclidean"]] = {
    "cosine": "angular",
    "inner-product": "angular",
    "euclidean": "euclidean",
}

FOR_COUNT = 1000
"""Up to so many items wanted `search_k` are looked at, beyond it proportionally more."""

SEED = 1

FILE = "index.annoy"


class AnnoyIndex:
    """N vectors in a file of trees. It holds a copy of them, in the file.

    It may miss items, and nothing else: similarities are exact, and where it finds too few, it looks at all.
    """

    def __init__(self, vectors: ItemVectors, search_k: int, file: Path) -> None:
        """Map the file.

        Args:
            vectors: what the trees were built of.
            search_k: entries looked at for a thousand items; an item is found once in each tree.
            file: where they are.
        """
        self.vectors = vectors
        self.search_k = search_k
        self.file = file
        self._trees = _empty(vectors)
        self._trees.load(str(file))

    @classmethod
    def build(cls, vectors: ItemVectors, trees: int, search_k: int) -> Self:
        """Grow the trees in a temporary file, which goes with the object.

        Raises:
            ValueError: a vector is not finite.
            MissingExtra: annoy is not installed.
        """
        forest = _empty(vectors)
        folder = Path(tempfile.mkdtemp(prefix="dlrs-annoy-"))
        try:
            forest.on_disk_build(str(folder / FILE))
            _add(forest, vectors)
            forest.build(trees, 1)  # several threads would share the trees out by chance
            forest.unload()
            index = cls(vectors, search_k, folder / FILE)
        except BaseException:
            shutil.rmtree(folder, ignore_errors=True)
            raise
        weakref.finalize(index, shutil.rmtree, folder, ignore_errors=True)
        return index

    @classmethod
    def load(cls, folder: Path, vectors: ItemVectors, search_k: int) -> Self:
        """Map what `save` wrote; processes share it. MissingExtra if annoy is not installed."""
        return cls(vectors, search_k, folder / FILE)

    def save(self, folder: Path) -> None:
        """Copy the file of the trees."""
        shutil.copyfile(self.file, folder / FILE)

    def __len__(self) -> int:
        return int(self._trees.get_n_items())

    @property
    def size(self) -> int:
        """Of the file: the vectors once more, and the trees; see `ItemIndex`."""
        return self.file.stat().st_size

    def propose(self, queries_UD: Floats, count: int) -> tuple[Ints, Floats]:
        """Return about the `count` nearest rows; see `ItemIndex`."""
        count = min(count, len(self))
        queries_UD = self.vectors.ready(queries_UD)
        placed_UW = np.pad(queries_UD, ((0, 0), (0, _more(self.vectors))))
        found = [self._look(query_W, count) for query_W in placed_UW.tolist()]  # annoy takes one at a time
        rows_UK = np.array(found, dtype=np.int64).reshape(len(queries_UD), count)
        return self.vectors.nearest(queries_UD, rows_UK, count)

    def _look(self, query_W: list[float], count: int) -> list[int]:
        search_k = math.ceil(self.search_k * max(1, count / FOR_COUNT))
        rows: list[int] = self._trees.get_nns_by_vector(query_W, count, search_k)
        if len(rows) < count:
            everything = self._trees.get_n_trees() * len(self)
            rows = self._trees.get_nns_by_vector(query_W, count, everything)
        return rows


def _more(vectors: ItemVectors) -> int:
    """Return how many coordinates the trees have beside the vectors' own."""
    return int(vectors.metric == "inner-product")


def _empty(vectors: ItemVectors) -> Any:
    try:
        import annoy
    except ModuleNotFoundError:
        raise MissingExtra("annoy", "annoy") from None
    forest = annoy.AnnoyIndex(vectors.width + _more(vectors), CALLED[vectors.metric])
    forest.set_seed(SEED)
    return forest


def _add(forest: Any, vectors: ItemVectors) -> None:
    row = 0
    for block_BW in _placed(vectors):
        for vector_W in block_BW.tolist():  # annoy takes one at a time
            forest.add_item(row, vector_W)
            row += 1


def _placed(vectors: ItemVectors) -> Iterator[Floats]:
    """Yield all vectors as the trees hold them, a block at a time."""
    if not _more(vectors):
        yield from vectors.blocks()
        return
    longest = max((lengths(block_BD).max() for block_BD in vectors.blocks()), default=0)
    for block_BD in vectors.blocks():
        missing_B = longest**2 - lengths(block_BD) ** 2
        yield np.column_stack([block_BD, np.sqrt(missing_B.clip(0))])
