"""Strategies: each by hand on a few items, and what all of them promise over every index."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import get_args

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse

from dlrs.arrays import NO_ITEM, Floats, Ints
from dlrs.candidates.askers import Askers
from dlrs.candidates.building import build_index
from dlrs.candidates.by_cluster import ByCluster
from dlrs.candidates.clusters import Clusters
from dlrs.candidates.exact import ExactIndex
from dlrs.candidates.filtering.attributes import Attributes
from dlrs.candidates.filtering.filters import Between
from dlrs.candidates.filtering.where import Where
from dlrs.candidates.generator import Candidates, merge
from dlrs.candidates.histories import Histories
from dlrs.candidates.retrieval import Retrieval
from dlrs.candidates.sources import Popular, last_met, pseudo_user
from dlrs.candidates.strategies import Strategy, build_strategy
from dlrs.candidates.vectors import ItemVectors
from dlrs.data.interactions import Interactions
from dlrs.features.rows import EncodedRows
from dlrs.model.forward import Representations
from dlrs.schema import ITEM, Continuous, Features
from dlrs.settings.candidates import Candidates as Settings
from dlrs.settings.candidates import Quotas

INDEXES: tuple[str, ...] = get_args(Settings.model_fields["index"].annotation)
STRATEGIES: tuple[str, ...] = get_args(Settings.model_fields["strategy"].annotation)
EXTRAS = ("annoy",)
"""Kinds of index that need a package of their name, which may be missing."""

EVERY_SOURCE = Quotas(popular=1, last_met=2, pseudo_user=3, cluster=2, direct=2)


def _vectors(n: int, width: int = 6, seed: int = 0) -> Floats:
    return np.random.default_rng(seed).normal(size=(n, width)).astype(np.float32)


def _users(embedding_UD: Floats) -> Representations:
    return Representations(embedding_UD, np.zeros(len(embedding_UD), dtype=np.float32))


def _askers(users: int, width: int = 6, seed: int = 1) -> Askers:
    """Return users of whom every third has no history."""
    e, liked, last = (_vectors(users, width, seed + part) for part in range(3))
    met_U = np.arange(users) % 3 != 0
    return Askers(_users(e), liked * met_U[:, None], last * met_U[:, None], met_U)


def _nothing_known(users: int, items: int) -> sparse.csr_array:
    return sparse.csr_array((users, items), dtype=np.float32)


def _list(positions: list[int]) -> Candidates:
    return Candidates(np.array([positions]), np.arange(len(positions), 0, -1, dtype=np.float32)[None])


# What stands for a history


def _items_on_a_line(rows: EncodedRows) -> Representations:
    return _users(rows.continuous_NC)


def _log() -> Histories:
    """User 0 viewed item version 1, then contacted 3, then viewed 1; user 2 viewed 0. User 1 did nothing."""
    version_E = np.array([1, 0, 3, 1])
    log = Interactions(np.array([0, 2, 0, 0]), version_E, version_E, np.array([0, 0, 1, 0]), np.arange(4))
    versions = EncodedRows(
        np.array([[5, 0], [1, 0], [9, 9], [0, 7]], dtype=np.float32),
        np.zeros(1, dtype=np.int64),
        np.empty(0, dtype=np.int32),
        np.empty(0, dtype=np.float32),
    )
    return Histories.collect(log, 3, np.array([1.5, 4.0]), versions)


def test_the_pseudo_user_weighs_type_and_frequency() -> None:
    """Version 1 twice at 1.5 and version 3 once at 4: (3 · (1, 0) + 4 · (0, 7)) / 7."""
    liked_UD, last_UD = _log().vectors(_items_on_a_line)
    np.testing.assert_allclose(liked_UD, [[3 / 7, 4], [0, 0], [5, 0]], rtol=1e-6)
    np.testing.assert_allclose(last_UD, [[1, 0], [0, 0], [5, 0]])
    assert _log().any_U.tolist() == [True, False, True]


def test_histories_of_some_users_in_any_order() -> None:
    some = _log().take(np.array([2, 1, 0, 2]))
    liked_UD, last_UD = some.vectors(_items_on_a_line)
    np.testing.assert_allclose(liked_UD, [[5, 0], [0, 0], [3 / 7, 4], [5, 0]], rtol=1e-6)
    np.testing.assert_allclose(last_UD, [[5, 0], [0, 0], [1, 0], [5, 0]])
    assert len(_log().take(np.empty(0, dtype=np.int64)).vectors(_items_on_a_line)[0]) == 0


# Sources


LINE = np.array([[0], [1], [2], [3], [10]], dtype=np.float32)


def _on_the_line() -> Askers:
    """User 0 stands at 0, liked what is at 2.9 and met 10 last; user 1 stands at 3 and has no history."""
    e, liked, last = (np.array([[a], [b]], dtype=np.float32) for a, b in ((0, 3), (2.9, 0), (10, 0)))
    return Askers(_users(e), liked, last, np.array([True, False]))


def test_pseudo_user_and_last_met_answer_those_with_a_history() -> None:
    index = ExactIndex.build(ItemVectors(LINE, "euclidean"))
    liked_UK, _ = pseudo_user(index).propose(_on_the_line(), 3)
    last_UK, good_UK = last_met(index).propose(_on_the_line(), 2)
    assert liked_UK.tolist() == [[3, 2, 1], [NO_ITEM] * 3]
    assert last_UK.tolist() == [[4, 3], [NO_ITEM] * 2]
    assert good_UK.tolist() == [[0, -49], [-np.inf] * 2]


def test_popular_are_the_same_for_all_and_end_with_the_events() -> None:
    rows_UK, counts_UK = Popular(np.array([0, 2, 5, 2, 0])).propose(_on_the_line(), 4)
    assert rows_UK.tolist() == [[2, 1, 3, NO_ITEM]] * 2
    assert counts_UK.tolist() == [[5, 2, 2, -np.inf]] * 2


def test_without_a_history_the_pseudo_user_is_the_user() -> None:
    strategy = _strategy(LINE, "pseudo-user", metric="euclidean")
    found = strategy.candidates(_on_the_line(), 2, _nothing_known(2, 5))
    assert found.positions_UT.tolist() == [[3, 2], [3, 2]]
    assert _strategy(LINE, "direct", metric="euclidean").candidates(
        _on_the_line(), 2, _nothing_known(2, 5)
    ).positions_UT.tolist() == [[0, 1], [3, 2]]


# Clusters

THREE = Clusters(
    centroids_CD=np.zeros((3, 1), dtype=np.float32),
    item_C=np.array([4, 0, 7]),
    offsets_C1=np.array([0, 4, 6, 9]),
    members_N=np.array([4, 1, 2, 3, 0, 8, 7, 6, 5], dtype=np.int32),
)


def _of_three(
    p_of_item: dict[int, float], floor: float, most: int, count: int, clusters: Clusters = THREE
) -> list[int]:
    """Return what is drawn for one user where the centroid items 4, 0 and 7 have these p̂."""

    def score(users: Representations, rows_UK: Ints) -> Floats:
        p_UK = np.array([[p_of_item[row] for row in rows] for rows in rows_UK.tolist()])
        return np.log(p_UK / (1 - p_UK)).astype(np.float32)

    rows_UK, _ = ByCluster(clusters, score, floor, most).propose(_askers(1), count)
    listed: list[int] = rows_UK[0].tolist()
    return listed


def test_candidates_are_drawn_in_proportion_to_preference() -> None:
    """p̂ .8 and .4 wait .625, 1.875, 3.125 and 1.25, 3.75: two of the first for one of the second."""
    p = {4: 0.4, 0: 0.2, 7: 0.8}
    assert _of_three(p, 0.3, 3, 4) == [7, 4, 6, 5]
    assert _of_three(p, 0.3, 3, 5) == [7, 4, 6, 5, 1]  # waits 3.125 and 3.75; the first has run out
    assert _of_three(p, 0.3, 3, 7) == [7, 4, 6, 5, 1, 2, 3]


def test_where_the_chosen_clusters_run_out_the_others_follow_whole() -> None:
    p = {4: 0.4, 0: 0.2, 7: 0.8}
    everything = [7, 4, 6, 5, 1, 2, 3, 0, 8]
    assert _of_three(p, 0.3, 3, 9) == everything
    assert _of_three(p, 0.3, 3, 100) == everything
    assert _of_three(p, 0.3, 1, 9) == [7, 6, 5, 4, 1, 2, 3, 0, 8]  # only one may be chosen
    assert _of_three(p, 0.9, 3, 9) == [7, 6, 5, 4, 1, 2, 3, 0, 8]  # none reaches the floor


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 10**6), floor=st.sampled_from([0.0, 0.5, 0.9]), most=st.integers(1, 9))
def test_a_short_draw_is_the_head_of_a_long_one(seed: int, floor: float, most: int) -> None:
    clusters = Clusters.find(ItemVectors(_vectors(150, seed=seed), "cosine"), 8)
    logits = 3 * np.random.default_rng(seed).normal(size=(5, 150)).astype(np.float32)
    source = ByCluster(clusters, lambda users, rows: np.take_along_axis(logits, rows, axis=1), floor, most)
    long_UK, good_UK = source.propose(_askers(5), 150)
    assert (np.sort(long_UK, axis=1) == np.arange(150)).all()
    assert np.isfinite(good_UK).all()
    for count in (1, 17, 80):
        np.testing.assert_array_equal(source.propose(_askers(5), count)[0], long_UK[:, :count])


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 10**6), count=st.integers(1, 60))
def test_every_head_of_a_draw_is_in_proportion(seed: int, count: int) -> None:
    """Two preferences draw as Sainte-Laguë's divisors do it one by one, while no cluster has run out."""
    p = np.random.default_rng(seed).uniform(0.5, 1, size=3)
    big = replace(THREE, offsets_C1=np.arange(4) * 100, members_N=np.arange(300, dtype=np.int32))
    logit = np.zeros(300)
    logit[big.item_C] = np.log(p / (1 - p))
    drawn, _ = ByCluster(big, lambda users, rows: logit[rows].astype(np.float32), 0.3, 3).propose(
        _askers(1), count
    )
    seats = np.zeros(3)
    for _ in range(count):
        seats[np.argmax(p / (2 * seats + 1))] += 1
    np.testing.assert_array_equal(np.bincount(drawn[0] // 100, minlength=3), seats)


# Mixing


def test_sources_are_merged_in_proportion_and_without_doubles() -> None:
    """At 3 : 1 the first waits ⅔, 2, 3⅓, 4⅔ and the second 2, 6, 10, 14: 1, 2, 5, 3, 4, then (2) 6, 7."""
    first, second = _list([1, 2, 3, 4]), _list([5, 2, 6, 7])
    merged = merge([first, second], [0.75, 0.25])
    assert merged.positions_UT.tolist() == [[1, 2, 5, 3]]
    assert merged.similarity_UT.tolist() == [[4, 3, 4, 2]]
    assert merge([second, first], [0, 1]).positions_UT.tolist() == [[1, 2, 3, 4]]


def test_what_a_source_lacks_the_others_make_up() -> None:
    short, full = _list([1, NO_ITEM, NO_ITEM, NO_ITEM]), _list([5, 1, 6, 7])
    assert merge([short, full], [0.75, 0.25]).positions_UT.tolist() == [[1, 5, 6, 7]]
    assert merge([short, short], [0.5, 0.5]).positions_UT.tolist() == [[1, NO_ITEM, NO_ITEM, NO_ITEM]]


def test_quotas_are_kept_where_sources_differ() -> None:
    """Four sources that name different items: of ten places one, two, three and four."""
    found = [_list(list(range(100 * source, 100 * source + 10))) for source in range(4)]
    merged = merge(found, [0.1, 0.2, 0.3, 0.4])
    assert np.bincount(merged.positions_UT[0] // 100).tolist() == [1, 2, 3, 4]


def test_guests_get_what_is_popular_and_what_is_near_them() -> None:
    """Who has no history gives the quotas of two sources to the two others, at 1 : 3."""
    quotas = Quotas(popular=1, last_met=4, pseudo_user=4, direct=3)
    recent_A = np.where(np.arange(60) < 30, np.arange(60), 0)
    strategy = _strategy(_vectors(60), "mixed", quotas=quotas, recent_A=recent_A)
    askers = _askers(1)
    listed = strategy.candidates(askers, 8, _nothing_known(1, 60)).positions_UT[0].tolist()
    near = _strategy(_vectors(60), "direct").candidates(askers, 8, _nothing_known(1, 60)).positions_UT[0]
    popular = [item for item in (29, 28) if item in listed]
    assert len(popular) == 2
    assert set(near[:6].tolist()) <= set(listed)


def test_one_of_the_quotas_must_be_above_zero() -> None:
    with pytest.raises(ValueError, match="one of the quotas above 0"):
        Quotas(popular=0, last_met=0, pseudo_user=0, direct=0)


def test_a_quota_is_finite() -> None:
    with pytest.raises(ValueError, match="finite number"):
        Quotas(popular=float("inf"))


# The contract


def _strategy(
    vectors: Floats,
    name: str,
    *,
    index: str = "exact",
    metric: str = "cosine",
    quotas: Quotas = EVERY_SOURCE,
    recent_A: Ints | None = None,
) -> Strategy:
    options = {"index": index, "metric": metric, "strategy": name, "quotas": quotas}
    chosen = Settings.model_validate(options)
    item_vectors = ItemVectors(vectors, chosen.metric)
    retrieval = Retrieval.build(item_vectors, chosen, recent_A)
    weights = _vectors(vectors.shape[1], 1, seed=9)[:, 0]

    def score(users: Representations, rows_UK: Ints) -> Floats:
        return vectors[rows_UK] @ weights + (users.embedding_ND @ weights)[:, None]

    return build_strategy(retrieval, chosen, score)


@pytest.fixture(params=INDEXES)
def index(request: pytest.FixtureRequest) -> str:
    chosen: str = request.param
    if chosen in EXTRAS:
        pytest.importorskip(chosen)
    return chosen


@pytest.fixture(params=STRATEGIES)
def name(request: pytest.FixtureRequest) -> str:
    chosen: str = request.param
    return chosen


def test_exactly_so_many_distinct_unknown_items(index: str, name: str) -> None:
    """Users know from nothing to all but three of 300 items; T from 1 to more than there are."""
    items, rng = 300, np.random.default_rng(4)
    recent_A = rng.poisson(0.3, items)
    strategy = _strategy(_vectors(items), name, index=index, recent_A=recent_A)
    known = rng.random((12, items)) < np.linspace(0, 1, 12)[:, None]
    known[-1, :3] = False
    for count in (1, 7, 100, 400):
        found = strategy.candidates(_askers(12), count, sparse.csr_array(known.astype(np.float32)))
        assert found.positions_UT.shape == (12, min(count, items))
        for user, listed in enumerate(found.positions_UT.tolist()):
            new = [item for item in listed if item != NO_ITEM]
            assert len(set(new)) == len(new) == min(count, (~known[user]).sum())
            assert not known[user, new].any()
            assert listed[len(new) :] == [NO_ITEM] * (len(listed) - len(new))
        np.testing.assert_array_equal(np.isneginf(found.similarity_UT), found.positions_UT == NO_ITEM)


@pytest.mark.parametrize("least", [0, 150, 292, 300])
def test_exactly_so_many_that_pass_filters(index: str, name: str, least: int) -> None:
    """Against brute force, from all 300 items to none: T, or all that pass and are unknown."""
    items, rng = 300, np.random.default_rng(6)
    table = pa.table({ITEM: [str(n) for n in range(items)], "price": np.arange(float(items))})
    attributes = Attributes.build(table, Features(continuous={"price": Continuous()}))
    where = Where(attributes, (Between(feature="price", min=least),), gone_N=rng.random(items) < 0.1)
    strategy = _strategy(_vectors(items), name, index=index, recent_A=rng.poisson(0.3, items))
    known = rng.random((9, items)) < np.linspace(0, 1, 9)[:, None]
    allowed = ~known & (np.arange(items) >= least) & ~where.gone_N
    for count in (1, 7, 100, 400):
        found = strategy.candidates(_askers(9), count, sparse.csr_array(known.astype(np.float32)), where)
        assert found.positions_UT.shape == (9, min(count, items))
        for user, listed in enumerate(found.positions_UT.tolist()):
            new = [item for item in listed if item != NO_ITEM]
            assert len(set(new)) == len(new) == min(count, allowed[user].sum())
            assert allowed[user, new].all()
        np.testing.assert_array_equal(np.isneginf(found.similarity_UT), found.positions_UT == NO_ITEM)


def test_clusters_among_some_items() -> None:
    """Of 0 … 8 the even ones: the middle cluster keeps both members, the others lose half."""
    some = THREE.among(np.arange(9) % 2 == 0)
    assert [some.members(cluster).tolist() for cluster in range(3)] == [[4, 2], [0, 8], [6]]
    assert some.item_C.tolist() == THREE.item_C.tolist()
    p = {4: 0.4, 0: 0.2, 7: 0.8}
    first_only = THREE.among(np.arange(9) < 5)  # the preferred cluster is empty, so the next may be chosen
    assert _of_three(p, 0.3, 1, 9, first_only) == [4, 1, 2, 3, 0]
    none = THREE.among(np.zeros(9, dtype=np.bool_))
    assert np.diff(none.offsets_C1).tolist() == [0, 0, 0]
    assert _of_three(p, 0.3, 3, 9, none) == []


def test_each_user_alone_gets_what_he_gets_among_others(index: str, name: str) -> None:
    """However long the histories beside him are: they lengthen what the index is asked for."""
    items, rng = 300, np.random.default_rng(5)
    strategy = _strategy(_vectors(items), name, index=index, recent_A=rng.poisson(0.3, items))
    known = sparse.csr_array((rng.random((10, items)) < np.linspace(0, 0.5, 10)[:, None]).astype(np.float32))
    askers = _askers(10)
    together = strategy.candidates(askers, 20, known).positions_UT
    for user in range(10):
        alone = strategy.candidates(askers.take(np.array([user])), 20, known[[user]])
        assert alone.positions_UT[0].tolist() == together[user].tolist()


def test_nobody_and_one_item(index: str, name: str) -> None:
    strategy = _strategy(_vectors(1), name, index=index)
    assert strategy.candidates(_askers(0), 3, _nothing_known(0, 1)).positions_UT.shape == (0, 1)
    assert strategy.candidates(_askers(2), 3, _nothing_known(2, 1)).positions_UT.tolist() == [[0], [0]]


def test_saved_and_loaded_retrieval_finds_the_same(index: str, name: str, tmp_path: Path) -> None:
    chosen = Settings.model_validate({"index": index, "strategy": name, "quotas": EVERY_SOURCE})
    vectors = ItemVectors(_vectors(200), "cosine")
    built = Retrieval.build(vectors, chosen, np.arange(200))
    built.save(tmp_path / "retrieval")
    loaded = Retrieval.load(tmp_path / "retrieval", vectors, chosen)

    def score(users: Representations, rows_UK: Ints) -> Floats:
        return vectors.vectors_ND[rows_UK, 0]

    first, again = (
        build_strategy(retrieval, chosen, score).candidates(_askers(6), 30, _nothing_known(6, 200))
        for retrieval in (built, loaded)
    )
    np.testing.assert_array_equal(again.positions_UT, first.positions_UT)


def test_there_are_as_many_clusters_as_the_recipe_says() -> None:
    vectors = ItemVectors(_vectors(200), "cosine")
    for name, expected in (("cluster", 7), ("direct", 0)):
        chosen = Settings.model_validate({"strategy": name, "cluster_count": 7})
        assert len(Retrieval.build(vectors, chosen).clusters or ()) == expected


def test_the_cluster_strategy_wants_clusters() -> None:
    vectors = ItemVectors(_vectors(10), "cosine")
    without = Retrieval(build_index(vectors, Settings()))
    with pytest.raises(ValueError, match="a retrieval with clusters"):
        build_strategy(without, Settings(strategy="cluster"), lambda users, rows: rows.astype(np.float32))
