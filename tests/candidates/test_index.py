"""The contract of every index, and of candidate generation over it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import faiss
import numpy as np
import pytest
from scipy import sparse

from candidates.conftest import Embeddings
from dlrs.arrays import NO_ITEM, Floats, Ints
from dlrs.candidates import generator
from dlrs.candidates.building import build_index, load_index
from dlrs.candidates.generator import generate
from dlrs.candidates.index import ItemIndex, SelectiveIndex
from dlrs.candidates.metric import Metric
from dlrs.candidates.vectors import ItemVectors
from dlrs.settings.candidates import Candidates

INDEXES = ("annoy", "exact", "ivf", "ivf-pq", "kmeans", "lopq")
METRICS: tuple[Metric, ...] = ("cosine", "inner-product", "euclidean")
Build = Callable[[Floats], ItemIndex]


@pytest.fixture(params=INDEXES)
def kind(request: pytest.FixtureRequest) -> str:
    chosen: str = request.param
    if chosen == "annoy":
        pytest.importorskip("annoy", reason="needs the extra annoy")
    return chosen


@pytest.fixture(params=METRICS)
def metric(request: pytest.FixtureRequest) -> Metric:
    chosen: Metric = request.param
    return chosen


@pytest.fixture
def build(kind: str, metric: Metric) -> Build:
    settings = Candidates.model_validate({"index": kind, "metric": metric})
    return lambda vectors: build_index(ItemVectors(vectors, metric), settings)


def _similarity(queries: Floats, vectors: Floats, metric: Metric) -> np.ndarray:
    if metric == "inner-product":
        return queries @ vectors.T
    if metric == "cosine":
        norms = np.linalg.norm(queries, axis=1)[:, None] * np.linalg.norm(vectors, axis=1)
        return queries @ vectors.T / norms
    return -((queries[:, None] - vectors) ** 2).sum(axis=2)


def _vectors(n: int, width: int = 8, seed: int = 0) -> Floats:
    return np.random.default_rng(seed).normal(size=(n, width)).astype(np.float32)


def _like_ads(n: int, width: int = 13, seed: int = 0) -> Floats:
    """Groups within groups of very unequal size, as makes and models are."""
    of_groups = np.random.default_rng(7)
    makes = of_groups.normal(size=(20, width))
    models = np.repeat(makes, 15, axis=0) + 0.5 * of_groups.normal(size=(300, width))
    shares = 1 / np.arange(1, 301)
    rng = np.random.default_rng(seed)
    chosen = rng.choice(300, n, p=shares / shares.sum())
    return (models[chosen] + 0.4 * rng.normal(size=(n, width))).astype(np.float32)


def _nothing_known(users: int, items: int) -> sparse.csr_array:
    return sparse.csr_array((users, items), dtype=np.float32)


def test_recall_against_brute_force(kind: str, build: Build, metric: Metric) -> None:
    vectors, queries = _like_ads(20_000), _like_ads(40, seed=1)
    rows, similarity = build(vectors).propose(queries, 100)
    truth = _similarity(queries, vectors, metric)
    best = np.argsort(-truth, axis=1)[:, :100]
    recall = np.mean([len(set(a) & set(b)) / 100 for a, b in zip(rows, best, strict=True)])
    assert recall > (0.99 if kind == "exact" else 0.95)
    np.testing.assert_allclose(similarity, np.take_along_axis(truth, rows, axis=1), rtol=1e-4, atol=1e-4)
    assert (np.diff(similarity, axis=1) <= 0).all()
    assert all(len(set(r)) == 100 for r in rows.tolist())


def test_recall_on_real_embeddings(kind: str, build: Build, metric: Metric, embeddings: Embeddings) -> None:
    users, items = embeddings.users_UD, embeddings.items_ND
    rows, _ = build(items).propose(users, 100)
    best = np.argsort(-_similarity(users, items, metric), axis=1)[:, :100]
    recall = np.mean([np.isin(a, b).mean() for a, b in zip(rows, best, strict=True)])
    assert recall > (0.999 if kind == "exact" else 0.98)


@pytest.mark.parametrize("size", [2, 50, 6000])
def test_the_whole_catalogue_is_reachable(build: Build, size: int) -> None:
    """Small catalogues have no clusters to find; of a larger one all must be looked at to ask for all."""
    index = build(_vectors(size))
    rows, _ = index.propose(_vectors(3, seed=1), 10_000)
    assert rows.shape == (3, len(index)) == (3, size)
    assert all(sorted(r) == list(range(size)) for r in rows.tolist())


def test_no_item(build: Build) -> None:
    rows, similarity = build(_vectors(0)).propose(_vectors(2, seed=1), 5)
    assert rows.shape == similarity.shape == (2, 0)


def test_nothing_asked_for_is_nothing_found(build: Build) -> None:
    rows, similarity = build(_vectors(50)).propose(_vectors(2, seed=1), 0)
    assert rows.shape == similarity.shape == (2, 0)


def test_vectors_of_zeros_are_found_like_others(build: Build) -> None:
    vectors = _vectors(60)
    vectors[::2] = 0
    rows, similarity = build(vectors).propose(_vectors(2, seed=1), 60)
    assert all(sorted(r) == list(range(60)) for r in rows.tolist())
    assert np.isfinite(similarity).all()


def test_one_item(build: Build) -> None:
    assert build(_vectors(1)).propose(_vectors(2, seed=1), 5)[0].tolist() == [[0], [0]]


@pytest.mark.parametrize("size", [9, 500])
def test_duplicate_vectors_come_in_the_order_of_their_rows(build: Build, size: int) -> None:
    rows, _ = build(np.tile(_vectors(1), (size, 1))).propose(_vectors(1, seed=1), size)
    assert rows.tolist() == [list(range(size))]


def test_a_query_of_zeros_has_a_full_list(build: Build) -> None:
    rows, similarity = build(_vectors(500)).propose(np.zeros((1, 8), dtype=np.float32), 400)
    assert len(set(rows[0].tolist())) == 400
    assert np.isfinite(similarity).all()


def test_nan_is_refused(build: Build) -> None:
    vectors = _vectors(3)
    vectors[1, 1] = np.nan
    with pytest.raises(ValueError, match="finite"):
        build(vectors)


def test_mapped_vectors_are_accepted(build: Build, tmp_path: Path) -> None:
    np.save(tmp_path / "vectors.npy", _vectors(300))
    mapped = np.load(tmp_path / "vectors.npy", mmap_mode="r")
    rows, _ = build(mapped).propose(mapped[:2], 5)
    np.testing.assert_array_equal(rows, build(_vectors(300)).propose(_vectors(300)[:2], 5)[0])


def test_answers_depend_on_neither_threads_nor_company(build: Build) -> None:
    vectors, queries = _like_ads(5000), _like_ads(30, seed=1)
    threads = faiss.omp_get_max_threads()
    answers = []
    for count in (1, 2):
        faiss.omp_set_num_threads(count)
        try:
            index = build(vectors)
            answers += [index.propose(queries, 50)[0], index.propose(queries[::-1], 50)[0][::-1]]
        finally:
            faiss.omp_set_num_threads(threads)
    for answer in answers[1:]:
        np.testing.assert_array_equal(answer, answers[0])


def test_exclusions_never_cost_a_place(build: Build) -> None:
    vectors, queries = _vectors(40), _vectors(2, seed=1)
    index = build(vectors)
    free = generate(index, queries, 10, _nothing_known(2, 40))
    known = np.zeros((2, 40), dtype=np.float32)
    known[0, free.positions_UT[0, ::2]] = 1  # user 0 knows five of his ten nearest
    some = generate(index, queries, 10, sparse.csr_array(known))
    expected = [p for p in index.propose(queries[:1], 40)[0][0].tolist() if not known[0, p]][:10]
    assert some.positions_UT[0].tolist() == expected
    assert some.positions_UT[1].tolist() == free.positions_UT[1].tolist()


def test_a_list_is_short_only_when_the_catalogue_runs_out(build: Build) -> None:
    known = np.ones((1, 5), dtype=np.float32)
    known[0, 3] = 0
    found = generate(build(_vectors(5)), _vectors(1, seed=1), 4, sparse.csr_array(known))
    assert found.positions_UT.tolist() == [[3, NO_ITEM, NO_ITEM, NO_ITEM]]
    assert np.isneginf(found.similarity_UT[0, 1:]).all()


def test_users_in_groups_get_what_each_would_get_alone(
    build: Build, metric: Metric, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Histories of 0 to 35 items, in no order; a long one lengthens the searches of its group alone."""
    vectors, queries = _vectors(60), _vectors(10, seed=1)
    lengths = np.random.default_rng(2).permutation(np.arange(10) * 4 - 1).clip(0)
    known = sparse.csr_array(np.arange(60) < lengths[:, None], dtype=np.float32)
    index = build(vectors)
    alone = [generate(index, queries[[user]], 7, known[[user]]).positions_UT[0] for user in range(10)]
    asked: list[int] = []

    def propose(queries: Floats, count: int) -> tuple[Ints, Floats]:
        asked.append(count)
        return type(index).propose(index, queries, count)

    monkeypatch.setattr(generator, "GROUP", 4)
    monkeypatch.setattr(index, "propose", propose)
    together = generate(index, queries, 7, known)
    assert together.positions_UT.tolist() == [positions.tolist() for positions in alone]
    similarity = _similarity(queries, vectors, metric)
    np.testing.assert_allclose(
        together.similarity_UT, np.take_along_axis(similarity, together.positions_UT, axis=1), atol=1e-4
    )
    assert asked == [7 + 11, 7 + 27, 7 + 35]


