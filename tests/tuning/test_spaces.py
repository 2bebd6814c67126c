from __future__ import annotations

from datetime import timedelta
from typing import Literal, get_args

import pytest

from dlrs.errors import DataError
from dlrs.recipe import Recipe
from dlrs.schema import USER, Features, UserTable
from dlrs.settings.baselines import Rival
from dlrs.tuning.search import applied, value_of
from dlrs.tuning.spaces import (
    NAMED,
    OURS,
    SPACES,
    THESIS,
    Between,
    OneOf,
    Searched,
    Space,
    combinations,
    space_of,
)

EVERY = [(model, space) for spaces in NAMED.values() for model, space in spaces.items()]


def test_every_model_has_a_space() -> None:
    assert set(SPACES) == {*get_args(Rival), OURS, "history"}


def with_network(recipe: Recipe, network: Literal["history", "thesis"], **history: object) -> Recipe:
    training = recipe.training.model_copy(update={"network": network})
    return recipe.model_copy(
        update={"training": training, "history": recipe.history.model_copy(update=history)}
    )


def test_ours_has_the_space_of_its_kind_of_network(recipe: Recipe) -> None:
    history = with_network(recipe, "history", user_ids=True)
    assert space_of("wide", OURS, history) == SPACES["history"]
    assert space_of("wide", OURS, with_network(recipe, "thesis")) == SPACES[OURS]
    assert space_of("wide", "EASE", history) == SPACES["EASE"]


def test_ids_of_users_are_tried_only_where_they_are_there(recipe: Recipe) -> None:
    without = space_of("wide", OURS, with_network(recipe, "history", user_ids=False, reading="set"))
    assert SPACES["history"].keys() - without.keys() == {"history.user_ids"}
    chosen = space_of("wide", OURS, with_network(recipe, "history", user_ids=False, reading="best"))
    assert "history.user_ids" in chosen
    features = Features(categorical=(USER,))
    users = UserTable(table="users.csv", id="user", features=features)
    marketplace = recipe.marketplace.model_copy(update={"users": users})
    listed = with_network(recipe.model_copy(update={"marketplace": marketplace}), "history", user_ids=True)
    assert "history.user_ids" not in space_of("wide", OURS, listed)


def test_a_space_can_be_narrowed(recipe: Recipe) -> None:
    history = with_network(recipe, "history")
    some = space_of("wide", OURS, history, ["history.dropout", "history.temperature"])
    assert set(some) == {"history.dropout", "history.temperature"}
    assert some["history.dropout"] == SPACES["history"]["history.dropout"]
    with pytest.raises(DataError, match=r"history\.temperature: expected at least one .* of EASE"):
        space_of("wide", "EASE", history, ["history.temperature"])


@pytest.mark.parametrize(("model", "space"), EVERY, ids=lambda value: value if isinstance(value, str) else "")
def test_both_ends_of_every_setting_fit_the_recipe(model: Searched, space: Space, recipe: Recipe) -> None:
    for name, values in space.items():
        assert name.startswith({OURS: "training.", "history": "history."}.get(model, "baselines."))
        ends = values.values if isinstance(values, OneOf) else (values.low, values.high)
        for value in ends:
            assert values.holds(value)
            assert value_of(applied(recipe, {name: value}), name) == value


def test_the_grid_is_the_thesiss() -> None:
    grid = combinations(THESIS["hybrid CF-CBF"])
    assert grid is not None
    assert len(grid) == 12
    assert grid[0] == {
        "baselines.hybrid_factors": 50,
        "baselines.hybrid_learning_rate": 0.1,
        "baselines.hybrid_epochs": 40,
    }


def test_what_has_no_end_is_not_listed() -> None:
    assert combinations({"a": OneOf((1,)), "b": Between(0.0, 1.0)}) is None
    assert combinations({}) == [{}]


def test_whole_numbers_are_those_between_whole_ones() -> None:
    assert Between(1, 9).whole
    assert not Between(1.0, 9.0).whole
    assert Between(1, 9).holds(9)
    assert not Between(1, 9).holds(10)
    assert not Between(1, 9).holds("3")


def test_a_duration_is_written_as_recipes_do(recipe: Recipe) -> None:
    name = "baselines.recent_window"
    assert value_of(recipe, name) == "7d"
    changed = applied(recipe, {name: "90m"})
    assert changed.baselines.recent_window == timedelta(minutes=90)
    assert value_of(changed, name) == "90m"
