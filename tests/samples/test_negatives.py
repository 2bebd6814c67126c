from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import replace

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from contracts.sampler import CATEGORY_V, SamplerContract
from dlrs.arrays import Ints
from dlrs.data.catalog import FOREVER, Catalog
from dlrs.data.interactions import Interactions
from dlrs.samples.negatives import (
    POPULARITY,
    FromPools,
    InCategory,
    PassedBy,
    Sampler,
    labelled_pairs,
)
from dlrs.samples.positives import Positives, unique_positives

Event = tuple[int, int, int, int]  # period, user, item, category


def _positives(events: list[Event]) -> tuple[Positives, np.ndarray]:
    events = sorted(events)
    period, user, item, category = (np.array([e[i] for e in events], dtype=np.int64) for i in range(4))
    return Positives(period, user, item, item, user, period * 100), category


def _in_category(
    positives: Positives, category_E: np.ndarray, seed: int = 0
) -> tuple[np.ndarray, np.ndarray]:
    """Draw by Algorithm 1 where each positive saw a version of its own, of this category."""
    versions_apart = replace(positives, version_E=np.arange(len(positives)))
    return InCategory(category_E).draw(versions_apart, np.random.default_rng(seed))


def test_the_only_possible_negatives_are_drawn() -> None:
    positives, category = _positives([(0, 0, 1, 7), (0, 1, 2, 7), (0, 1, 3, 8), (1, 0, 4, 7)])
    rows, items = _in_category(positives, category)
    # user 0 must draw item 2, user 1 item 1; category 8 and period 1 have one user: no draw
    assert rows.tolist() == [0, 1]
    assert items.tolist() == [2, 1]


def test_nothing_free_means_no_draw() -> None:
    # both users chose both items: V⁺ \ V_u⁺ is empty
    positives, category = _positives([(0, u, i, 0) for u in (0, 1) for i in (1, 2)])
    rows, items = _in_category(positives, category)
    assert len(rows) == len(items) == 0


def test_a_missing_category_draws_nothing() -> None:
    positives, category = _positives([(0, 0, 1, -1), (0, 1, 2, -1)])
    assert len(_in_category(positives, category)[0]) == 0


def test_draws_are_uniform_over_the_free_items() -> None:
    own, free = [2, 5, 6], [1, 3, 4, 7, 8]
    events = [(0, 0, i, 0) for i in own] + [(0, 1, i, 0) for i in free]
    positives, category = _positives(events)
    counts: Counter[int] = Counter()
    for seed in range(1000):
        rows, items = _in_category(positives, category, seed)
        counts.update(items[positives.user_E[rows] == 0].tolist())
    assert set(counts) == set(free)
    # 3,000 draws over 5 items: expected 600 each, standard deviation 22
    assert all(abs(n - 600) < 5 * 22 for n in counts.values())


@given(
    st.lists(
        st.tuples(st.integers(0, 2), st.integers(0, 4), st.integers(0, 8), st.integers(-1, 2)),
        max_size=60,
        unique_by=lambda e: e[:3],
    ),
    st.integers(0, 5),
)
def test_algorithm_1_as_written(events: list[Event], seed: int) -> None:
    positives, category = _positives(events)
    rows, items = _in_category(positives, category, seed)
    drawn = dict(zip(rows.tolist(), items.tolist(), strict=True))
    listed = list(zip(positives.period_E, positives.user_E, positives.item_E, category, strict=True))
    for row, (period, user, _, kind) in enumerate(listed):
        group = [e for e in listed if e[0] == period and e[3] == kind]
        users = {e[1] for e in group}
        pool = {int(e[2]) for e in group}
        free = pool - {int(e[2]) for e in group if e[1] == user}
        if kind >= 0 and len(users) >= 2 and len(pool) >= 2 and free:
            assert drawn[row] in free
        else:
            assert row not in drawn


def test_pairs_are_balanced_and_carry_the_version_of_their_time() -> None:
    # items 1 and 2 with two versions each: versions 1, 2 and 3, 4; item 0 has version 0
    catalog = Catalog(
        items=3,
        item_V=np.array([0, 1, 1, 2, 2]),
        valid_from_V=np.array([0, 0, 50, 0, 50]),
        valid_to_V=np.array([FOREVER, 50, FOREVER, 50, FOREVER]),
    )
    positives = Positives(
        period_E=np.array([0, 0]),
        user_E=np.array([0, 1]),
        item_E=np.array([1, 2]),
        version_E=np.array([1, 4]),
        profile_E=np.array([10, 11]),
        time_E=np.array([40, 60]),
    )
    draw = _in_category(positives, np.array([3, 3]))
    pairs = labelled_pairs(positives, [draw], catalog)
    assert pairs.label_P.tolist() == [1, 1, 0, 0]
    assert pairs.profile_P.tolist() == [10, 11, 10, 11]
    assert pairs.version_P.tolist() == [1, 4, 3, 2]  # item 2 at 40 is version 3, item 1 at 60 version 2


def test_a_positive_without_any_negative_is_left_out() -> None:
    catalog = Catalog(3, np.arange(3), np.zeros(3, dtype=np.int64), np.full(3, FOREVER))
    positives, _ = _positives([(0, 0, 0, 0), (0, 1, 1, 0), (0, 2, 2, 0)])
    draws = [(np.array([0]), np.array([2])), (np.array([0, 2]), np.array([1, 0]))]
    pairs = labelled_pairs(positives, draws, catalog)
    assert pairs.label_P.tolist() == [1, 1, 0, 0, 0]
    assert pairs.version_P.tolist() == [0, 2, 2, 1, 0]
    assert pairs.profile_P.tolist() == [0, 2, 0, 0, 2]


