"""EASE: a linear model from items to items, in closed form (Steck, *Embarrassingly shallow
autoencoders for sparse data*, 2019).

With X what users met and P = (XᵀX + λI)⁻¹, the weights B = I − P / diag P, zero on the diagonal, give
the scores XB = X − (XP) / diag P. The same XP is KX with K = (XXᵀ + λI)⁻¹: so the inverse may be that
of the users, where there are fewer of them.

    M modelled items, ascending by item row; A items of the catalogue, ascending; N all item rows
    H the side of the inverse: M or U
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import sparse
from scipy.linalg import lapack
from threadpoolctl import threadpool_limits

from dlrs.arrays import Doubles, Ints, positions_in
from dlrs.baselines.scored import ScoredRecommender
from dlrs.progress import stage
from dlrs.settings.baselines import Baselines

ROWS_AT_ONCE = 1024


@dataclass(frozen=True)
class Ease:
    """Scores X − (left @ right) / diagonal: X and P, or K and X; X is sparse, the inverse dense."""

    items_M: Ints
    history_UM: sparse.csr_array
    left_UH: sparse.csr_array | Doubles
    right_HM: sparse.csr_array | Doubles
    diagonal_M: Doubles


def fit_ease(train_UN: sparse.csr_array, settings: Baselines) -> Ease:
    """Fit on the unique pairs of users and items.

    The inverse takes time with the cube of its side and memory with the square: no more than
    `settings.ease_size`. In float32 (`settings.ease_single`) it takes half of either. It is over the users
    if there are so few, and fewer than items, and then exact; otherwise over the items, the most met ones
    if there are too many.
    """
    met_N = np.bincount(train_UN.indices, minlength=train_UN.shape[1])
    users, items = train_UN.shape[0], int((met_N > 0).sum())
    by_users = users <= settings.ease_size and users < items
    items_M = np.flatnonzero(met_N > 0) if by_users else most_met(met_N, settings.ease_size)
    history_UM = sparse.csr_array(
        train_UN[:, items_M], dtype=np.float32 if settings.ease_single else np.float64
    )
    history_UM.data[:] = 1
    # one thread gives the same bits on every machine's number of cores; and OpenBLAS (scipy 1.17) crashed
    # on two at a side of 29,858
    with threadpool_limits(1, "blas"), stage("Fit EASE"):
        if by_users:
            inverse_UU = _regularised_inverse(history_UM, settings.ease_regularisation)
            diagonal_M = _diagonal(history_UM, inverse_UU, settings.ease_regularisation)
            return Ease(items_M, history_UM, inverse_UU, history_UM, diagonal_M)
        inverse_MM = _regularised_inverse(sparse.csr_array(history_UM.T), settings.ease_regularisation)
        return Ease(items_M, history_UM, history_UM, inverse_MM, np.diag(inverse_MM).copy())


def ease_recommender(model: Ease, items_A: Ints) -> ScoredRecommender:
    """Recommend from a catalogue (ascending by item row).

    An item that is not modelled scores 0, and so does every item for a user without history.
    """
    position_A = positions_in(model.items_M, items_A)
    modelled_A = position_A >= 0
    columns = position_A[modelled_A]
    history, right, diagonal = (
        model.history_UM[:, columns],
        model.right_HM[:, columns],
        model.diagonal_M[columns],
    )

    def score_users(users_U: Ints) -> Doubles:
        scores_UA = np.zeros((len(users_U), len(items_A)))
        scores_UA[:, modelled_A] = history[users_U].toarray() - model.left_UH[users_U] @ right / diagonal
        return scores_UA

    return ScoredRecommender(items_A, score_users)


def most_met(met_N: Ints, count: int) -> Ints:
    """Return the item rows, ascending, that the most users met, of equals the first; each by somebody.

    >>> most_met(np.array([1, 0, 2, 1]), 2)
    array([0, 2])
    """
    most = np.argsort(-met_N, kind="stable")[:count]
    return np.sort(most[met_N[most] > 0])


def _regularised_inverse(rows_HX: sparse.csr_array, regularisation: float) -> Doubles:
    """Return (RRᵀ + λI)⁻¹ by Cholesky, of R's precision, in the memory of the one dense matrix."""
    gram_HH = (rows_HX @ rows_HX.T).toarray()
    gram_HH[np.diag_indices_from(gram_HH)] += regularisation
    factorise, invert = lapack.get_lapack_funcs(("potrf", "potri"), (gram_HH,))
    factor, _ = factorise(gram_HH.T, lower=True, overwrite_a=True)
    inverse_HH, _ = invert(factor, lower=True, overwrite_c=True)
    for start in range(0, len(inverse_HH), ROWS_AT_ONCE):  # LAPACK leaves the upper triangle zero
        stop = start + ROWS_AT_ONCE
        inverse_HH[start:stop, stop:] = inverse_HH[stop:, start:stop].T
        corner = inverse_HH[start:stop, start:stop]
        corner += np.tril(corner, -1).T
    return np.asarray(inverse_HH.T)


def _diagonal(history_UM: sparse.csr_array, inverse_UU: Doubles, regularisation: float) -> Doubles:
    """Return diag P by K, for P = (I − XᵀKX) / λ."""
    items_MU = sparse.csr_array(history_UM.T)
    explained = []
    for start in range(0, items_MU.shape[0], ROWS_AT_ONCE):
        block_BU = items_MU[start : start + ROWS_AT_ONCE]
        explained.append(block_BU.multiply(block_BU @ inverse_UU).sum(axis=1))
    return (1 - np.concatenate(explained)) / regularisation
