"""Simulate a vehicle marketplace and write its tables: the data of the demo and of the tests.

The stages, each with a random stream of its own, so that a change in one leaves the earlier ones alone:

    models → ads → history → users → life (visits → behaviour → chains) → flaws → tables

Users choose by the true vehicle; tables hold what its ad says.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from dlrs.arrays import Ints
from dlrs.simulator import tables
from dlrs.simulator.ad_table import load
from dlrs.simulator.ads import Ads, draw_ads
from dlrs.simulator.catalogue import draw_from_table
from dlrs.simulator.chains import Events
from dlrs.simulator.event_log import write_events
from dlrs.simulator.facts import facts
from dlrs.simulator.flaws import draw_flaws
from dlrs.simulator.history import History, draw_history
from dlrs.simulator.item_table import ItemTable
from dlrs.simulator.life import Life, live
from dlrs.simulator.models import draw_world
from dlrs.simulator.recipes import recipe
from dlrs.simulator.settings import DAY, Simulation
from dlrs.simulator.users import Users, draw_users
from dlrs.simulator.vehicles import World
from dlrs.simulator.widget import Widget

__all__ = ["Market", "Simulation", "populate", "simulate"]


@dataclass(frozen=True)
class Market:
    """All that is there before the first day: ads with their histories, and users. Rows, and their ids."""

    settings: Simulation
    world: World
    ads: Ads
    history: History
    users: Users
    user_ids_U: Ints
    item_ids_N: Ints
    streams: list[np.random.Generator]  # of what comes after: behaviour, flaws

    def live(self, widget: Widget | None = None) -> Life:
        """Let the users act. Each call starts from the first day again, with the same chances.

        Until a widget appears, all is as without one.
        """
        stream = copy.deepcopy(self.streams[0])
        return live(self.ads, self.history, self.users, self.settings, stream, widget)


def populate(settings: Simulation) -> Market:
    """Draw the ads and the users of a marketplace.

    Raises:
        SchemaError: the table of real ads lacks a column.
        DataError: there is no such table, or it does not hold what it should.
    """
    streams = np.random.default_rng(settings.seed).spawn(7)
    world, ads = _draw_ads(settings, streams[0], streams[1])
    settings = replace(settings, items=len(ads.born_N))
    return Market(
        settings=settings,
        world=world,
        ads=ads,
        history=draw_history(ads, settings.days * DAY, streams[2]),
        users=draw_users(ads, settings, streams[3]),
        user_ids_U=streams[4].permutation(
            tables.draw_ids(settings.users + settings.guests, 7_000_000, streams[4])
        ),
        item_ids_N=tables.draw_ids(settings.items, 240_000_000, streams[4]),
        streams=streams[5:],
    )


def _draw_ads(
    settings: Simulation, models: np.random.Generator, rng: np.random.Generator
) -> tuple[World, Ads]:
    if settings.ads is None:
        world = draw_world(models)
        return world, draw_ads(world, settings.items, settings.days, rng)
    table = load(Path(settings.ads))
    return draw_from_table(table, settings.items or None, settings.days, rng, settings.ads)


def simulate(settings: Simulation, folder: Path) -> dict[str, Any]:
    """Write items.parquet, events.parquet, truth.parquet and recipe.toml into `folder`.

    Returns figures of what was simulated, for the folder's manifest. The same settings give the
    same bytes.
    """
    market = populate(settings)
    life = market.live()
    write_items(market, folder / "items.parquet")
    write_log(market, life.events, folder / "events.parquet")
    tables.write(
        tables.truth_table(market.users, life.tastes, market.world, market.user_ids_U),
        folder / "truth.parquet",
    )
    (folder / "recipe.toml").write_text(recipe(settings), encoding="utf-8")
    return facts(market.settings, market.ads, market.history, life.events)


def write_items(market: Market, file: Path) -> None:
    """Write the item table, flaws included."""
    settings = market.settings
    flaws = draw_flaws(settings.items, copy.deepcopy(market.streams[1]))
    ItemTable(market.ads, flaws, market.item_ids_N, settings.start).write(market.history, file)


def write_log(market: Market, events: Events, file: Path) -> None:
    """Write what happened on the marketplace as an event log."""
    ids = market.user_ids_U, market.item_ids_N
    write_events(events, market.history, *ids, market.settings.start, file)
