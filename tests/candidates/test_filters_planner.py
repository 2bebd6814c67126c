"""Filtered candidates: exactly as many as asked for whenever they exist, whatever the index and the way."""

from __future__ import annotations

from typing import get_args

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from scipy import sparse

from dlrs.arrays import NO_ITEM, Bools, Floats, Ints
from dlrs.candidates.building import build_index
from dlrs.candidates.filtering import planner
from dlrs.candidates.filtering.attributes import Attributes
from dlrs.candidates.filtering.filters import AnyOf, Between, Filter, NoneOf
from dlrs.candidates.filtering.planner import Filtered, OverVectors
from dlrs.candidates.filtering.shortfall import explain
from dlrs.candidates.filtering.where import Where
from dlrs.candidates.generator import Candidates, generate
from dlrs.candidates.index import ItemIndex, Proposes, SelectiveIndex
from dlrs.candidates.vectors import ItemVectors
from dlrs.schema import ITEM
from dlrs.settings.candidates import Candidates as Settings
from filter_cases import FEATURES, Record, catalogues, filter_lists, passing_rows, table_of

INDEXES = get_args(Settings.model_fields["index"].annotation)
FOREVER = 10**9
LIMITS = {"over-fetch": (-1, FOREVER), "among": (-1, 0), "listed": (FOREVER, 0)}
"""LISTED and FETCHED that make the planner begin with each way."""


@pytest.fixture(params=INDEXES)
def kind(request: pytest.FixtureRequest) -> str:
    chosen: str = request.param
    if chosen == "annoy":
        pytest.importorskip("annoy", reason="needs the extra annoy")
    return chosen


@pytest.fixture(params=[*LIMITS, "as decided"])
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    chosen: str = request.param
    if chosen in LIMITS:
        monkeypatch.setattr(planner, "LISTED", LIMITS[chosen][0])
        monkeypatch.setattr(planner, "FETCHED", LIMITS[chosen][1])
    return chosen


def _index(kind: str, vectors: Floats) -> ItemIndex:
    return build_index(ItemVectors(vectors, "euclidean"), Settings.model_validate({"index": kind}))


def _vectors(rows: int, seed: int = 0) -> Floats:
    return np.random.default_rng(seed).normal(size=(rows, 4)).astype(np.float32)


def _nothing_known(users: int, items: int) -> sparse.csr_array:
    return sparse.csr_array((users, items), dtype=np.float32)


def _assert_right(
    found: Candidates, vectors: Floats, queries: Floats, allowed_UN: Bools, count: int, nearest: bool
) -> None:
    """Each user has distinct allowed items, as many as there are up to the count, nearest first."""
    for rows, near, query, allowed in zip(
        found.positions_UT, found.similarity_UT, queries, allowed_UN, strict=True
    ):
        got = rows[rows != NO_ITEM]
        assert len(set(got.tolist())) == len(got) == min(count, allowed.sum())
        assert allowed[got].all()
        similarity = -((vectors - query) ** 2).sum(axis=1)
        np.testing.assert_allclose(near[: len(got)], similarity[got], rtol=1e-4, atol=1e-5)
        assert (np.diff(near[: len(got)]) <= 0).all()
        assert np.isneginf(near[len(got) :]).all()
        if nearest:
            best = np.sort(similarity[allowed])[::-1][: len(got)]
            np.testing.assert_allclose(near[: len(got)], best, rtol=1e-4, atol=1e-5)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60, deadline=None)
