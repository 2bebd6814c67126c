from __future__ import annotations

import numpy as np
import pytest

from dlrs.data.interactions import Interactions
from dlrs.profiles.weights import interaction_weights, stationary_distribution, transition_counts

V, B, C = 0, 1, 2


def test_the_worked_example() -> None:
    """Method §2, [T §A.2]: rows view, bookmark, print, contact."""
    chain = np.array(
        [
            [0.60, 0.20, 0.15, 0.05],
            [0.50, 0.30, 0.10, 0.10],
            [0.60, 0.10, 0.10, 0.20],
            [0.75, 0.05, 0.05, 0.15],
        ]
    )
    np.testing.assert_allclose(stationary_distribution(chain), [0.594, 0.194, 0.125, 0.087], atol=5e-4)


def test_transitions_are_counted_within_a_user_and_item() -> None:
    log = Interactions(
        user_E=np.array([0, 1, 0, 0, 0, 1]),
        item_E=np.array([5, 5, 5, 6, 5, 5]),
        version_E=np.zeros(6, dtype=np.int64),
        type_E=np.array([V, C, V, B, B, V]),
        time_E=np.arange(6),
    )
    # user 0, item 5: V → V → B; user 0, item 6: B alone; user 1, item 5: C → V
    assert transition_counts(log, 3).tolist() == [[1, 1, 0], [0, 0, 0], [1, 0, 0]]


def test_rare_types_weigh_more() -> None:
    # counts + 1: [[9, 1], [1, 1]] → P = [[.9, .1], [.5, .5]] → π = (5/6, 1/6) → ψ = (1.2, 6)
    np.testing.assert_allclose(interaction_weights(np.array([[8, 0], [0, 0]])), [1.2, 6])


def test_one_type_weighs_one() -> None:
    assert interaction_weights(np.array([[7]])) == pytest.approx([1.0])


def test_a_log_without_repeats_weighs_all_types_alike() -> None:
    np.testing.assert_allclose(interaction_weights(np.zeros((4, 4), dtype=np.int64)), [4, 4, 4, 4])
