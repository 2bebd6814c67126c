"""The golden log: ten events whose every metric is worked out by hand.

Times are days; the cut is day 10, the test ends on day 20. Catalogues:

    item  alive      met before the cut       in the catalogue of
    0     0 – ∞      yes                      window, cut
    1     0 – ∞      yes                      window, cut
    2     0 – 12     yes                      window, cut
    3     0 – 8      yes                      –
    4     11 – ∞     no, it is born later     window (its version of day 11, not that of day 15)
    5     0 – ∞      no, nobody wanted it     window, cut

    event  day  user  item   what becomes of it in the window universe
    1      1    0     0      known
    2      2    1     1      known
    3      3    0     3      known
    4      4    2     2      known
    5      11   0     0      left out: known to user 0
    6      12   0     1      relevant to user 0, warm
    7      13   0     4      relevant to user 0, cold
    8      14   1     3      left out: not in the catalogue, and user 1 has nothing else
    9      15   2     1      relevant to user 2, warm
    10     16   3     0      left out: user 3 has no profile
"""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import partial

import numpy as np
import pytest
from scipy import sparse

from dlrs.arrays import NO_ITEM, Floats, Ints
from dlrs.data.catalog import FOREVER, Catalog
from dlrs.data.interactions import Interactions
from dlrs.evaluation.alone import evaluate_alone, tests_alone
from dlrs.evaluation.judged import Judged, Yardsticks, evaluate
from dlrs.evaluation.pairs import BalancedPairs
from dlrs.evaluation.report import Report
from dlrs.evaluation.static import StaticTest, static_test
from dlrs.evaluation.summary import summarise
from dlrs.recommenders.recommender import Ranking
from dlrs.statistics import DataStatistics, spread, stretch, timeline

DAY = 86_400_000_000
KS = (1, 3)


def make_interactions(day_user_item: list[tuple[int, int, int]]) -> Interactions:
    day_E, user_E, item_E = np.array(day_user_item, dtype=np.int64).reshape(-1, 3).T
    nothing_E = np.zeros_like(day_E)
    return Interactions(
        user_E=user_E, item_E=item_E, version_E=nothing_E, type_E=nothing_E, time_E=day_E * DAY
    )


def golden_interactions() -> Interactions:
    before = [(1, 0, 0), (2, 1, 1), (3, 0, 3), (4, 2, 2)]
    after = [(11, 0, 0), (12, 0, 1), (13, 0, 4), (14, 1, 3), (15, 2, 1), (16, 3, 0)]
    return make_interactions(before + after)


def golden_catalog() -> Catalog:
    return Catalog(
        items=6,
        item_V=np.array([0, 1, 2, 3, 4, 4, 5]),
        valid_from_V=np.array([0, 0, 0, 0, 11, 15, 0]) * DAY,
        valid_to_V=np.array([FOREVER, FOREVER, 12 * DAY, 8 * DAY, 15 * DAY, FOREVER, FOREVER]),
    )


@dataclass
class FixedLists:
    """Recommends what it was told to, by user row; pads the rest. Scores an item by its row."""

    lists: dict[int, list[int]]
    blocks: list[int] = field(default_factory=list)

    def recommend(self, users_U: Ints, k: int, *, known_UN: sparse.csr_array) -> Ranking:
        assert known_UN.shape[0] == len(users_U)
        self.blocks.append(len(users_U))
        padded = [(self.lists[user] + [NO_ITEM] * k)[:k] for user in users_U.tolist()]
        items_UK = np.array(padded, dtype=np.int64)
        scores_UK = np.where(items_UK == NO_ITEM, -np.inf, -np.arange(k)).astype(np.float32)
        return Ranking(items_UK, scores_UK)

    def score(self, users_P: Ints, items_P: Ints) -> Floats:
        assert users_P.shape == items_P.shape
        return items_P.astype(np.float32)


def golden_alone(versions_A: Ints) -> dict[str, FixedLists]:
    """What both list of warm items alone (0, 1 and 2), and of cold ones (4 and 5)."""
    if 4 in versions_A:
        return {"ours": FixedLists({0: [5, 4]}), "rival": FixedLists({0: [4]})}
    return {"ours": FixedLists({0: [1, 2], 2: [0, 1]}), "rival": FixedLists({0: [2], 2: [0]})}


