from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dlrs.arrays import Ints
from dlrs.samples.order import shuffled

Profiles = st.lists(st.integers(0, 5), max_size=60).map(lambda rows: np.array(rows, dtype=np.int32))


def order(profile_P: Ints, together: int, seed: int = 0) -> list[int]:
    return shuffled(profile_P, together, np.random.default_rng(seed)).tolist()


@given(Profiles, st.integers(1, 9), st.integers(0, 3))
def test_every_pair_comes_once_and_profiles_change_no_more_often_than_runs(
    profile_P: Ints, together: int, seed: int
) -> None:
    rows = order(profile_P, together, seed)
    assert sorted(rows) == list(range(len(profile_P)))
    changes = int((np.diff(profile_P[rows]) != 0).sum())
    runs = sum(-(-count // together) for count in Counter(profile_P.tolist()).values())
    assert changes <= max(runs - 1, 0)


def test_a_profile_with_few_pairs_stands_together() -> None:
    profile_P = np.repeat(np.arange(50), 4)[np.random.default_rng(1).permutation(200)]
    assert (np.diff(profile_P[order(profile_P, 4)]) != 0).sum() == 49


def test_a_profile_with_many_pairs_is_spread_over_the_epoch() -> None:
    """One profile has half of all pairs: its 125 runs lie anywhere, and not one behind the other."""
    profile_P = np.concatenate((np.zeros(1000), np.arange(1, 1001))).astype(np.int64)
    places = np.flatnonzero(profile_P[order(profile_P, 8)] == 0)
    assert places.mean() == pytest.approx(1000, abs=150)
    assert (np.diff(places) > 1).sum() > 90


@pytest.mark.parametrize("together", [1, 2])
def test_chance_decides_which_pairs_meet(together: int) -> None:
    """Pair 0 meets each of the three others of its profile in a third of the epochs."""
    met: Counter[int] = Counter()
    for seed in range(300):
        rows = order(np.zeros(4, dtype=np.int64), together, seed)
        at = rows.index(0)
        met[rows[at + 1 if at % 2 == 0 else at - 1]] += 1
    assert set(met) == {1, 2, 3}
    assert all(70 < count < 130 for count in met.values())
