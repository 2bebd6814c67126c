"""Fitting of the prior: it finds the weights by which made-up users chose."""

from __future__ import annotations

from dataclasses import astuple, replace

import numpy as np
import pytest
from scipy import sparse

from dlrs.arrays import Doubles
from dlrs.model.prior import Prior, Standing
from dlrs.training import prior as fitting
from dlrs.training.prior import Examples, fit_prior

TRUE = Prior(new=1.5, met=0.6, recent=0.8, age=-0.7)
TEMPERATURE = 0.5


def _examples(users: int, items: int, prior: Prior, *, chosen: int = 3, seed: int = 0) -> Examples:
    """Users who chose by the cosine and this prior among what they did not know."""
    rng = np.random.default_rng(seed)
    users_UD, items_AD = (_unit(rng.normal(size=(count, 8))) for count in (users, items))
    met_A = rng.poisson(rng.exponential(3, items))
    standing = Standing(met_A, rng.binomial(met_A, 0.4), rng.uniform(0, 60, items))
    known_UA = rng.random((users, items)) < 0.02
    logits_UA = users_UD @ items_AD.T / TEMPERATURE + prior.of(standing)
    # the highest of logits with Gumbel noise are drawn by softmax, one after the other
    noisy_UA = np.where(known_UA, -np.inf, logits_UA + rng.gumbel(size=(users, items)))
    relevant_UA = np.zeros((users, items), dtype=np.bool_)
    np.put_along_axis(relevant_UA, np.argsort(-noisy_UA, axis=1)[:, :chosen], True, axis=1)
    return Examples(
        users_UD.astype(np.float32),
        items_AD.astype(np.float32),
        standing,
        sparse.csr_array(relevant_UA),
        sparse.csr_array(known_UA),
    )


def _unit(vectors: Doubles) -> Doubles:
    return np.asarray(vectors / np.linalg.norm(vectors, axis=1, keepdims=True))


def _as_array(prior: Prior) -> Doubles:
    return np.array(astuple(prior))


def test_the_weights_by_which_users_chose_are_found() -> None:
    found = fit_prior(_examples(3000, 300, TRUE, chosen=1), TEMPERATURE, seed=0)
    np.testing.assert_allclose(_as_array(found), _as_array(TRUE), atol=0.25)


def test_those_of_the_second_degree_are_found_where_they_are_asked_for() -> None:
    true = replace(TRUE, met_met=-0.8, recent_age=0.5)
    examples = _examples(6000, 300, true, chosen=1)
    standing, near = examples.standing_A, fit_prior(examples, TEMPERATURE, seed=0)
    found = fit_prior(examples, TEMPERATURE, seed=0, degree=2)
    assert (near.degree, found.degree) == (1, 2)
    # single weights of facts that go together are not told apart: what they say of the items is
    wrong, right = (np.std(one.of(standing) - true.of(standing)) for one in (near, found))
    assert right < 0.2 < wrong


def test_where_only_the_network_counts_the_weights_are_next_to_nothing() -> None:
    found = fit_prior(_examples(3000, 300, Prior(0, 0, 0, 0), chosen=1), TEMPERATURE, seed=0)
    np.testing.assert_allclose(_as_array(found), 0, atol=0.12)


def test_a_fact_that_is_the_same_for_all_items_has_no_weight() -> None:
    examples = _examples(200, 50, TRUE)
    standing = Standing(examples.standing_A.met_N + 1, examples.standing_A.recent_N, np.full(50, 7.0))
    found = fit_prior(
        Examples(examples.users_UD, examples.items_AD, standing, examples.relevant_UA, examples.known_UA),
        TEMPERATURE,
        seed=0,
    )
    assert found.new == 0
    assert abs(found.age) < 1e-9
    assert found.met != 0


def test_what_is_due_to_new_items_is_not_shared_with_their_youth() -> None:
    examples = _examples(500, 200, Prior(new=2.0, met=0.4, recent=0, age=0))
    met_A = examples.standing_A.met_N
    began_together = Standing(met_A, examples.standing_A.recent_N, np.where(met_A > 0, 9.0, 0.0))
    found = fit_prior(
        Examples(
            examples.users_UD, examples.items_AD, began_together, examples.relevant_UA, examples.known_UA
        ),
        TEMPERATURE,
        seed=0,
    )
    assert found.age == 0
    assert found.new == pytest.approx(2, abs=0.4)


def test_facts_taken_apart_say_the_same_together() -> None:
    facts_AF = _examples(5, 60, TRUE).standing_A.facts_NF()
    inputs_AF, facts_of_FF = fitting._apart(facts_AF)
    weights_F = np.array([0.3, -1.0, 0.5, 0.2])
    centred_AF = facts_AF - facts_AF.mean(axis=0)
    np.testing.assert_allclose(centred_AF @ (facts_of_FF @ weights_F), inputs_AF @ weights_F, atol=1e-9)
    np.testing.assert_allclose(inputs_AF.T @ inputs_AF / 60, np.eye(4), atol=1e-9)


def test_a_fact_that_says_nothing_takes_nothing_from_the_next() -> None:
    facts_AF = _examples(5, 60, TRUE).standing_A.facts_NF()
    facts_AF[:, 0] = 1
    inputs_AF, facts_of_FF = fitting._apart(facts_AF)
    without_AF, without_FF = fitting._apart(facts_AF[:, 1:])
    assert not inputs_AF[:, 0].any()
    np.testing.assert_allclose(inputs_AF[:, 1:], without_AF)
    np.testing.assert_allclose(facts_of_FF[1:, 1:], without_FF)


def test_the_gradient_is_that_of_the_loss() -> None:
    examples = _examples(20, 30, TRUE)
    blocks = fitting._blocks(examples, TEMPERATURE)
    inputs_AF = examples.standing_A.facts_NF()
    weight_A = np.zeros(30)
    at = np.array([0.9, 0.4, -0.3, 0.2, 0.1])

    _, gradient = fitting._loss(blocks, inputs_AF, weight_A, at)

    step = 1e-3
    for place in range(len(at)):
        ahead, behind = at.copy(), at.copy()
        ahead[place] += step
        behind[place] -= step
        above, below = (fitting._loss(blocks, inputs_AF, weight_A, w)[0] for w in (ahead, behind))
        assert gradient[place] == pytest.approx((above - below) / (2 * step), abs=2e-3)


def test_drawn_items_and_users_say_what_all_of_them_would(monkeypatch: pytest.MonkeyPatch) -> None:
    examples = _examples(3000, 2000, TRUE, chosen=1, seed=3)
    everything = fit_prior(examples, TEMPERATURE, seed=0)
    monkeypatch.setattr(fitting, "MOST_ITEMS", 500)
    monkeypatch.setattr(fitting, "CELLS", 500 * 2000)
    some, weight_A = examples.drawn(np.random.default_rng(0))
    assert len(some.users_UD) == 2000
    assert len(some.items_AD) < 1500
    assert np.exp(weight_A).sum() == pytest.approx(2000)

    drawn = fit_prior(examples, TEMPERATURE, seed=0)

    np.testing.assert_allclose(_as_array(drawn), _as_array(everything), atol=0.25)
