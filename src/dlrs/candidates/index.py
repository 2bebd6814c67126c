"""ItemIndex: the protocol of everything that finds near items quickly."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol, runtime_checkable

from dlrs.arrays import Bools, Floats, Ints
from dlrs.candidates.vectors import ItemVectors


class Proposes(Protocol):
    """Finds rows of N items for queries."""

    def __len__(self) -> int:
        """Return N."""
        ...

    def propose(self, queries_UD: Floats, count: int) -> tuple[Ints, Floats]:
        """Return the rows likely to be nearest to each query, nearest first, and their similarity.

        Both have the shape (U, min(count, N)); rows of one query are distinct. Similarity grows
        with nearness, whatever the metric; equal ones come in the order of their rows. Which of
        several equals still make the count is up to the index.
        """
        ...


class ItemIndex(Proposes, Protocol):
    """Rows of N item vectors, found by nearness to a query.

    An index only proposes. Exclusion, filters and the cut to K happen in `candidates.generator`, once,
    so that an index can be wrong in one way only: low recall. Its classes are built over `ItemVectors` by
    `build`, and opened again over the same ones by `load(folder, vectors)`.
    """

    @property
    def vectors(self) -> ItemVectors:
        """What it was built over."""
        ...

    @property
    def size(self) -> int:
        """Bytes that the index takes beside the vectors."""
        ...

    def save(self, folder: Path) -> None:
        """Write into an existing folder what `load` needs beside the vectors."""
        ...


@runtime_checkable
class ExcludingIndex(Protocol):
    """An index that can leave some of its rows out."""

    def propose_without(self, queries_UD: Floats, count: int, without: Ints) -> tuple[Ints, Floats]:
        """Return what `propose` does, but none of some rows, each named once: (U, min(count, the others))."""
        ...


@runtime_checkable
class SelectiveIndex(Protocol):
    """An index that can look at some of its rows only."""

    def propose_among(self, queries_UD: Floats, count: int, among_N: Bools) -> tuple[Ints, Floats]:
        """Return what `propose` does, but only rows for which `among_N` is true: (U, min(count, these))."""
        ...
