"""Similarity of raw inputs: the geometry that the objective `multi-cos` asks the embeddings to keep.

It is computed batch by batch from the rows that a batch holds anyway: over all pairs at once the two
matrices alone would be larger than everything else that training keeps in memory.
"""

from __future__ import annotations

import numpy as np
from scipy import sparse

from dlrs.arrays import Floats, Ints, gather_ranges
from dlrs.features.rows import EncodedRows, FeatureSpace


def raw_cosine(
    users: EncodedRows, items: EncodedRows, space: FeatureSpace, user_B: Ints, item_B: Ints
) -> Floats:
    """Return cos(u, v) of B pairs of a row of `users` and a row of `items`, float32.

    u is a user's means ⊕ one-many columns (without his standard deviations), v an item's numbers ⊕
    one-hot columns; the cosine of a zero vector is 0 (method §9). Needs as many floats as there are
    users times columns.
    """
    C, K = len(space.continuous), space.columns
    numbers_UC, numbers_IC = users.continuous_NC[:, :C], items.continuous_NC[:, :C]
    weights_UK = _dense(users, space)
    first_I, length_I = items.offsets[:: items.features or 1][:-1], _row_lengths(items)
    length_B = length_I[item_B]
    at_E = gather_ranges(first_I[item_B], length_B)
    place_E = np.repeat(user_B * K, length_B)
    place_E += items.columns_E.take(at_E)
    product_E = weights_UK.reshape(-1).take(place_E)
    product_E *= items.weights_E.take(at_E)
    dot_B = _sums(product_E, length_B) + np.einsum("bc,bc->b", numbers_UC[user_B], numbers_IC[item_B])
    norm_U = np.sqrt(_squares(weights_UK) + _squares(numbers_UC))
    norm_I = np.sqrt(_sums(np.square(items.weights_E), length_I) + _squares(numbers_IC))
    norm_B = norm_U[user_B] * norm_I[item_B]
    cosine_B: Floats = np.divide(dot_B, norm_B, out=np.zeros_like(dot_B), where=norm_B > 0)
    return cosine_B


def unit_rows(matrix: sparse.csr_array) -> sparse.csr_array:
    """Return the rows scaled to length 1; a zero row stays zero."""
    norms = np.sqrt(matrix.multiply(matrix).sum(axis=1))
    inverse = np.divide(1.0, norms, out=np.zeros_like(norms), where=norms > 0)
    return sparse.csr_array(sparse.diags_array(inverse) @ matrix)


def _dense(users: EncodedRows, space: FeatureSpace) -> Floats:
    """Return the users' weights in the columns that they share with items, (U, K)."""
    width = space.columns_of("user")
    weights = np.zeros(len(users) * width, dtype=np.float32)
    place_E = np.repeat(np.arange(len(users)) * width, _row_lengths(users))
    place_E += users.columns_E
    weights[place_E] = users.weights_E
    return np.ascontiguousarray(weights.reshape(len(users), width)[:, : space.columns])


def _row_lengths(rows: EncodedRows) -> Ints:
    return np.diff(rows.offsets[:: rows.features or 1])


def _squares(numbers_NC: Floats) -> Floats:
    squares_N: Floats = np.einsum("nc,nc->n", numbers_NC, numbers_NC)
    return squares_N


def _sums(values_E: Floats, lengths_N: Ints) -> Floats:
    """Return the sum of each of N stretches of values, 0 of an empty one."""
    offsets = np.concatenate(([0], np.cumsum(lengths_N)))
    rows = sparse.csr_array(
        (values_E, np.zeros(len(values_E), dtype=np.int32), offsets), shape=(len(lengths_N), 1)
    )
    sums_N: Floats = rows @ np.ones(1, dtype=np.float32)
    return sums_N
