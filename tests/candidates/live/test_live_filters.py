"""Filters over what came, changed and went, against brute force: before a fold, after it, opened again."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from candidates.live.market import EXACT, WIDTH, make, upsert, versions
from dlrs.candidates.filtering.filters import AnyOf, Between, Filter, NoneOf
from dlrs.candidates.live.live_index import LiveIndex
from dlrs.errors import DataError, RequestError
from filter_cases import FEATURES, Record, catalogues, filter_lists, passing_rows, records, table_of

NOWHERE = np.zeros((1, WIDTH), dtype=np.float32)
EVERYTHING = 1000


def _put(live: LiveIndex, rows: list[Record]) -> None:
    numbers = [int(row["item_id"]) for row in rows]
    live.upsert([row["item_id"] for row in rows], versions(numbers, 1), table_of(rows))


def _states(folder: Path, first: list[Record], later: list[Record], gone: list[str]) -> Iterator[LiveIndex]:
    """Yield the same items in a delta, in a snapshot, and opened again."""
    ids = [row["item_id"] for row in first]
    items = versions([int(id) for id in ids], 0)
    LiveIndex.create(folder, ids, items, EXACT, facts=table_of(first), features=FEATURES)
    with LiveIndex.open(folder) as live:
        _put(live, later)
        live.delete(gone)
        yield live
    with LiveIndex.open(folder) as live:
        yield live
        live.fold()
        yield live
    with LiveIndex.open(folder) as live:
        yield live


@settings(max_examples=12, deadline=None)
@given(
    rows=catalogues(most=20),
    changed=st.dictionaries(st.integers(0, 30).map(str), records, max_size=8),
    gone=st.lists(st.integers(0, 30).map(str), max_size=5),
    wanted=filter_lists,
    count=st.integers(1, 12),
)
def test_exactly_those_that_pass_are_found(
    rows: list[Record], changed: dict[str, Record], gone: list[str], wanted: list[Filter], count: int
) -> None:
    later = [{"item_id": id, **record} for id, record in changed.items()]
    there: dict[str, Any] = {row["item_id"]: row for row in [*rows, *later]}
    there = {id: row for id, row in there.items() if id not in gone}
    passing = [list(there)[row] for row in passing_rows(list(there.values()), wanted)]
    nearest = sorted(passing, key=int)
    with tempfile.TemporaryDirectory() as folder, mock.patch("os.fsync"):  # no machine stops here
        for live in _states(Path(folder) / "live", rows, later, gone):
            # number and version are the coordinates: of two with one number there is only one
            assert sorted(live.search(NOWHERE, EVERYTHING, filters=wanted).ids(0), key=int) == nearest
            known = nearest[:2]
            found = live.search(NOWHERE, count, known=[known], filters=wanted).ids(0)
            assert found == nearest[2 : 2 + count]
            reason = live.explain(wanted, count, len(found))
            assert (reason is None) == (len(found) == count)
            if reason is not None:
                assert reason.matching == len(passing)
                assert reason.reason == ("known" if len(passing) >= count else "few pass")
                assert reason.alone == tuple(len(passing_rows(list(there.values()), [one])) for one in wanted)


def _row(id: str, price: float) -> Record:
    blank = {"released": None, "latitude": None, "longitude": None, "fuel": None, "seller": None, "tags": []}
    return {"item_id": id, "price": price, **blank}


def test_a_new_price_counts_at_once(tmp_path: Path) -> None:
    states = _states(tmp_path / "live", [_row("1", 10), _row("2", 20)], [_row("1", 30)], [])
    for live in states:
        assert live.search(NOWHERE, 5, filters=[Between(feature="price", max=20)]).ids(0) == ["2"]
        assert live.search(NOWHERE, 5, filters=[Between(feature="price", min=21)]).ids(0) == ["1"]


def test_filters_of_a_live_index_without_features_are_refused(tmp_path: Path) -> None:
    with LiveIndex.open(make(tmp_path / "live", 3)) as live:
        upsert(live, [7], 1)
        with pytest.raises(RequestError, match="created without features"):
            live.search(NOWHERE, 5, filters=[NoneOf(feature="item_id", none_of=("ad-1",))])
        with pytest.raises(DataError, match="expected none, as when the index was created, received some"):
            live.upsert(["x"], versions([9], 1), table_of([_row("9", 1)]))


def test_filters_that_do_not_fit_are_refused(tmp_path: Path) -> None:
    for live in _states(tmp_path / "live", [_row("1", 10)], [], []):
        with pytest.raises(RequestError, match="'prize', by which nothing can be filtered"):
            live.search(NOWHERE, 5, filters=[AnyOf(feature="prize", any_of=("x",))])


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        (None, "expected a table of them"),
        (table_of([_row("1", 1), _row("2", 1)]), "a row for each of 1 items, received 2"),
        (table_of([_row("1", 1)]).drop_columns(["fuel"]), "expected a column 'fuel'"),
        (
            table_of([_row("1", 1)]).drop_columns(["price"]).append_column("price", pa.array(["cheap"])),
            "cheap",
        ),
    ],
)
def test_facts_that_do_not_fit_are_refused_with_their_items(
    tmp_path: Path, facts: pa.Table | None, expected: str
) -> None:
    states = _states(tmp_path / "live", [_row("1", 10)], [], [])
    live = next(states)
    with pytest.raises(DataError, match=expected):
        live.upsert(["9"], versions([9], 1), facts)
    assert live.search(NOWHERE, 5).ids(0) == ["1"]
    live.close()


def test_more_gone_than_listed_and_a_delta_that_grew(tmp_path: Path) -> None:
    """Enough items for the arrays of the delta to be replaced by larger ones."""
    rows = [_row(str(number), number % 10) for number in range(3000)]
    cheap = [Between(feature="price", max=1)]
    for live in _states(tmp_path / "live", rows[:500], rows[400:], [str(n) for n in range(2000)]):
        expected = [str(number) for number in range(2000, 3000) if number % 10 <= 1]
        assert sorted(live.search(NOWHERE, EVERYTHING, filters=cheap).ids(0)) == expected
