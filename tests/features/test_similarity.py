from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from dlrs.features.rows import EncodedRows, FeatureSpace, Side
from dlrs.features.similarity import raw_cosine

PLAIN = FeatureSpace(("price", "age"), ("make", "fuel"), (4, 3))
OWN = FeatureSpace(("price",), ("make", "fuel"), (4, 3), ("income",), ("job",), (5,))
NO_NUMBERS = FeatureSpace((), ("make",), (4,))


def random_rows(space: FeatureSpace, count: int, side: Side, rng: np.random.Generator) -> EncodedRows:
    """Return rows with some, none or all of each feature's columns; the first one is all zeros."""
    sizes = (*space.sizes_F, *(space.own_sizes_F if side == "user" else ()))
    chosen_NK = rng.random((count, sum(sizes))) < rng.random((count, 1))
    chosen_NK[0] = False
    lengths_NF = np.add.reduceat(chosen_NK, np.concatenate(([0], np.cumsum(sizes)[:-1])), axis=1)
    numbers = EncodedRows.blank(0, space, side=side).continuous_NC.shape[1]
    continuous_NC = rng.normal(size=(count, numbers)).astype(np.float32)
    continuous_NC[0] = 0
    return EncodedRows(
        continuous_NC=continuous_NC,
        offsets=np.concatenate(([0], np.cumsum(lengths_NF.ravel()))),
        columns_E=np.nonzero(chosen_NK)[1].astype(np.int32),
        weights_E=rng.random(int(chosen_NK.sum())).astype(np.float32),
    )


@given(st.sampled_from([PLAIN, OWN, NO_NUMBERS]), st.integers(0, 9), st.integers(0, 99))
def test_it_is_the_cosine_of_the_matrices_rows(space: FeatureSpace, pairs: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    users, items = random_rows(space, 4, "user", rng), random_rows(space, 5, "item", rng)
    user_B, item_B = rng.integers(0, 4, pairs), rng.integers(0, 5, pairs)
    u_BK = users.matrix(space, side="user").toarray()[user_B].astype(np.float64)
    v_BK = items.matrix(space, side="item").toarray()[item_B].astype(np.float64)
    norms_B = np.linalg.norm(u_BK, axis=1) * np.linalg.norm(v_BK, axis=1)
    expected_B = (u_BK * v_BK).sum(axis=1) / np.where(norms_B > 0, norms_B, 1)
    cosine_B = raw_cosine(users, items, space, user_B, item_B)
    assert cosine_B.dtype == np.float32
    np.testing.assert_allclose(cosine_B, expected_B, atol=2e-6)