@given(catalogues(), filter_lists, st.integers(1, 45), st.randoms())
def test_exactly_so_many_and_the_nearest(
    kind: str, way: str, rows: list[Record], filters: list[Filter], count: int, random: object
) -> None:
    """Random catalogues, filters, known and gone items against brute force. In clusters so few are one."""
    rng = np.random.default_rng(random.getrandbits(32))  # type: ignore[attr-defined]
    vectors, queries = _vectors(len(rows)), _vectors(3, seed=1)
    known_UN = rng.random((3, len(rows))) < rng.choice([0, 0.1, 0.8])
    gone_N = rng.random(len(rows)) < rng.choice([0, 0.3])
    where = Where(Attributes.build(table_of(rows), FEATURES), tuple(filters), gone_N)
    found = generate(
        _index(kind, vectors), queries, count, sparse.csr_array(known_UN, dtype=np.float32), where
    )
    passes_N = np.isin(np.arange(len(rows)), passing_rows(rows, filters))
    exact = kind in ("exact", "ivf") or way in ("listed", "as decided")
    _assert_right(found, vectors, queries, passes_N & ~gone_N & ~known_UN, count, nearest=exact)


def _thousands(rows: int) -> list[Record]:
    return [{ITEM: str(n), "price": float(n), "fuel": "ab"[n % 2], "tags": []} for n in range(rows)]


@pytest.mark.parametrize("least", [0, 2500, 2980, 2999, 3000])
@pytest.mark.parametrize("count", [1, 15, 400])
def test_exactly_so_many_of_thousands(kind: str, way: str, least: int, count: int) -> None:
    """An index may miss near items, never the count; the filters know nothing of the vectors."""
    vectors, queries = _vectors(3000), _vectors(4, seed=1)
    filters = (Between(feature="price", min=least), AnyOf(feature="fuel", any_of=("a",)))
    attributes = Attributes.build(table_of(_thousands(3000)), FEATURES)
    known_UN = np.random.default_rng(2).random((4, 3000)) < np.array([[0.0], [0.01], [0.5], [0.99]])
    known = sparse.csr_array(known_UN, dtype=np.float32)
    found = generate(_index(kind, vectors), queries, count, known, Where(attributes, filters))
    passes_N = (np.arange(3000) >= least) & (np.arange(3000) % 2 == 0)
    _assert_right(found, vectors, queries, passes_N & ~known_UN, count, nearest=kind == "exact")


