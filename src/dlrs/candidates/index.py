"""ItemIndex: the protocol of everything that finds near items quickly."""

from __future__ import annotations

from typing import Protocol

from dlrs.arrays import Floats, Ints


class ItemIndex(Protocol):
    """Rows of N item vectors, found by nearness to a query.

    An index only proposes. Exclusion, exact scoring and the cut to K happen in
    `candidates.generator`, once, so that an index can be wrong in one way only: low recall.
    """

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
