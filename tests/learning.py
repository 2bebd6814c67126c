"""Profiles of two small tables, learned with weights that are given."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from dlrs.arrays import Doubles
from dlrs.data import engine
from dlrs.data.events import load_events
from dlrs.data.items import load_items, version_table
from dlrs.profiles.incremental import make_buckets
from dlrs.profiles.learner import Windows
from dlrs.profiles.profile import Profiles
from dlrs.profiles.weights import InteractionWeights
from dlrs.recipe import Recipe


def learned(recipe: Recipe, folder: Path, weights: InteractionWeights | Doubles) -> Profiles:
    """Return the profiles of all periods, with ψ by interaction type or by whatever it depends on."""
    return windows(recipe, folder, weights).profiles()


def windows(recipe: Recipe, folder: Path, weights: InteractionWeights | Doubles) -> Windows:
    """Return the windows that they are merged from."""
    marketplace, starts = recipe.marketplace, recipe.marketplace.period_starts
    with engine.connect() as connection:
        items = load_items(connection, marketplace, folder)
        events = load_events(connection, marketplace, folder, items)
        log, user_ids = events.log, events.user_ids
        if isinstance(weights, np.ndarray):
            weights = InteractionWeights(weights, np.tile(weights, (len(user_ids), 1)))
        versions = version_table(items)
        made = make_buckets(log, user_ids, versions, marketplace, weights, starts)
    return Windows.of(made.buckets, marketplace.profiles, weights, starts)
