"""What is particular about LOPQ: the order of its cells, its rotations, its codes."""

from __future__ import annotations

import faiss
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from dlrs.arrays import Floats, Ints
from dlrs.candidates.balanced import allocated, balancing_rotation
from dlrs.candidates.exact import ExactIndex
from dlrs.candidates.local_codes import ENTRIES, LocalCodes
from dlrs.candidates.lopq import SAMPLE, LopqIndex
from dlrs.candidates.metric import Metric
from dlrs.candidates.multi_index import MultiIndex, multi_sequence
from dlrs.candidates.vectors import ItemVectors
from dlrs.settings.candidates import Candidates


def _vectors(n: int, width: int = 8, seed: int = 0) -> Floats:
    return np.random.default_rng(seed).normal(size=(n, width)).astype(np.float32)


def _curved(n: int, width: int = 20, seed: int = 0) -> Floats:
    """On a bent surface of three dimensions, so that each neighbourhood lies in directions of its own."""
    surface = np.random.default_rng(5)
    first, second = surface.normal(size=(3, 30)), surface.normal(size=(30, width))
    rng = np.random.default_rng(seed)
    points = np.sin(rng.normal(size=(n, 3)) @ first) @ second + 0.05 * rng.normal(size=(n, width))
    return points.astype(np.float32)


def _recall(found: Ints, nearest: Ints) -> float:
    return float(np.mean([np.isin(a, b).mean() for a, b in zip(nearest, found, strict=True)]))


def test_cells_come_in_the_order_of_their_sums() -> None:
    scores = np.array([[[5, 9, 1]], [[0, 3, 2]]], dtype=np.float32)
    cells, sums = multi_sequence(scores, 4)
    assert cells.tolist() == [[3 + 1, 3 + 2, 3 + 0, 0 + 1]]  # 9 + 3, 9 + 2, 9 + 0, 5 + 3
    assert sums.tolist() == [[12, 11, 9, 8]]


@given(
    scores=st.integers(1, 6).flatmap(
        lambda C: arrays(np.float32, (2, 3, C), elements=st.integers(-50, 50).map(float))
    ),
    data=st.data(),
)
@settings(max_examples=60, deadline=None)
def test_no_better_cell_is_left_out(scores: Floats, data: st.DataObject) -> None:
    C = scores.shape[2]
    T = data.draw(st.integers(1, C * C))
    cells, sums = multi_sequence(scores, T)
    every = (scores[0][:, :, None] + scores[1][:, None]).reshape(3, -1)
    np.testing.assert_array_equal(sums, -np.sort(-every, axis=1)[:, :T])
    np.testing.assert_array_equal(np.take_along_axis(every, cells, axis=1), sums)
    assert all(len(set(c)) == T for c in cells.tolist())


def test_an_odd_width_is_cut_after_the_middle_and_filled_up() -> None:
    index = MultiIndex(np.zeros((2, 1, 4), dtype=np.float32))
    halves = index.halves(np.array([[1, 2, 3, 4, 5]], dtype=np.float32))
    assert halves.tolist() == [[[1, 2, 3, 0]], [[4, 5, 0, 0]]]


def test_centres_score_by_product_or_distance() -> None:
    index = MultiIndex(np.array([[[1, 2]], [[3, 0]]], dtype=np.float32))
    queries = np.array([[[4, 1]], [[2, 2]]], dtype=np.float32)
    assert index.scores(queries, 0.0).tolist() == [[[6]], [[6]]]
    assert index.scores(queries, 0.5).tolist() == [[[6 - 2.5]], [[6 - 4.5]]]


def test_the_poorer_part_gets_the_next_axis() -> None:
    """9 | 4, then 9 | 4·3 (the second was poorer), then 9·2 (the second is full)."""
    assert allocated(np.array([9.0, 4.0, 3.0, 2.0]), 2).tolist() == [0, 2, 3, 1]


def test_a_rotation_makes_coordinates_independent_and_keeps_lengths() -> None:
    vectors = _vectors(2000, 6) @ _vectors(6, 6, seed=1)
    rotation = balancing_rotation(vectors, 3)
    np.testing.assert_allclose(rotation @ rotation.T, np.eye(6), atol=1e-5)
    spread = np.cov((vectors @ rotation).T)
    np.testing.assert_allclose(spread, np.diag(np.diag(spread)), atol=1e-3 * spread.max())
    assert balancing_rotation(vectors[:0], 3).tolist() == np.eye(6).tolist()


