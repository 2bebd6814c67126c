"""The ranker of the moment of a bundle, asked offline: at the watermark, over the data that it came from.

R requests    A items of the bundle's catalogue, in its order    N item rows of the prepared data
"""

from __future__ import annotations

from typing import Self

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from scipy import sparse

from dlrs.arrays import NO_ITEM, Ints, positions_in
from dlrs.candidates.filtering.where import Where
from dlrs.errors import ArtifactError
from dlrs.past.moments import BundledMoment
from dlrs.prepared import Prepared
from dlrs.publishing.published import Published
from dlrs.recommenders.moment import MomentRecommender
from dlrs.recommenders.moment_history import behind
from dlrs.recommenders.recommender import Ranking
from dlrs.schema import ITEM


class AtWatermark:
    """Recommends what the service would at the watermark. Lists are of positions in the catalogue."""

    def __init__(self, recommender: MomentRecommender, moment: int, items_A: Ints) -> None:
        """Take the recommender, the watermark, and the item row of each item of the catalogue, ascending."""
        self._recommender, self._moment, self._items_A = recommender, moment, items_A

    @classmethod
    def of(cls, prepared: Prepared, published: Published) -> Self | None:
        """Open the ranker of a bundle over prepared data; None where the bundle has none.

        Raises:
            ArtifactError: the data lack items of the catalogue, or the bundle is damaged.
        """
        bundled = BundledMoment.open(published.folder)
        if bundled is None:
            return None
        found_A = pc.index_in(published.items[ITEM].cast(pa.string()), value_set=prepared.item_ids)
        if found_A.null_count:
            raise ArtifactError(
                f"{published.folder}: expected a catalogue of the prepared data, received one with "
                f"{found_A.null_count} items that the data lack. Prepare again what the bundle was made from."
            )
        moment = bundled.stored.end
        recommender = behind(prepared, published.recommender.nets, bundled.ranker, moment)
        return cls(recommender, moment, found_A.combine_chunks().to_numpy().astype(np.int64))

    def recommend(
        self, users_R: Ints, k: int, *, known_RA: sparse.csr_array, where: Where | None = None
    ) -> Ranking:
        """Return the best k of the catalogue for each user row: none is known, all are of `where`."""
        A = np.arange(len(self._items_A))
        items_A = self._items_A if where is None else self._items_A[where.test(A)]
        known_RN = sparse.csr_array(
            (known_RA.data, self._items_A[known_RA.indices], known_RA.indptr),
            shape=(known_RA.shape[0], self._recommender.past.items.catalog.items),
        )
        ranking = self._recommender.recommend(self._moment, users_R, items_A, k, known_RN=known_RN)
        found_RK = positions_in(self._items_A, ranking.items_UK.ravel()).reshape(ranking.items_UK.shape)
        return Ranking(np.where(ranking.items_UK == NO_ITEM, NO_ITEM, found_RK), ranking.scores_UK)