def test_nobody_gets_nothing(build: Build) -> None:
    found = generate(build(_vectors(5)), _vectors(0), 4, _nothing_known(0, 5))
    assert found.positions_UT.shape == found.similarity_UT.shape == (0, 4)


def test_same_answers_after_saving_and_loading(
    kind: str, metric: Metric, build: Build, tmp_path: Path
) -> None:
    vectors, queries = _like_ads(5000), _like_ads(30, seed=1)
    built = build(vectors)
    built.save(tmp_path)
    settings = Candidates.model_validate({"index": kind, "metric": metric})
    loaded = load_index(tmp_path, ItemVectors(vectors, metric), settings)
    assert len(loaded) == len(built) == 5000
    assert loaded.size == built.size
    for before, after in zip(built.propose(queries, 60), loaded.propose(queries, 60), strict=True):
        np.testing.assert_array_equal(before, after)


@pytest.mark.parametrize("share", [0.0, 0.001, 0.02, 0.5, 1.0])
def test_among_some_rows_only_these_are_found(build: Build, metric: Metric, share: float) -> None:
    vectors, queries = _like_ads(6000), _like_ads(10, seed=1)
    index = build(vectors)
    if not isinstance(index, SelectiveIndex):
        pytest.skip("this index cannot look at some rows only")
    among = np.random.default_rng(3).random(6000) < share
    rows, similarity = index.propose_among(queries, 50, among)
    truth = np.where(among, _similarity(queries, vectors, metric), -np.inf)
    expected = np.argsort(-truth, axis=1)[:, : min(50, among.sum())]
    assert rows.shape == similarity.shape == expected.shape
    assert among[rows].all()
    recall = np.mean([np.isin(a, b).mean() for a, b in zip(rows, expected, strict=True)] if rows.size else 1)
    assert recall > 0.9