@pytest.fixture
def interactions_of() -> Callable[[list[tuple[int, int, int]]], Interactions]:
    return make_interactions


@pytest.fixture
def golden() -> Callable[..., StaticTest]:
    """Build the static test of the golden log; any argument may be replaced."""
    return partial(
        static_test,
        golden_interactions(),
        golden_catalog(),
        users=4,
        since=10 * DAY,
        until=20 * DAY,
        profiled_users=np.array([0, 1, 2]),
        max_users=100,
        seed=0,
    )


@pytest.fixture
def fixed() -> type[FixedLists]:
    return FixedLists


@pytest.fixture
def golden_lists() -> dict[str, FixedLists]:
    """`ours` is the list worked out in test_protocol; `rival` finds user 0's warm item at place 2."""
    return {
        "ours": FixedLists({0: [4, 5, 1], 2: [0, 1, 4]}),
        "rival": FixedLists({0: [2, 1, 5], 2: [0, 5]}),
    }


@pytest.fixture
def yardsticks() -> Yardsticks:
    """Of the window: items 0, 1, 2, 4, 5; what `rival` recommends is what anybody would expect.

    Pairs, positive : negative: user 0 has 1 : 5 and 4 : 2, user 2 has 1 : 0.
    """
    return Yardsticks(
        primitive="rival",
        unit_AK=sparse.csr_array(np.array([[1, 0], [0, 1], [1, 0], [0.6, 0.8], [0, 0]])),
        pairs=BalancedPairs(
            user_P=np.array([0, 0, 0, 0, 1, 1]),
            item_P=np.array([1, 5, 4, 2, 1, 0]),
            positive_P=np.array([True, False] * 3),
        ),
        thresholds={"ours": 1.5},
    )


@pytest.fixture
def no_pairs(yardsticks: Yardsticks) -> Yardsticks:
    nothing = np.empty(0, dtype=np.int64)
    return replace(yardsticks, pairs=BalancedPairs(nothing, nothing, nothing > 0))


@pytest.fixture
def golden_judged(
    golden: Callable[..., StaticTest], golden_lists: dict[str, FixedLists], yardsticks: Yardsticks
) -> dict[str, Judged]:
    test = golden()
    alone = evaluate_alone(golden_alone, tests_alone(test), KS)
    judged = evaluate(golden_lists, test, yardsticks, KS)
    return {name: replace(one, alone=alone[name]) for name, one in judged.items()}


@pytest.fixture
def data() -> DataStatistics:
    """The golden log's own figures."""
    log = golden_interactions()
    since, cut, until = 0, 10 * DAY, 20 * DAY
    return DataStatistics(
        marketplace="golden",
        users=4,
        items=6,
        versions=7,
        versions_per_item=spread(np.array([1, 1, 1, 1, 2, 1])),
        weights={"view": 1.25},
        train=stretch(log, since, cut, items=6, types=["view"]),
        test=stretch(log, cut, until, items=6, types=["view"]),
        timeline=timeline(log, since, cut, until),
    )


@pytest.fixture
def of_cut(no_pairs: Yardsticks) -> Yardsticks:
    """Of the items alive at the cut: 0, 1, 2, 5."""
    return replace(no_pairs, unit_AK=no_pairs.unit_AK[[0, 1, 2, 4]])


@pytest.fixture
def report(
    golden: Callable[..., StaticTest],
    golden_lists: dict[str, FixedLists],
    golden_judged: dict[str, Judged],
    yardsticks: Yardsticks,
    of_cut: Yardsticks,
    data: DataStatistics,
) -> Report:
    settings = {"resamples": 50, "seed": 0}
    cut = golden(universe="cut")
    lists = {"ours": FixedLists({0: [1], 2: [5]}), "rival": golden_lists["rival"]}
    common = {"ks": (1, 3), "reference": "ours", **settings}
    strict = summarise(evaluate(lists, cut, of_cut, (1, 3)), cut, of_cut, settings={}, **common)
    named = {"name": "golden <log>"}
    return summarise(golden_judged, golden(), yardsticks, settings=named, data=data, strict=strict, **common)
