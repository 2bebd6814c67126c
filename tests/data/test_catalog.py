from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from dlrs.data.catalog import FOREVER, Catalog

#            item 0: [10, 20) [20, 30)     item 1: [0, ∞)     item 2: [25, ∞)
CATALOG = Catalog(
    items=3,
    item_V=np.array([0, 0, 1, 2]),
    valid_from_V=np.array([10, 20, 0, 25]),
    valid_to_V=np.array([20, 30, FOREVER, FOREVER]),
)


def test_the_version_that_held_or_the_nearest() -> None:
    items_P = np.array([0, 0, 0, 0, 1, 2, 2])
    times_P = np.array([5, 10, 19, 99, 7, 24, 25])
    assert CATALOG.version_at(items_P, times_P).tolist() == [0, 0, 0, 1, 2, 3, 3]


def test_alive() -> None:
    assert CATALOG.alive_at(20).tolist() == [1, 2]
    assert CATALOG.alive_at(30).tolist() == [2, 3]
    assert CATALOG.alive_between(15, 25).tolist() == [0, 2]  # features from the first version in it
    assert CATALOG.alive_between(29, 99).tolist() == [1, 2, 3]


@given(
    st.lists(st.lists(st.integers(0, 30), min_size=1, max_size=5, unique=True), min_size=1, max_size=5),
    st.data(),
)
def test_version_at_agrees_with_a_plain_search(starts: list[list[int]], data: st.DataObject) -> None:
    item_V = np.array([i for i, times in enumerate(starts) for _ in times])
    from_V = np.array([t for times in starts for t in sorted(times)])
    catalog = Catalog(len(starts), item_V, from_V, np.full(len(from_V), FOREVER))
    item = data.draw(st.integers(0, len(starts) - 1))
    time = data.draw(st.integers(-1, 31))
    own = [v for v in range(len(item_V)) if item_V[v] == item]
    expected = max((v for v in own if from_V[v] <= time), default=own[0])
    assert catalog.version_at(np.array([item]), np.array([time])).tolist() == [expected]
