from __future__ import annotations

import sys

import pytest

from dlrs.errors import MissingExtra, SchemaError
from dlrs.recipe import Recipe
from dlrs.tuning.search import Propose, applied, search
from dlrs.tuning.spaces import Between, OneOf, Space, Value
from dlrs.tuning.trials import Trial

LAMBDA: Space = {"baselines.ease_regularisation": Between(1.0, 1000.0)}


def run(propose: Propose, done: tuple[Trial, ...] = ()) -> tuple[Trial, ...]:
    """Try what is proposed; a λ is the better the nearer it is to 40."""
    while (values := propose(done)) is not None:
        done = (*done, Trial(values, -abs(_lambda(values) - 40), 0.0))
    return done


def _lambda(values: dict[str, Value]) -> float:
    value = values.get("baselines.ease_regularisation", 200.0)
    assert isinstance(value, float)
    return value


def test_the_recipe_comes_first_and_there_are_as_many_trials_as_asked_for(recipe: Recipe) -> None:
    done = run(search(LAMBDA, 12, 0, recipe))
    assert len(done) == 12
    assert done[0].values == {}
    assert all(1 <= _lambda(trial.values) <= 1000 for trial in done)
    assert len({_lambda(trial.values) for trial in done}) == 12


def test_it_learns_where_it_is_good(recipe: Recipe) -> None:
    done = run(search(LAMBDA, 40, 1, recipe))
    distances = [-trial.worth for trial in done]
    assert sorted(distances[25:])[7] < sorted(distances[1:11])[5]  # the later half by half nearer
    assert min(distances) < 5


def test_an_interrupted_search_goes_on_as_if_it_had_not_been(recipe: Recipe) -> None:
    whole = run(search(LAMBDA, 14, 3, recipe))
    assert run(search(LAMBDA, 14, 3, recipe), whole[:11]) == whole
    assert run(search(LAMBDA, 14, 4, recipe))[1] != whole[1]


def test_few_combinations_are_all_tried_without_optuna(
    recipe: Recipe, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "optuna", None)
    space: Space = {"baselines.cf_factors": OneOf((8, 16)), "baselines.cf_iterations": OneOf((1, 2))}
    propose, done = search(space, 9, 0, recipe), ()
    while (values := propose(done)) is not None:
        done = (*done, Trial(values, 0.0, 0.0))
    assert [tuple(trial.values.values()) for trial in done] == [(), (8, 1), (8, 2), (16, 1), (16, 2)]
    with pytest.raises(MissingExtra, match=r"dlrs\[tune\]"):
        search(space, 4, 0, recipe)


def test_nothing_to_tune_is_one_trial(recipe: Recipe) -> None:
    assert run(search({}, 9, 0, recipe)) == (Trial({}, -160.0, 0.0),)


def test_a_value_that_does_not_fit_is_an_error(recipe: Recipe) -> None:
    with pytest.raises(SchemaError, match="ease_regularisation"):
        applied(recipe, {"baselines.ease_regularisation": -1.0})