@pytest.mark.parametrize("penalty", [0.0, 0.5])
def test_a_code_adds_up_to_the_score_of_what_it_stands_for(penalty: float) -> None:
    """The vectors of a cluster with at most 256 are entries themselves, so that codes lose nothing."""
    vectors, queries, centres = _vectors(200, 6), _vectors(3, 6, seed=1), _vectors(2, 6, seed=2)
    nearest = np.arange(200) % 2
    codes = LocalCodes.train(vectors, nearest, centres, 3, penalty)
    code = codes.encode(vectors, nearest, centres)
    tables = codes.tables(queries)
    assert (code.shape, tables.shape) == ((200, 3), (2, 3, 3, ENTRIES))
    squares = (centres**2).sum(axis=1)
    scores = (queries @ centres.T - penalty * squares)[:, nearest]
    for part in range(3):
        scores += tables[nearest, part, :, code[:, part]].T
    expected = queries @ vectors.T - penalty * (vectors**2).sum(axis=1)
    np.testing.assert_allclose(scores, expected, atol=1e-4)


def test_a_cluster_without_vectors_has_entries_all_the_same() -> None:
    codes = LocalCodes.train(_vectors(5, 4), np.zeros(5, dtype=np.int64), _vectors(2, 4), 2, 0.5)
    assert np.isfinite(codes.codebooks_CSXA).all()
    assert codes.encode(_vectors(1, 4), np.ones(1, dtype=np.int64), _vectors(2, 4)).shape == (1, 2)


def test_who_looks_at_everything_ranks_by_what_codes_stand_for() -> None:
    vectors = ItemVectors(_vectors(200, 6), "euclidean")  # one cell, in which codes lose nothing
    index = LopqIndex.build(vectors, 1, 4)
    nearest, _ = ExactIndex.build(vectors).propose(_vectors(5, 6, seed=1), 30)
    np.testing.assert_array_equal(index.propose_by_codes(_vectors(5, 6, seed=1), 30, 200), nearest)


def test_looking_at_more_finds_more() -> None:
    vectors, queries = ItemVectors(_curved(10_000), "euclidean"), _curved(30, seed=1)
    index = LopqIndex.build(vectors, 20, 8)
    nearest, _ = ExactIndex.build(vectors).propose(queries, 100)
    few, more, every = (
        _recall(index.propose_by_codes(queries, 400, n), nearest) for n in (400, 1500, 10_000)
    )
    assert few < more < every
    assert every > 0.98


@pytest.mark.parametrize("metric", ["cosine", "inner-product", "euclidean"])
def test_codes_rank_better_than_those_of_ivf_pq_with_as_many_bytes(metric: Metric) -> None:
    """Both look at everything, so that codes alone are compared."""
    vectors, queries = ItemVectors(_curved(6000), metric), _curved(40, seed=1)
    nearest, _ = ExactIndex.build(vectors).propose(queries, 100)
    ours = LopqIndex.build(vectors, 20, 4).propose_by_codes(queries, 100, len(vectors))
    near = faiss.METRIC_INNER_PRODUCT if metric == "inner-product" else faiss.METRIC_L2
    rival = faiss.IndexIVFPQ(faiss.IndexFlat(20, near), 20, 50, 4, 8, near)
    rival.train(vectors.sample(6000))
    rival.add(vectors.ready(vectors.vectors_ND))
    rival.nprobe = 50
    theirs = rival.search(vectors.ready(queries), 100)[1]
    assert _recall(ours, nearest) > _recall(theirs, nearest)


def test_bytes_an_item() -> None:
    """Codes of 4 bytes, rows of 4; 26 cells' ends; 5 centres, rotations and codebooks for each half of 4."""
    index = LopqIndex.build(ItemVectors(_vectors(5000), "cosine"), 20, 4)
    tables = 2 * 5 * 4 * (4 + 4 * 4 + 2 * (2 + 1) * ENTRIES)
    assert index.size == 5000 * 8 + 26 * 8 + tables


def test_an_odd_code_is_refused() -> None:
    with pytest.raises(ValueError, match="multiple of 2"):
        Candidates.model_validate({"index": "lopq", "lopq_bytes": 7})


def test_more_vectors_than_are_learned_from_are_all_coded() -> None:
    n = 3 * SAMPLE
    vectors = ItemVectors(_vectors(n), "inner-product")
    rows = LopqIndex.build(vectors, 1, 8).propose_by_codes(_vectors(2, seed=1), n, n)
    assert [sorted(r) for r in rows.tolist()] == [list(range(n))] * 2
