"""Spaces: what may be tuned of each model, and between what. One table, so that all of them can be compared.

A setting is named by its place in the recipe: `baselines.ease_regularisation`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Literal

from dlrs.errors import DataError
from dlrs.recipe import Recipe
from dlrs.settings.baselines import Rival

OURS = "ours"
"""What the recipe's own model is called here, whatever its objective."""

Model = Rival | Literal["ours"]
Searched = Model | Literal["history"]
"""What has a space: ours has one for each kind of network."""

Value = float | int | str | bool
"""What a setting can be, as TOML writes it."""


@dataclass(frozen=True)
class Between:
    """Any number from `low` to `high`: a whole one if both are; by its logarithm, unless `linear`."""

    low: float
    high: float
    linear: bool = False

    @property
    def whole(self) -> bool:
        """Whether only whole numbers are meant."""
        return isinstance(self.low, int) and isinstance(self.high, int)

    def holds(self, value: object) -> bool:
        """Return whether the setting may be so."""
        return isinstance(value, float | int) and self.low <= value <= self.high


@dataclass(frozen=True)
class OneOf:
    """One of some values."""

    values: tuple[Value, ...]

    def holds(self, value: object) -> bool:
        """Return whether the setting may be so."""
        return value in self.values


Range = Between | OneOf
Space = Mapping[str, Range]


WINDOWS = ("15m", "30m", "1h", "2h", "3h", "6h", "12h", "1d", "2d", "3d", "7d", "14d", "30d", "91d", "365d")
RATE = Between(0.003, 0.3)
WIDTH = Between(16, 256)

SPACES: Mapping[Searched, Space] = {
    "most popular": {},
    "recently popular": {"baselines.recent_window": OneOf(WINDOWS)},
    "CF": {
        "baselines.cf_factors": WIDTH,
        "baselines.cf_iterations": Between(5, 30),
        "baselines.cf_confidence": Between(0.3, 100.0),
        "baselines.cf_regularisation": Between(0.001, 300.0),
    },
    "CF, WARP": {
        "baselines.warp_factors": WIDTH,
        "baselines.warp_epochs": Between(3, 60),
        "baselines.warp_learning_rate": RATE,
    },
    "BPR": {
        "baselines.bpr_factors": WIDTH,
        "baselines.bpr_iterations": Between(20, 400),
        "baselines.bpr_learning_rate": RATE,
        "baselines.bpr_regularisation": Between(0.0001, 0.1),
    },
    "item-kNN": {
        "baselines.item_knn_neighbours": Between(5, 1000),
        "baselines.item_knn_shrinkage": Between(0.1, 300.0),
    },
    "EASE": {"baselines.ease_regularisation": Between(1.0, 10_000.0)},
    "GF-CF": {
        "baselines.gf_cf_width": Between(16, 512),
        "baselines.gf_cf_low_pass": Between(0.01, 3.0),
    },
    "content-kNN": {
        "baselines.content_idf_power": Between(0.0, 6.0, linear=True),
        "baselines.content_count_power": Between(0.0, 1.0, linear=True),
    },
    "hybrid CF-CBF": {
        "baselines.hybrid_factors": WIDTH,
        "baselines.hybrid_epochs": Between(3, 60),
        "baselines.hybrid_learning_rate": RATE,
    },
    "ours": {
        "training.learning_rate": Between(0.0003, 0.03),
        "training.wide_learning_rate": Between(0.001, 0.1),
        "training.batch_size": OneOf((256, 512, 1024, 2048)),
        "training.dropout": Between(0.0, 0.7, linear=True),
        "training.similarity_weight": Between(0.01, 2.0),
    },
    "history": {
        "history.reading": OneOf(("attention", "mean", "both", "set")),
        "history.user_ids": OneOf((False, True)),
        "history.width": OneOf((64, 128, 256)),
        "history.length": OneOf((20, 50, 200, 1000)),
        "history.learning_rate": Between(0.0001, 0.01),
        "history.temperature": Between(0.04, 0.3),
        "history.dropout": Between(0.1, 0.7, linear=True),
        "history.field_dropout": Between(0.0, 0.5, linear=True),
        "history.batch_size": OneOf((8, 32, 64, 128, 256)),
        "history.minimum_uses": OneOf((1, 2, 5)),
        "history.popular_negatives": OneOf((0, 64, 256)),
    },
}
"""Where the search looks if it is not told otherwise."""

THESIS_WIDTH, THESIS_RATE = OneOf((50, 100, 200, 300)), OneOf((0.1, 0.03, 0.01))

THESIS: Mapping[Searched, Space] = {
    "CF, WARP": {
        "baselines.warp_factors": THESIS_WIDTH,
        "baselines.warp_learning_rate": THESIS_RATE,
        "baselines.warp_epochs": OneOf((40,)),
    },
    "hybrid CF-CBF": {
        "baselines.hybrid_factors": THESIS_WIDTH,
        "baselines.hybrid_learning_rate": THESIS_RATE,
        "baselines.hybrid_epochs": OneOf((40,)),
    },
}
"""The grid of the thesis, d × α after 40 epochs [T §5]."""

SpaceName = Literal["wide", "thesis"]
NAMED: Mapping[SpaceName, Mapping[Searched, Space]] = {"wide": SPACES, "thesis": THESIS}


def space_of(name: SpaceName, model: Model, recipe: Recipe, settings: Sequence[str] = ()) -> Space:
    """Return where to look for a model's settings, ours by the kind of network that the recipe trains.

    Args:
        name: which of the spaces.
        model: a baseline, or ours.
        recipe: the settings to begin with. Ids of users can be tried only where it asks for them, and left
            out only where its users do not have them as a feature.
        settings: those to look at, the others staying as the recipe has them; none: all.

    Raises:
        DataError: the space has nothing for this model, or none of the settings.
    """
    spaces = NAMED[name]
    if model not in spaces:
        raise DataError(
            f"--model {model}: expected one that the space '{name}' says something of ({', '.join(spaces)})."
        )
    is_history = model == OURS and recipe.training.network == "history"
    space = dict(spaces["history" if is_history else model])
    if recipe.lists_user_ids or not recipe.history.wants_ids:
        space.pop("history.user_ids", None)
    if not settings:
        return space
    if not set(settings) & set(space):
        raise DataError(
            f"--setting {', '.join(settings)}: expected at least one that may be tuned of {model} "
            f"({', '.join(space)})."
        )
    return {setting: values for setting, values in space.items() if setting in settings}


def combinations(space: Space) -> list[dict[str, Value]] | None:
    """Return every combination of a space of values alone, in order; None where there is no end to them.

    >>> combinations({"a": OneOf((1, 2)), "b": OneOf((3, 4))})[1]
    {'a': 1, 'b': 4}
    """
    listed = [r.values for r in space.values() if isinstance(r, OneOf)]
    if len(listed) < len(space):
        return None
    return [dict(zip(space, values, strict=True)) for values in product(*listed)]
