"""A view keeps what it saw, whatever happens afterwards."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from candidates.live.market import EXACT, WIDTH, names, versions
from dlrs.candidates.live.changes import Changes
from dlrs.candidates.live.generation import Generation
from dlrs.candidates.live.items import LiveItems, decoded, encoded
from dlrs.candidates.live.snapshot import Kept, Snapshot
from dlrs.candidates.live.view import View


@pytest.fixture
def generation(tmp_path: Path) -> Generation:
    items = LiveItems.of(names(range(4)), versions(range(4), 0))
    return Generation(Snapshot.write(tmp_path / "1", [(items, None)], Kept(EXACT, None), seq=10))


def _upsert(generation: Generation, numbers: list[int], version: int) -> None:
    items = LiveItems.of(names(numbers), versions(numbers, version))
    generation.apply(Changes.upserting(items), generation.seq + len(numbers))


def _delete(generation: Generation, numbers: list[int]) -> None:
    generation.apply(
        Changes.deleting(encoded(names(numbers)), generation.snapshot.items), generation.seq + len(numbers)
    )


def _seen(view: View) -> list[tuple[str, float]]:
    places, _ = view.propose(np.zeros((1, WIDTH), dtype=np.float32), 100)
    items = view.take(places[0])
    assert len(view) == len(items)
    assert not view.gone(places).any()
    return sorted(zip(decoded(items.ids_N), items.wide_N.tolist(), strict=True))


def test_a_view_does_not_see_later_changes(generation: Generation) -> None:
    before = generation.view()
    _upsert(generation, [1, 7], 1)
    between = generation.view()
    _delete(generation, [0, 7])
    _upsert(generation, [1], 2)
    assert _seen(before) == [("ad-0", 0), ("ad-1", 0), ("ad-2", 0), ("ad-3", 0)]
    assert _seen(between) == [("ad-0", 0), ("ad-1", 1), ("ad-2", 0), ("ad-3", 0), ("ad-7", 1)]
    assert _seen(generation.view()) == [("ad-1", 2), ("ad-2", 0), ("ad-3", 0)]


def test_nor_when_the_arrays_of_the_delta_have_grown(generation: Generation) -> None:
    _upsert(generation, [7], 1)
    before = generation.view()
    _upsert(generation, list(range(100, 5000)), 1)
    _delete(generation, [7])
    assert _seen(before) == [("ad-0", 0), ("ad-1", 0), ("ad-2", 0), ("ad-3", 0), ("ad-7", 1)]
    assert generation.view().find(encoded(names([7, 100, 4999]))).tolist() == [4, 5, 4904]


def test_where_an_id_stands_is_where_the_view_saw_it(generation: Generation) -> None:
    _upsert(generation, [1, 7], 1)
    before = generation.view()
    _upsert(generation, [7, 1, 0], 2)
    ids = encoded(names([0, 1, 7, 8]))
    assert before.find(ids).tolist() == [0, 4, 5, -1]
    now = generation.view()
    assert now.find(ids).tolist() == [8, 7, 6, -1]
    assert now.gone(np.array([[0, 1, 2], [4, 5, 6], [7, 8, -1]])).tolist() == [
        [True, True, False],
        [True, True, False],
        [False, False, False],
    ]


def test_items_in_the_order_of_their_ids(generation: Generation) -> None:
    _upsert(generation, [10, 2, 9, 0], 1)
    _delete(generation, [3])
    view = generation.view()
    items = view.take(view.in_order())
    assert decoded(items.ids_N) == ["ad-0", "ad-1", "ad-10", "ad-2", "ad-9"]
    assert items.wide_N.tolist() == [1, 0, 1, 1, 1]


def test_of_several_changes_the_last_one_of_each_id_counts() -> None:
    ids = encoded(names([3, 1, 3, 1, 2]))
    items = LiveItems(ids, np.arange(20, dtype=np.float32).reshape(5, 4), np.arange(5, dtype=np.float32))
    newest = Changes(items, np.array([False, False, False, True, False])).newest()
    assert decoded(newest.items.ids_N) == ["ad-1", "ad-2", "ad-3"]
    assert newest.items.wide_N.tolist() == [3, 4, 2]
    assert newest.gone_B.tolist() == [True, False, False]
