"""The recipes that come with the project: each can be read, and the thesis's is to the letter."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from dlrs.recipe import parse_recipe, read_recipe
from dlrs.simulator.recipes import recipe as simulated_recipe
from dlrs.simulator.settings import SCALES, Scale, Simulation

RECIPES = sorted((Path(__file__).parents[1] / "recipes").glob("*.toml"))
THESIS = Path(__file__).parents[1] / "recipes/thesis.toml"


@pytest.mark.parametrize("file", RECIPES, ids=lambda file: file.stem)
def test_a_recipe_can_be_read_and_is_named_like_its_file(file: Path) -> None:
    assert read_recipe(file).marketplace.name == file.stem


def test_the_thesis_is_followed_to_the_letter() -> None:
    recipe = read_recipe(THESIS)
    assert (recipe.samples.category, recipe.samples.uniform) == (1, 0)
    training = recipe.training
    assert (training.objective, training.similarity_optimiser) == ("multi-cos", "separate")
    assert (training.similarity_weight, training.learning_rate, training.dropout) == (0.5, 0.003, 0.5)
    assert (training.batch_size, training.epochs, training.bias_init) == (2048, 5, "normal")
    profiles = recipe.marketplace.profiles
    assert (profiles.window.days, profiles.refresh.days, profiles.minimum_events) == (30, 7, 2)
    assert len(recipe.marketplace.period_starts) == 4 + 1  # four weeks and the cut
    baselines = recipe.baselines
    assert baselines.cf_factors == 100
    warp = (baselines.warp_factors, baselines.warp_epochs, baselines.warp_learning_rate)
    assert warp == (100, 40, 0.03)
    assert (baselines.hybrid_factors, baselines.hybrid_epochs) == (700, 40)
    assert baselines.hybrid_learning_rate == 0.03
    assert recipe.evaluation.k == (1, 5, 10, 30, 100)


def test_the_thesiss_recipe_fits_the_tables_that_simulate_writes() -> None:
    content = tomllib.loads(simulated_recipe(Simulation()))
    simulated = parse_recipe(content, source="simulated").marketplace
    assert read_recipe(THESIS).marketplace == simulated.model_copy(update={"name": "thesis"})
    assert read_recipe(THESIS).candidates.count >= Simulation().items  # every ad is ranked


@pytest.mark.parametrize("scale", SCALES)
def test_the_recipe_of_every_scale_can_be_read(scale: Scale) -> None:
    recipe = parse_recipe(tomllib.loads(simulated_recipe(SCALES[scale])), source=scale)
    assert recipe.candidates.index == {"demo": "exact", "thesis": "ivf"}[scale]
    assert (recipe.samples.category, recipe.samples.uniform) == {"demo": (1, 1), "thesis": (0, 1)}[scale]
