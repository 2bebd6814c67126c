"""Cut: of rows in order of nearness, the first ones that may be kept."""

from __future__ import annotations

import numpy as np

from dlrs.arrays import NO_ITEM, Bools, Floats, Ints


def cut(rows_UT: Ints, similarity_UT: Floats, keep_UT: Bools, count: int) -> tuple[Ints, Floats]:
    """Return the first `count` rows to keep of each query and their similarity: (U, count).

    Where there are fewer, `NO_ITEM` and −∞ follow.
    """
    place_UT = np.cumsum(keep_UT, axis=1) - 1
    query_L, old_L = np.nonzero(keep_UT & (place_UT < count))
    rows_UK = np.full((len(rows_UT), count), NO_ITEM)
    similarity_UK = np.full((len(rows_UT), count), -np.inf, dtype=np.float32)
    places = query_L, place_UT[query_L, old_L]
    rows_UK[places] = rows_UT[query_L, old_L]
    similarity_UK[places] = similarity_UT[query_L, old_L]
    return rows_UK, similarity_UK
