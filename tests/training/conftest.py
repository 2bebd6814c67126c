"""A small marketplace with a planted taste: users like items of their own make."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest
import torch

from dlrs.features.rows import EncodedRows, FeatureSpace
from dlrs.samples.pairs import Pairs

MAKES = 8


@pytest.fixture(autouse=True, scope="session")
def _one_thread() -> None:
    """So small, torch's threads wait longer than they work; and each test worker has a core."""
    torch.set_num_threads(1)


@dataclass(frozen=True)
class Planted:
    space: FeatureSpace
    profiles: EncodedRows
    versions: EncodedRows
    train: Pairs
    test: Pairs


@pytest.fixture(scope="session")
def planted() -> Planted:
    """Return 200 users, 300 items, and pairs of which 9 of 10 follow the taste."""
    rng = np.random.default_rng(0)
    space = FeatureSpace(("price",), ("make", "market"), (MAKES, 1))
    taste_U, make_N = rng.integers(0, MAKES, 200), rng.integers(0, MAKES, 300)
    profiles = _rows(rng.normal(size=(200, 2)), taste_U, weight=0.75)
    versions = _rows(rng.normal(size=(300, 1)), make_N, weight=1.0)
    users_P, items_P = rng.integers(0, 200, 40_000), rng.integers(0, 300, 40_000)
    fits_P = taste_U[users_P] == make_N[items_P]
    # As many pairs that fit as pairs that do not.
    chosen_P = fits_P | (rng.random(len(fits_P)) < 1 / (MAKES - 1))
    label_P = np.where(rng.random(len(fits_P)) < 0.9, fits_P, ~fits_P).astype(np.float32)
    pairs = Pairs(users_P, items_P, label_P, np.zeros_like(users_P)).take(np.flatnonzero(chosen_P))
    cut = len(pairs) * 4 // 5
    first, last = np.arange(cut), np.arange(cut, len(pairs))
    return Planted(space, profiles, versions, pairs.take(first), pairs.take(last))


def _rows(numbers: np.ndarray, make_N: np.ndarray, *, weight: float) -> EncodedRows:
    """Give each row its make, with the rest of the weight on the next one; `market` is the same for all."""
    count = len(make_N)
    market_N, next_N = np.full(count, MAKES), (make_N + 1) % MAKES
    if weight == 1:
        columns, weights, lengths = [make_N, market_N], [1.0, 1.0], [1, 1]
    else:
        columns, lengths = [np.minimum(make_N, next_N), np.maximum(make_N, next_N), market_N], [2, 1]
        weights = [np.where(make_N < next_N, weight, 1 - weight)]
        weights = [*weights, 1 - weights[0], 1.0]
    weights_NE = np.stack(np.broadcast_arrays(*weights, make_N)[:-1], axis=1)
    return EncodedRows(
        continuous_NC=numbers.astype(np.float32),
        offsets=np.concatenate(([0], np.cumsum(np.tile(lengths, count)))),
        columns_E=np.stack(columns, axis=1).ravel().astype(np.int32),
        weights_E=weights_NE.ravel().astype(np.float32),
    )
