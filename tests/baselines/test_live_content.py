"""Content-kNN at any moment: descriptions as they are by then, by hand."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import sparse

from baselines.planted import SPACE, encode
from dlrs.baselines.live_content import LiveContent
from dlrs.data.catalog import FOREVER, Catalog

# items 0, 1 and 2 are there from 0 on; item 1 changes its colour at 20; item 3 comes at 10
VERSIONS = encode(
    np.array(
        [
            [1, 0, 0, 0, 1, 0],  # item 0: colour 0, kind 0
            [1, 0, 0, 0, 0, 1],  # item 1: colour 0, kind 1
            [0, 1, 0, 0, 0, 1],  # item 1 from 20 on: colour 1
            [0, 1, 0, 0, 0, 1],  # item 2: colour 1, kind 1
            [1, 0, 0, 0, 1, 0],  # item 3: colour 0, kind 0
        ]
    ),
    np.zeros((5, 1)),
)
CATALOG = Catalog(
    items=4,
    item_V=np.array([0, 1, 1, 2, 3]),
    valid_from_V=np.array([0, 0, 20, 0, 10]),
    valid_to_V=np.array([FOREVER, 20, FOREVER, FOREVER, FOREVER]),
)
ONE, TWO = np.log(4 / 2), np.log(4 / 3)  # a column that one, or two, of the three first items have
FIRST = np.array([TWO, ONE]) / np.hypot(ONE, TWO)  # item 0: colour 0, kind 0


def scores(until: int, met: list[int], items: list[int]) -> dict[int, float]:
    model = LiveContent.fit(VERSIONS, SPACE, CATALOG, until=5)
    known_RN = sparse.csr_array(np.array([np.bincount(met, minlength=4)], dtype=np.float32))
    ranking = model.recommend(until, np.array([9]), np.array(items), 4, known_RN=known_RN)
    found = zip(ranking.items_UK[0].tolist(), ranking.scores_UK[0].tolist(), strict=True)
    return {item: score for item, score in found if item >= 0}


def test_a_new_item_is_near_what_it_is_like() -> None:
    found = scores(10, [0], [0, 1, 2, 3])
    assert list(found) == [3, 1, 2]
    shared = FIRST[0] * TWO / np.hypot(TWO, TWO)  # of items 0 and 1: the colour
    assert list(found.values()) == pytest.approx([1, shared, 0])


def test_an_item_is_described_as_it_is_at_the_moment() -> None:
    assert scores(19, [0], [1])[1] > 0
    assert scores(20, [0], [1])[1] == 0
    assert scores(20, [2], [1])[1] == pytest.approx(1)


def test_weights_know_nothing_of_what_comes_after_the_fit() -> None:
    early = LiveContent.fit(VERSIONS, SPACE, CATALOG, until=5)
    assert early.unit_VK[[0]].toarray()[0, [0, 4]] == pytest.approx(FIRST)
    late = LiveContent.fit(VERSIONS, SPACE, CATALOG, until=11)
    assert late.unit_VK[[0]].toarray()[0, [0, 4]] != pytest.approx(FIRST)


def test_who_met_nothing_gets_the_order_of_item_rows() -> None:
    assert scores(10, [], [0, 1, 2, 3]) == {0: 0, 1: 0, 2: 0, 3: 0}
