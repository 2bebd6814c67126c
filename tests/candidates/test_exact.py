"""The exact comparison, block by block, against the same of all vectors at once."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dlrs.candidates import exact
from dlrs.candidates.exact import ExactIndex
from dlrs.candidates.metric import Metric
from dlrs.candidates.vectors import ItemVectors


@settings(max_examples=60, deadline=None)
@given(
    items=st.integers(1, 60),
    users=st.integers(1, 9),
    count=st.integers(1, 70),
    block=st.integers(1, 70),
    together=st.integers(1, 9),
    share=st.sampled_from([None, 0.0, 0.1, 0.9]),
    metric=st.sampled_from(["cosine", "inner-product", "euclidean"]),
    seed=st.integers(0, 1000),
)
def test_blocks_of_any_size_give_the_nearest_of_all(
    items: int,
    users: int,
    count: int,
    block: int,
    together: int,
    share: float | None,
    metric: Metric,
    seed: int,
) -> None:
    """Coordinates are small whole numbers, so that many similarities are equal and none is rounded."""
    rng = np.random.default_rng(seed)
    vectors, queries = rng.integers(-2, 3, (items, 3)), rng.integers(-2, 3, (users, 3))
    vectors, queries = vectors.astype(np.float32), queries.astype(np.float32)
    among = np.ones(items, dtype=bool) if share is None else rng.random(items) < share
    index = ExactIndex.build(ItemVectors(vectors, metric))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(exact, "BLOCK", block)
        patch.setattr(exact, "TOGETHER", together)
        patch.setattr(exact, "SPARE", 0)
        found = index.propose(queries, count) if share is None else index.propose_among(queries, count, among)
    everything = index.vectors.similarity(queries, np.tile(np.arange(items), (users, 1)))
    expected = np.sort(np.where(among, everything, -np.inf), axis=1)[:, ::-1][:, : min(count, among.sum())]
    np.testing.assert_allclose(found[1], expected, atol=1e-6)
    np.testing.assert_array_equal(found[1], np.take_along_axis(everything, found[0], axis=1))
    assert among[found[0]].all()
    assert all(len(set(row)) == expected.shape[1] for row in found[0].tolist())


def test_of_equal_items_the_lower_rows_are_found() -> None:
    vectors = np.ones((500, 4), dtype=np.float32)
    rows, _ = ExactIndex.build(ItemVectors(vectors, "euclidean")).propose(vectors[:1], 7)
    assert rows.tolist() == [list(range(7))]


def test_it_takes_no_memory_beside_the_vectors() -> None:
    assert ExactIndex.build(ItemVectors(np.ones((9, 4), dtype=np.float32), "cosine")).size == 0
