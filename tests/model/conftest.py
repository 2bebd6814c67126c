"""Feature spaces with and without edges, and random rows in them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import numpy as np
import pytest
import torch

from dlrs.features.rows import EncodedRows, FeatureSpace
from dlrs.model.forward import embedded
from packed import check_packed

RandomRows = Callable[..., EncodedRows]

SPACES = {
    "mixed": FeatureSpace(("price", "age"), ("make", "fuel", "doors"), (9, 3, 2)),
    "one feature": FeatureSpace(("price",), ("make",), (7,)),
    "one value": FeatureSpace(("price",), ("make", "market"), (5, 1)),
    "no numbers": FeatureSpace((), ("make", "fuel"), (6, 4)),
    "one value only": FeatureSpace((), ("market",), (1,)),
    "users' own": FeatureSpace(
        ("price",),
        ("make", "fuel"),
        (9, 3),
        own_continuous=("age",),
        own_categorical=("job", "region"),
        own_sizes_F=(5, 3),
    ),
    "users' own numbers": FeatureSpace(("price",), ("make",), (7,), own_continuous=("age", "income")),
}


@pytest.fixture(autouse=True, scope="session")
def _one_thread() -> None:
    """So small, torch's threads wait longer than they work; and each test worker has a core."""
    torch.set_num_threads(1)


@pytest.fixture(params=SPACES.values(), ids=SPACES.keys())
def space(request: pytest.FixtureRequest) -> FeatureSpace:
    chosen: FeatureSpace = request.param
    return chosen


@pytest.fixture
def random_rows() -> RandomRows:
    """Return rows whose (row, feature) bags hold 0 to 3 entries; the first row has none at all."""

    def make(space: FeatureSpace, count: int, side: Literal["user", "item"], *, seed: int = 0) -> EncodedRows:
        rng = np.random.default_rng(seed)
        sizes_F = np.array(embedded(space, side)[0])
        starts_F = np.cumsum(sizes_F) - sizes_F
        lengths_NF = np.minimum(rng.integers(0, 4, (count, len(sizes_F))), sizes_F)
        lengths_NF[0] = 0
        columns = [
            start + np.sort(rng.choice(size, length, replace=False))
            for lengths_F in lengths_NF
            for start, size, length in zip(starts_F, sizes_F, lengths_F, strict=True)
        ]
        numbers = EncodedRows.blank(0, space, side=side).continuous_NC.shape[1]
        rows = EncodedRows(
            continuous_NC=rng.normal(size=(count, numbers)).astype(np.float32),
            offsets=np.concatenate(([0], np.cumsum(lengths_NF.ravel()))).astype(np.int64),
            columns_E=np.concatenate(columns).astype(np.int32),
            weights_E=rng.random(int(lengths_NF.sum())).astype(np.float32),
        )
        check_packed(rows, space, side)
        return rows

    return make
