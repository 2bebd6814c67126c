"""The contract of `dlrs.samples.negatives.Sampler`, run over every implementation.

Subclass `SamplerContract`, name the class `Test…`, and override `build`.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dlrs.arrays import Ints
from dlrs.samples.negatives import Sampler
from dlrs.samples.positives import Positives

Chosen = tuple[int, int, int]  # period, user, item

ITEMS = 9
# what was chosen lies in the pools, as what is alive in a period does; nobody can choose 9
POOLS = {0: np.arange(ITEMS), 1: np.array([3, 4, 5, 9]), 2: np.array([8])}
CATEGORY_V = np.arange(ITEMS + 1) % 3

chosen = st.lists(
    st.sampled_from(
        [(p, u, int(i)) for p, pool in POOLS.items() for u in range(5) for i in pool if i < ITEMS]
    ),
    max_size=60,
    unique=True,
)


def positives(chosen: list[Chosen]) -> Positives:
    """Return positives of these, in their order; a user's profile has his own row."""
    period, user, item = (np.array([c[i] for c in sorted(chosen)], dtype=np.int64) for i in range(3))
    return Positives(period, user, item, item, user, period * 100)


class SamplerContract:
    def build(self, pools: Mapping[int, Ints]) -> Sampler:
        """Return the sampler; `pools` are the items alive in each period. Version i is item i's only one."""
        raise NotImplementedError

    @given(chosen, st.integers(0, 5))
    @settings(suppress_health_check=[HealthCheck.differing_executors])
    def test_draws_items_alive_then_that_the_user_did_not_choose(
        self, chosen: list[Chosen], seed: int
    ) -> None:
        found = positives(chosen)
        rows, items = self.build(POOLS).draw(found, np.random.default_rng(seed))
        assert rows.shape == items.shape
        assert (np.diff(rows) > 0).all()
        for row, item in zip(rows.tolist(), items.tolist(), strict=True):
            period, user = int(found.period_E[row]), int(found.user_E[row])
            assert item in POOLS[period]
            assert (period, user, item) not in chosen

    def test_one_seed_one_draw(self) -> None:
        found = positives(
            [(0, user, item) for user in range(5) for item in range(ITEMS) if (user + item) % 2]
        )
        first, again, other = (
            self.build(POOLS).draw(found, np.random.default_rng(seed)) for seed in (0, 0, 1)
        )
        assert len(first[0]) > 10
        np.testing.assert_array_equal(first, again)
        assert first[1].tolist() != other[1].tolist()

    def test_no_positives_no_negatives(self) -> None:
        rows, items = self.build(POOLS).draw(positives([]), np.random.default_rng(0))
        assert len(rows) == len(items) == 0

    def test_nothing_is_drawn_from_nothing(self) -> None:
        for pools in ({0: np.empty(0, dtype=np.int64)}, {}):
            rows, _ = self.build(pools).draw(positives([(0, 0, 1)]), np.random.default_rng(0))
            assert len(rows) == 0

    def test_one_item_is_no_negative_of_who_chose_it(self) -> None:
        found = positives([(0, 0, 4), (0, 1, 4)])
        assert len(self.build({0: np.array([4])}).draw(found, np.random.default_rng(0))[0]) == 0

    def test_who_chose_everything_goes_without(self) -> None:
        found = positives([(0, 0, item) for item in range(3)] + [(0, 1, 0)])
        rows, _ = self.build({0: np.arange(3)}).draw(found, np.random.default_rng(0))
        assert not (found.user_E[rows] == 0).any()

    def test_periods_do_not_mix(self) -> None:
        """User 0 may draw in period 0 what he chose in period 1 alone."""
        pools = {0: np.array([0, 3]), 1: np.array([3, 6])}
        found = positives([(0, 0, 0), (0, 1, 3), (1, 0, 3), (1, 1, 6)])
        rows, items = self.build(pools).draw(found, np.random.default_rng(0))
        assert set(zip(rows.tolist(), items.tolist(), strict=True)) <= {(0, 3), (1, 0), (2, 6), (3, 3)}
        assert 0 in rows

    def test_leaves_the_positives_alone(self) -> None:
        found, before = (positives([(0, 0, 0), (0, 1, 3), (0, 2, 6)]) for _ in range(2))
        self.build(POOLS).draw(found, np.random.default_rng(0))
        for name, values in vars(found).items():
            np.testing.assert_array_equal(values, getattr(before, name))
