"""Simulate a vehicle marketplace and write its tables: the data of the demo and of the tests.

The stages, each with a random stream of its own, so that a change in one leaves the earlier ones alone:

    vehicles → ads → history → users → behaviour → chains → flaws → tables

Users choose by the true vehicle; tables hold what its ad says.
"""

from __future__ import annotations

from importlib import resources
from pathlib import Path
from string import Template
from typing import Any

import numpy as np

from dlrs.arrays import Ints
from dlrs.data.catalog import FOREVER, Catalog
from dlrs.simulator import tables
from dlrs.simulator.ads import draw_ads
from dlrs.simulator.behaviour import live
from dlrs.simulator.chains import Events, draw_chains
from dlrs.simulator.facts import facts
from dlrs.simulator.flaws import draw_flaws
from dlrs.simulator.history import History, draw_history
from dlrs.simulator.item_table import ItemTable
from dlrs.simulator.models import draw_world
from dlrs.simulator.settings import DAY, Simulation
from dlrs.simulator.users import draw_users

__all__ = ["Simulation", "simulate"]


def simulate(settings: Simulation, folder: Path) -> dict[str, Any]:
    """Write items.parquet, events.parquet, truth.parquet and recipe.toml into `folder`.

    Returns figures of what was simulated, for the folder's manifest. The same settings give the
    same bytes.
    """
    streams = np.random.default_rng(settings.seed).spawn(8)
    end = settings.days * DAY
    world = draw_world(streams[0])
    ads = draw_ads(world, settings.items, settings.days, streams[1])
    history = draw_history(ads, end, streams[2])
    users = draw_users(ads, settings.users, streams[3])
    choices, tastes = live(ads, history, users, settings.days, settings.start.weekday(), streams[4])
    events = draw_chains(choices, ads, end, streams[5])
    flaws = draw_flaws(settings.items, streams[6])

    user_ids_U = streams[7].permutation(tables.draw_ids(settings.users, 7_000_000, streams[7]))
    item_ids_N = tables.draw_ids(settings.items, 240_000_000, streams[7])
    version_E = versions_seen(history, events)
    start = settings.start
    ItemTable(ads, flaws, item_ids_N, start).write(history, folder / "items.parquet")
    tables.write(
        tables.events_table(events, version_E, user_ids_U, item_ids_N, start), folder / "events.parquet"
    )
    tables.write(tables.truth_table(users, tastes, world, user_ids_U), folder / "truth.parquet")
    (folder / "recipe.toml").write_text(recipe(settings), encoding="utf-8")
    return facts(settings, ads, history, events)


def versions_seen(history: History, events: Events) -> Ints:
    """Return the number of the version that held when each event happened."""
    last_V = np.append(np.diff(history.item_V) > 0, True)
    until_V = np.where(last_V, FOREVER, np.roll(history.time_V, -1))
    catalog = Catalog(len(history.first_N), history.item_V, history.time_V, until_V)
    return history.number_V[catalog.version_at(events.item_E, events.time_E)]


def recipe(settings: Simulation) -> str:
    """Return the text of the recipe: a description of these tables that `read_recipe` takes."""
    template = resources.files("dlrs.simulator").joinpath("recipe.template.toml").read_text(encoding="utf-8")
    cuts = ("train_from", "validation_from", "test_from", "test_until")
    return Template(template).substitute(
        {cut: getattr(settings, cut).strftime("%Y-%m-%dT%H:%M:%SZ") for cut in cuts}
    )
