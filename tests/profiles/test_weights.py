from __future__ import annotations

import numpy as np
import pytest

from dlrs.data.interactions import Interactions
from dlrs.profiles.weights import (
    STRENGTHS,
    domain_chain,
    fit_weights,
    interaction_weights,
    likeliest_strength,
    shrunk,
    stationary_distribution,
    steps,
)

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
    found = steps(log, 3)
    everyone = np.zeros_like(found.step_S)
    assert found.counts(everyone, 1, 3).tolist() == [[[1, 1, 0], [0, 0, 0], [1, 0, 0]]]
    by_user = found.counts(found.user_S, 2, 3)
    assert by_user.tolist() == [[[1, 1, 0], [0, 0, 0], [0, 0, 0]], [[0, 0, 0], [0, 0, 0], [1, 0, 0]]]
    assert found.item_S.tolist() == [5, 5, 5]


def test_rare_types_weigh_more() -> None:
    # counts + 1: [[9, 1], [1, 1]] → P = [[.9, .1], [.5, .5]] → π = (5/6, 1/6) → ψ = (1.2, 6)
    chain = domain_chain(np.array([[8, 0], [0, 0]]))
    np.testing.assert_allclose(interaction_weights(chain), [1.2, 6])


def test_one_type_weighs_one() -> None:
    assert interaction_weights(domain_chain(np.array([[7]]))) == pytest.approx([1.0])
    log = Interactions(*np.array([[0, 0, 1], [5, 5, 5], [0, 0, 0], [V, V, V], [1, 2, 3]]))
    for level in ("domain", "user", "user-item"):
        weights = fit_weights(log, level, users=3, types=1)
        assert weights.users_UT.tolist() == [[1.0], [1.0], [1.0]]
        assert weights.of_events(log.user_E, log.item_E, log.type_E).tolist() == [1.0, 1.0, 1.0]


def test_a_log_without_repeats_weighs_all_types_alike() -> None:
    np.testing.assert_allclose(interaction_weights(domain_chain(np.zeros((4, 4)))), [4, 4, 4, 4])


def test_many_chains_at_once_are_as_one_by_one() -> None:
    chains = np.random.default_rng(0).dirichlet(np.ones(4), size=(50, 4))
    together = stationary_distribution(chains)
    np.testing.assert_allclose(together @ np.ones(4), 1)
    np.testing.assert_allclose(np.einsum("gi,gij->gj", together, chains), together, atol=1e-12)
    np.testing.assert_allclose(together[7], stationary_distribution(chains[7]))


def test_few_steps_stay_near_the_level_above_and_many_leave_it() -> None:
    prior = np.array([[0.9, 0.1], [0.5, 0.5]])
    counts = np.array([[[0, 0], [0, 0]], [[2, 2], [0, 0]], [[0, 4000], [0, 0]]])
    chains = shrunk(counts, prior, strength=4.0)
    np.testing.assert_allclose(chains[0], prior)
    # (2 + 4·.9)/8 = .7: as many steps of one's own as κ, so half-way between .5 and .9
    np.testing.assert_allclose(chains[1], [[0.7, 0.3], [0.5, 0.5]])
    np.testing.assert_allclose(chains[2, 0], [3.6 / 4004, 4000.4 / 4004])


@pytest.mark.parametrize("strength", [2.0, 64.0])
def test_the_strength_is_found_that_the_groups_were_drawn_with(strength: float) -> None:
    rng = np.random.default_rng(1)
    prior = np.array([[0.8, 0.2], [0.4, 0.6]])
    chains = np.stack([rng.dirichlet(strength * row, size=3000) for row in prior], axis=1)
    counts = rng.multinomial(40, chains)
    assert strength / 2 <= likeliest_strength(counts, prior) <= strength * 2


def test_groups_that_are_alike_get_the_level_above() -> None:
    prior = np.array([[0.8, 0.2], [0.4, 0.6]])
    counts = np.random.default_rng(2).multinomial(40, np.tile(prior, (3000, 1, 1)))
    assert likeliest_strength(counts, prior) == STRENGTHS[-1]


def _log(*walks: tuple[int, int, list[int]]) -> Interactions:
    """Interactions of (user, item, types) one walk after the other."""
    user_E, item_E, type_E = (
        np.concatenate([np.broadcast_to(walk[i], len(walk[2])) for walk in walks]) for i in range(3)
    )
    order = np.arange(len(user_E))
    return Interactions(user_E, item_E, np.zeros_like(order), type_E, order)


def test_weights_on_each_level() -> None:
    log = _log((0, 0, [V, V, B, V, V, V]), (0, 1, [V, B, V, B, V, B]), (1, 0, [V] * 20), (2, 5, [V]))
    domain, user, pair = (
        fit_weights(log, level, users=4, types=2) for level in ("domain", "user", "user-item")
    )
    for weights in (domain, user, pair):
        np.testing.assert_array_equal(weights.domain_T, domain.domain_T)
    users, types = np.array([0, 0, 1, 1, 3, 3]), np.array([V, B, V, B, V, B])
    assert domain.of_buckets(users, types).tolist() == domain.domain_T.tolist() * 3
    psi = user.of_buckets(users, types).reshape(3, 2)
    assert psi[1, B] > domain.domain_T[B] > psi[0, B]  # rarer for user 1, whom only views are known of
    np.testing.assert_allclose(psi[2], domain.domain_T)  # nobody saw a step of user 3
    # item by item: bookmarks were rare with item 0, and items without a step have the user's weights
    asked = np.array([0, 0, 0]), np.array([0, 1, 9]), np.array([B, B, B])
    first, second, other = pair.of_events(*asked)
    assert first > second
    assert other == pair.users_UT[0, B] == user.users_UT[0, B]
    assert pair.of_buckets(users, types).tolist() == [1] * 6
    assert user.of_events(*asked).tolist() == [1] * 3
    assert set(pair.strengths) == {"user", "user-item"}
