"""Recipes: how to learn from a simulated marketplace, and whom to compare with, by its size."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from importlib import resources
from string import Template
from typing import get_args

from dlrs.settings.baselines import PRIMITIVE, Rival
from dlrs.simulator.settings import Scale, Simulation


@dataclass(frozen=True)
class Learning:
    """What a recipe says differently where there are thousands of ads and where there are a million."""

    category: int  # negatives of a positive
    uniform: int
    learning_rate: float
    batch_size: int
    epochs: int
    index: str
    count: int
    models: tuple[Rival, ...]  # the baselines
    max_users: int


LEARNING: dict[Scale, Learning] = {
    "demo": Learning(1, 1, 0.01, 1024, 6, "exact", 200, get_args(Rival), 20_000),
    # As many negatives as positives, as in the thesis; uniform ones, for T = 1,000 candidates come from
    # everywhere (docs/decisions/0003). Batch and rate are the thesis's, too. Of the baselines those that take
    # seconds at this size.
    "thesis": Learning(0, 1, 0.003, 2048, 5, "ivf", 1000, (PRIMITIVE, "recently popular"), 100_000),
}


def recipe(settings: Simulation) -> str:
    """Return the text of the recipe: a description of these tables that `read_recipe` takes."""
    template = resources.files("dlrs.simulator").joinpath("recipe.template.toml").read_text(encoding="utf-8")
    cuts = ("train_from", "validation_from", "test_from", "test_until")
    learning = asdict(LEARNING[settings.scale])
    learning["models"] = ", ".join(f'"{name}"' for name in learning["models"])
    return Template(template).substitute(
        learning,
        network=settings.network,
        ranker=settings.ranker,
        **{cut: getattr(settings, cut).strftime("%Y-%m-%dT%H:%M:%SZ") for cut in cuts},
    )