def test_over_fetching_falls_on_where_the_near_items_do_not_pass(
    kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Half of the items pass, but none of the nearest thousand: the first way brings nothing."""
    vectors = np.concatenate([_vectors(1500) - 10, _vectors(1500) + 10])
    queries = np.full((1, 4), -10, dtype=np.float32)
    where = Where(
        Attributes.build(table_of(_thousands(3000)), FEATURES), (Between(feature="price", min=1500),)
    )
    monkeypatch.setattr(planner, "LISTED", 100)
    filtered = Filtered(_index(kind, vectors), where)
    assert filtered.plans(20)[0] == "over-fetch"
    assert filtered.plans(20)[-1] == "listed"
    assert (filtered._over_fetch(queries, 20)[0] == NO_ITEM).all()
    found = generate(filtered.index, queries, 20, _nothing_known(1, 3000), where)
    expected = 1500 + np.argsort(((vectors[1500:] - queries) ** 2).sum(axis=1))[:20]
    assert found.positions_UT[0].tolist() == expected.tolist()


def test_the_way_depends_on_how_many_pass(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(planner, "LISTED", 100)
    monkeypatch.setattr(planner, "FETCHED", 100)
    attributes = Attributes.build(table_of(_thousands(3000)), FEATURES)
    index = _index("exact", _vectors(3000))
    assert isinstance(index, SelectiveIndex)
    assert isinstance(index, OverVectors)

    def plans(least: int, count: int) -> tuple[str, ...]:
        return Filtered(index, Where(attributes, (Between(feature="price", min=least),))).plans(count)

    assert plans(2900, 10) == ("listed",)  # 100 pass
    assert plans(2700, 10) == ("among", "listed")  # a tenth: 100 would be fetched, and some to spare
    assert plans(600, 10) == ("over-fetch", "among", "listed")
    assert plans(600, 70) == ("among", "listed")
    two = (Between(feature="price", min=1500), Between(feature="price", max=1520))
    assert Filtered(index, Where(attributes, two)).plans(10) == ("listed",)  # neither is tight, both are


class _Popular:
    """An index without vectors: the same items for everybody."""

    def __init__(self, items: int) -> None:
        self.items = items
        self.asked: list[int] = []

    def __len__(self) -> int:
        return self.items

    def propose(self, queries_UD: Floats, count: int) -> tuple[Ints, Floats]:
        self.asked.append(count)
        rows = np.tile(np.arange(min(count, self.items)), (len(queries_UD), 1))
        return rows, -rows.astype(np.float32)


@pytest.mark.parametrize("listed", [0, FOREVER])
def test_what_has_no_vectors_can_be_filtered(listed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(planner, "LISTED", listed)
    index: Proposes = _Popular(3000)
    attributes = Attributes.build(table_of(_thousands(3000)), FEATURES)
    where = Where(attributes, (Between(feature="price", min=2990), NoneOf(feature="fuel", none_of=("a",))))
    found = generate(index, _vectors(1), 4, _nothing_known(1, 3000), where)
    assert found.positions_UT.tolist() == [[2991, 2993, 2995, 2997]]


def test_known_items_that_do_not_pass_lengthen_no_search(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two of the thousand known items pass: for three results, five are needed and 13 fetched."""
    monkeypatch.setattr(planner, "LISTED", 0)
    index = _Popular(3000)
    where = Where(
        Attributes.build(table_of(_thousands(3000)), FEATURES), (AnyOf(feature="fuel", any_of=("a",)),)
    )
    known = np.zeros((1, 3000), dtype=np.float32)
    known[0, 1:2000:2] = known[0, [0, 4]] = 1
    found = generate(index, _vectors(1), 3, sparse.csr_array(known), where)
    assert found.positions_UT.tolist() == [[2, 6, 8]]
    assert index.asked == [pytest.approx(5 * planner.SPARE / where.share, abs=1)]


def test_nobody_and_nothing(kind: str) -> None:
    where = Where(Attributes.build(table_of(_thousands(5)), FEATURES), (Between(feature="price", min=9),))
    index = _index(kind, _vectors(5))
    assert generate(index, _vectors(0), 4, _nothing_known(0, 5), where).positions_UT.shape[0] == 0
    assert (generate(index, _vectors(2), 4, _nothing_known(2, 5), where).positions_UT == NO_ITEM).all()


# Why a list is short


def test_the_reason_is_the_filter_that_keeps_most_out() -> None:
    attributes = Attributes.build(table_of(_thousands(100)), FEATURES)
    filters = (
        Between(feature="price", max=9),  # 10 alone; without it 5 pass
        AnyOf(feature="fuel", any_of=("a",)),  # 50 alone; without it one
        Between(feature="price", min=9),  # 91 alone; without it 5
    )
    where = Where(attributes, filters)
    shortfall = explain(where, asked=4, found=0)
    assert shortfall is not None
    assert shortfall.reason == "few pass"
    assert (shortfall.asked, shortfall.found, shortfall.matching) == (4, 0, 0)
    assert shortfall.alone == (10, 50, 91)
    assert shortfall.without == (45, 1, 5)
    assert shortfall.tightest == 0


def test_known_items_are_another_reason_and_gone_ones_count_nowhere() -> None:
    attributes = Attributes.build(table_of(_thousands(10)), FEATURES)
    gone_N = np.arange(10) == 0
    where = Where(attributes, (AnyOf(feature="fuel", any_of=("a",)),), gone_N)
    shortfall = explain(where, asked=4, found=3)
    assert shortfall is not None
    assert (shortfall.reason, shortfall.matching, shortfall.alone, shortfall.without) == (
        "known",
        4,
        (4,),
        (9,),
    )
    short = explain(Where(attributes), asked=20, found=10)
    assert short is not None
    assert (short.reason, short.tightest) == ("few pass", None)
    assert explain(where, asked=4, found=4) is None