def test_uniform_draws_reach_every_free_item() -> None:
    found, _ = _positives([(0, 0, 4, 0)])
    sampler = FromPools({0: np.arange(5)})
    drawn = {int(sampler.draw(found, np.random.default_rng(seed))[1][0]) for seed in range(100)}
    assert drawn == {0, 1, 2, 3}


def test_what_nobody_chose_is_free_for_uniform_draws_only() -> None:
    found, _ = _positives([(0, 0, 1, 0), (0, 1, 2, 0)])
    pools = {0: np.array([1, 2, 20, 21])}
    rows, _ = FromPools({0: np.array([1, 20])}).draw(found, np.random.default_rng(0))
    assert rows.tolist() == [0, 1]
    _, items = FromPools(pools, POPULARITY).draw(found, np.random.default_rng(0))
    assert set(items.tolist()) <= {1, 2}


def test_draws_by_popularity_follow_the_counts_of_the_period() -> None:
    """Items 1, 2, 3 have 1, 16 and 81 positives in period 0, so weights of 1, 8 and 27; item 4 has none.

    One user, who draws 3,600 times there, chose another item. Period 1 has other counts.
    """
    choices = {1: 1, 2: 16, 3: 81}
    crowd = [(0, user, item, 0) for item, count in choices.items() for user in range(1, count + 1)]
    later = [(1, user, 1, 0) for user in range(200)]
    own = [(0, 0, item, 0) for item in range(10, 3610)]
    found, _ = _positives(crowd + later + own)
    sampler = FromPools({0: np.array([1, 2, 3, 4]), 1: np.arange(5)}, POPULARITY)
    rows, items = sampler.draw(found, np.random.default_rng(0))
    mine = (found.user_E[rows] == 0) & (found.period_E[rows] == 0)
    assert mine.sum() == 3600
    observed = np.bincount(items[mine], minlength=5)
    expected = np.array([0, 100, 800, 2700, 0])
    assert observed[[0, 4]].tolist() == [0, 0]
    chi_squared = ((observed - expected)[1:4] ** 2 / expected[1:4]).sum()
    assert chi_squared < 13.8  # 2 degrees of freedom: one run of a thousand is beyond it


def test_positives_are_unique_per_user_item_and_period() -> None:
    log = Interactions(
        user_E=np.array([0, 0, 0, 1, 0, 0]),
        item_E=np.array([5, 5, 4, 5, 5, 5]),
        version_E=np.array([50, 51, 40, 50, 52, 53]),
        type_E=np.zeros(6, dtype=np.int64),
        time_E=np.array([10, 11, 12, 13, 20, 30]),
    )
    profile_of_QU = np.array([[7, -1], [8, 9]])
    positives = unique_positives(log, np.array([10, 20, 30]), profile_of_QU)
    assert positives.period_E.tolist() == [0, 0, 1]  # user 1 has no profile; 30 is after the last period
    assert positives.item_E.tolist() == [4, 5, 5]
    assert positives.version_E.tolist() == [40, 50, 52]  # the first event's
    assert positives.profile_E.tolist() == [7, 7, 8]


class TestInCategory(SamplerContract):
    def build(self, pools: Mapping[int, Ints]) -> Sampler:
        return InCategory(CATEGORY_V)  # its pools are made of the positives alone


class TestUniform(SamplerContract):
    def build(self, pools: Mapping[int, Ints]) -> Sampler:
        return FromPools(pools)


class TestByPopularity(SamplerContract):
    def build(self, pools: Mapping[int, Ints]) -> Sampler:
        return FromPools(pools, POPULARITY)


def _shown(rows: list[tuple[int, int, int]]) -> Interactions:
    """Return events of negative types: (time, user, item), in the order of time."""
    time, user, item = (np.array([row[i] for row in sorted(rows)], dtype=np.int64) for i in range(3))
    return Interactions(user, item, item, np.zeros_like(time), time)


class TestPassedBy(SamplerContract):
    def build(self, pools: Mapping[int, Ints]) -> Sampler:
        """Everybody was shown all of each pool, some of it twice."""
        rows = [
            (period * 100 + again, user, int(item))
            for period, pool in pools.items()
            for user in range(5)
            for item in pool
            for again in range(2)
        ]
        return PassedBy(_shown(rows), np.arange(4) * 100)


def test_what_the_user_himself_passed_by_is_drawn() -> None:
    shown = _shown([(5, 0, 1), (6, 0, 2), (7, 1, 3), (105, 0, 4), (300, 0, 9), (-1, 0, 9)])
    positives, _ = _positives([(0, 0, 2, 0), (0, 1, 5, 0), (1, 0, 1, 0), (1, 1, 1, 0)])
    rows, items = PassedBy(shown, np.array([0, 100, 200])).draw(positives, np.random.default_rng(0))
    # item 2 he chose; of another period, of another user, before and after all periods: not his
    assert rows.tolist() == [0, 1, 2]
    assert items.tolist() == [1, 3, 4]


def test_no_negative_events_no_draws() -> None:
    positives, _ = _positives([(0, 0, 2, 0)])
    rows, items = PassedBy(Interactions.none(), np.array([0, 100])).draw(positives, np.random.default_rng(0))
    assert len(rows) == len(items) == 0
