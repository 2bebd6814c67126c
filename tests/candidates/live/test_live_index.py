"""What a live index promises, one promise a test."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from candidates.live.market import EXACT, WIDTH, all_of, contents, make, names, snapshots, upsert, versions
from dlrs.arrays import NO_ITEM, Floats, Ints
from dlrs.candidates.exact import ExactIndex
from dlrs.candidates.live.live_index import LiveIndex

NOWHERE = np.zeros((1, WIDTH), dtype=np.float32)


def _query(number: float, version: float) -> np.ndarray:
    return np.array([[number, version, 0, 1]], dtype=np.float32)


def test_what_it_was_made_of_is_found_nearest_first(folder: Path) -> None:
    with LiveIndex.open(folder) as live:
        found = live.search(_query(3.1, 0), 3)
    assert found.ids(0) == ["ad-3", "ad-4", "ad-2"]
    np.testing.assert_allclose(found.candidates.similarity_UT, [[-0.01, -0.81, -1.21]], rtol=1e-4)
    np.testing.assert_array_equal(found.items.representations.wide_N, np.zeros(3))


def test_an_upserted_item_is_found_at_once(folder: Path) -> None:
    with LiveIndex.open(folder) as live:
        upsert(live, [9], 2)
        found = live.search(_query(9, 2), 1)
        assert all_of(found) == {"ad-9": 2}
        assert found.candidates.similarity_UT.tolist() == [[0]]


def test_a_newer_version_takes_the_place_of_the_older_one(folder: Path) -> None:
    with LiveIndex.open(folder) as live:
        for version in (1, 2):  # of an item in the snapshot, then of one in the delta
            upsert(live, [3], version)
            assert contents(live) == {"ad-0": 0, "ad-1": 0, "ad-2": 0, "ad-3": version, "ad-4": 0}


def test_a_deleted_item_is_gone_at_once_and_may_come_back(folder: Path) -> None:
    with LiveIndex.open(folder) as live:
        upsert(live, [9], 2)
        assert live.delete(names([1, 9, 77])) == 2
        assert contents(live) == {"ad-0": 0, "ad-2": 0, "ad-3": 0, "ad-4": 0}
        assert live.delete(names([1, 9])) == 0
        upsert(live, [9, 1], 3)
        assert contents(live) == {"ad-0": 0, "ad-1": 3, "ad-2": 0, "ad-3": 0, "ad-4": 0, "ad-9": 3}


def test_items_that_are_gone_cost_no_place(tmp_path: Path) -> None:
    """More of the nearest are gone than are asked for in reserve, in the snapshot and in the delta."""
    with LiveIndex.open(make(tmp_path / "live", 1000)) as live:
        live.delete(names(range(600)))
        upsert(live, range(1000, 1600), 0)
        live.delete(names(range(1000, 1400)))
        assert live.search(NOWHERE, 3).ids(0) == ["ad-600", "ad-601", "ad-602"]
        assert live.search(_query(1001, 0), 2).ids(0) == ["ad-999", "ad-998"]


def test_known_items_cost_no_place(folder: Path) -> None:
    with LiveIndex.open(folder) as live:
        upsert(live, [1, 9], 1)
        known = [names([0, 1]), names([2, 3, 1234]), []]
        found = live.search(np.zeros((3, WIDTH), dtype=np.float32), 2, known=known)
        assert [found.ids(user) for user in range(3)] == [
            ["ad-2", "ad-3"],
            ["ad-0", "ad-1"],
            ["ad-0", "ad-1"],
        ]


@pytest.mark.parametrize(
    "near", [0, 50, 150, 450, 1990]
)  # found at once, when asked again, by looking them up
def test_one_user_gets_the_nearest_that_he_does_not_know(tmp_path: Path, near: int) -> None:
    with LiveIndex.open(make(tmp_path / "live", 2000)) as live:
        known = names([*range(near), *range(5000, 6000)])
        expected = names(range(2000)[near : near + 20])
        found = live.search(NOWHERE, 20, known=[known])
        assert found.ids(0) == expected
        assert (np.diff(found.candidates.similarity_UT[0, : len(expected)]) < 0).all()


def test_many_users_get_what_each_would_get_alone(folder: Path) -> None:
    with LiveIndex.open(folder) as live:
        upsert(live, [2, 9], 1)
        queries = np.random.default_rng(0).normal(size=(300, WIDTH)).astype(np.float32)
        found = live.search(queries, 4)
        for user in (0, 127, 128, 299):
            alone = live.search(queries[[user]], 4)
            assert found.ids(user) == alone.ids(0)
            assert all_of(found, user) == all_of(alone)
            np.testing.assert_array_equal(
                found.candidates.similarity_UT[user], alone.candidates.similarity_UT[0]
            )


def test_nobody_gets_nothing(folder: Path) -> None:
    with LiveIndex.open(folder) as live:
        assert live.search(np.empty((0, WIDTH), dtype=np.float32), 4).candidates.positions_UT.shape == (0, 4)


@pytest.fixture
def meanwhile(monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[[], object]], None]:
    """Let something happen in each search, after the index has answered."""

    def happens(what: Callable[[], object]) -> None:
        def propose(index: ExactIndex, queries: Floats, count: int) -> tuple[Ints, Floats]:
            answer = honest(index, queries, count)
            what()
            return answer

        honest = ExactIndex.propose
        monkeypatch.setattr(ExactIndex, "propose", propose)

    return happens


def test_what_is_deleted_while_a_search_goes_on_is_not_in_its_answer(
    folder: Path, meanwhile: Callable[[Callable[[], object]], None]
) -> None:
    with LiveIndex.open(folder) as live:
        upsert(live, [0], 1)
        meanwhile(lambda: live.delete(names([0, 1])))
        assert live.search(NOWHERE, 3).ids(0) == ["ad-2", "ad-3", "ad-4"]


def test_what_is_deleted_and_folded_away_while_a_search_goes_on_is_not_either(
    folder: Path, meanwhile: Callable[[Callable[[], object]], None]
) -> None:
    once = iter([True])

    def fold() -> None:
        if next(once, False):
            live.delete(names([1]))
            upsert(live, [2], 1)
            live.fold()

    with LiveIndex.open(folder) as live:
        meanwhile(fold)
        assert all_of(live.search(NOWHERE, 4)) == {"ad-0": 0, "ad-2": 1, "ad-3": 0, "ad-4": 0}


def test_where_items_go_faster_than_a_search_its_answer_is_shorter(
    folder: Path, meanwhile: Callable[[Callable[[], object]], None]
) -> None:
    going = iter(range(3))
    with LiveIndex.open(folder) as live:
        meanwhile(lambda: live.delete(names([next(going)])))
        found = live.search(NOWHERE, 2)
        assert found.ids(0) == ["ad-3"]
        assert found.candidates.positions_UT[0, 1] == NO_ITEM


def test_what_is_replaced_while_a_search_goes_on_is_there_once(
    folder: Path, meanwhile: Callable[[Callable[[], object]], None]
) -> None:
    with LiveIndex.open(folder) as live:
        meanwhile(lambda: upsert(live, [1], 5))
        assert all_of(live.search(NOWHERE, 9)) == dict.fromkeys(names(range(5)), 0)
        assert all_of(live.search(NOWHERE, 9)) == dict.fromkeys(names(range(5)), 0) | {"ad-1": 5}


def test_a_fold_changes_no_answer_and_leaves_one_snapshot(folder: Path) -> None:
    with LiveIndex.open(folder) as live:
        upsert(live, [3, 9], 1)
        live.delete(names([0]))
        before = contents(live)
        live.fold()
        assert contents(live) == before == {"ad-1": 0, "ad-2": 0, "ad-3": 1, "ad-4": 0, "ad-9": 1}
        assert snapshots(folder) == ["2"]
        assert live._log._base.execute("SELECT count(*) FROM change").fetchone() == (0,)
        live.fold()  # of nothing
        assert snapshots(folder) == ["2"]


def test_all_is_there_again_when_it_is_opened_again(folder: Path) -> None:
    with LiveIndex.open(folder) as live:
        upsert(live, [3, 9], 1)
        live.fold()
        upsert(live, [9], 2)
        live.delete(names([0]))
    for _ in range(2):
        with LiveIndex.open(folder) as live:
            assert contents(live) == {"ad-1": 0, "ad-2": 0, "ad-3": 1, "ad-4": 0, "ad-9": 2}


def test_it_folds_by_itself_after_so_many_changes(folder: Path) -> None:
    with LiveIndex.open(folder, fold_at=3) as live:
        upsert(live, [3, 9], 1)
        live.delete(names([1]))
    assert snapshots(folder) == ["2"]  # closing waits for it
    with LiveIndex.open(folder) as live:
        assert live.failure is None
        assert contents(live) == {"ad-0": 0, "ad-2": 0, "ad-3": 1, "ad-4": 0, "ad-9": 1}


def test_all_items_may_go_and_others_come(folder: Path) -> None:
    with LiveIndex.open(folder) as live:
        live.delete(names(range(5)))
        assert contents(live) == {}
        live.fold()
        assert contents(live) == {}
        upsert(live, [7], 1)
        assert contents(live) == {"ad-7": 1}
        live.fold()
        assert contents(live) == {"ad-7": 1}


def test_ids_may_be_any_text(tmp_path: Path) -> None:
    """Longer than all that were there, and not of the Latin alphabet; they sort as text does."""
    ids = ["ä", "b", "車", "a" * 300, "z z", "\U0001f698"]
    LiveIndex.create(tmp_path / "live", ["b"], versions([1], 0), EXACT)
    with LiveIndex.open(tmp_path / "live") as live:
        for _ in range(2):
            live.upsert(ids, versions(range(6), 1))
            assert live.search(NOWHERE, 10).ids(0) == ids
            assert live.delete(["a" * 299, "a" * 301]) == 0
            live.fold()
        assert live.delete(["a" * 300, "車"]) == 2
