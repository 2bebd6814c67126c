"""Item-kNN: an item is recommended for being met by the same users as those of the history.

Deshpande and Karypis, *Item-based top-N recommendation algorithms*, 2004.

A items of the catalogue, ascending by item row; N all item rows; E stored entries
"""

from __future__ import annotations

import numpy as np
from scipy import sparse

from dlrs.arrays import Ints
from dlrs.baselines.scored import ScoredRecommender
from dlrs.settings.baselines import Baselines

ITEMS_AT_ONCE = 256


def item_knn_recommender(train_UN: sparse.csr_array, items_A: Ints, settings: Baselines) -> ScoredRecommender:
    """Recommend from a catalogue (ascending by item row) what is near the items of a user's history.

    A meeting counts log(1 + times), so that the tenth view says less than the first. An item's score
    is the sum over the history of these counts times the similarities. An item that nobody met scores
    0, and so does every item for a user without history.

    Args:
        train_UN: how often each user row met each item row.
        items_A: the catalogue.
        settings: how many neighbours, how much shrinkage.
    """
    history_UN = sparse.csr_array(train_UN, dtype=np.float64)
    history_UN.data = np.log1p(history_UN.data)
    similarity_NA = neighbours(
        history_UN, items_A, count=settings.item_knn_neighbours, shrinkage=settings.item_knn_shrinkage
    )
    return ScoredRecommender(items_A, lambda users_U: (history_UN[users_U] @ similarity_NA).toarray())


def neighbours(
    history_UN: sparse.csr_array, items_A: Ints, *, count: int, shrinkage: float
) -> sparse.csr_array:
    """Return how similar the `count` nearest items of the catalogue are to each item row: (N, A).

    Of two columns a and b of `history_UN` it is a·b / (|a| |b| + shrinkage): the cosine, made smaller
    where little supports it. Nobody is his own neighbour. Items outside of the catalogue take no
    place, and those as near as the last neighbour stay, too.
    """
    items_NU, catalogue_UA = sparse.csr_array(history_UN.T), sparse.csr_array(history_UN[:, items_A])
    norm_N = np.sqrt(history_UN.multiply(history_UN).sum(axis=0))
    blocks = []
    for start in range(0, len(norm_N), ITEMS_AT_ONCE):
        rows_B = np.arange(start, min(start + ITEMS_AT_ONCE, len(norm_N)))
        block_BA = items_NU[rows_B] @ catalogue_UA
        item_E = rows_B[_row_of_each_entry(block_BA)]
        other_E = items_A[block_BA.indices]
        block_BA.data /= norm_N[item_E] * norm_N[other_E] + shrinkage
        block_BA.data[item_E == other_E] = 0
        blocks.append(_largest_of_each_row(block_BA, count))
    return sparse.csr_array(sparse.vstack(blocks, format="csr"))


def _largest_of_each_row(block_BA: sparse.csr_array, count: int) -> sparse.csr_array:
    """Keep the `count` largest entries of each row, of entries ≥ 0, and those that equal the last.

    Floats ≥ 0 order like their bits. With the row in front of them, one partition of integers finds
    the last entry of every row, much sooner than a sort by (row, value) does.
    """
    row_E = _row_of_each_entry(block_BA)
    keys_E = (row_E << 32) | block_BA.data.astype(np.float32).view(np.int32)
    last_B = np.maximum(block_BA.indptr[1:] - count, block_BA.indptr[:-1])
    padded_E = np.append(keys_E, np.iinfo(np.int64).max)  # empty rows at the end begin behind all entries
    kept_E = keys_E >= np.partition(padded_E, last_B)[last_B][row_E]
    block_BA.data[~kept_E] = 0
    block_BA.eliminate_zeros()
    return block_BA


def _row_of_each_entry(matrix: sparse.csr_array) -> Ints:
    return np.repeat(np.arange(matrix.shape[0]), np.diff(matrix.indptr))
