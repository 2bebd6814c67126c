"""Records: what a recommender may know of a simulated marketplace, read as `prepare` reads it.

The item table is written and read again, so that flaws, quarantine and features are those that a bundle
was trained on; events are joined to the versions seen. Nothing here knows a taste.

    V versions    N simulated ads    E events    U users asked about
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property
from pathlib import Path
from typing import Self

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from dlrs.arrays import Bools, Columns, Ints
from dlrs.data.catalog import Catalog
from dlrs.data.engine import connect
from dlrs.data.interactions import Interactions, micros
from dlrs.data.items import catalog, load_items, version_table
from dlrs.profiles.incremental import fresh_buckets
from dlrs.profiles.learner import learn_profiles
from dlrs.profiles.profile import Profiles
from dlrs.profiles.weights import InteractionWeights, fit_weights
from dlrs.schema import ITEM, Marketplace
from dlrs.simulator.chains import TYPES, Events
from dlrs.simulator.marketplace import Market, write_items

SECOND = 1_000_000  # microseconds


@dataclass(frozen=True)
class Records:
    """The usable versions of all ads under one description of the marketplace, and how rows correspond.

    *Item rows* count the ads with a usable version by their ids in text order, as in prepared data; an
    *ad* is a row of the simulator.
    """

    marketplace: Marketplace
    start: datetime  # of the simulation
    versions: pa.Table
    catalog: Catalog
    item_of_N: Ints  # item row of each ad, −1 without a usable version
    users: int

    @classmethod
    def of(cls, market: Market, marketplace: Marketplace, folder: Path) -> Self:
        """Read the ads as this description says; `folder` takes the item table for that long.

        Raises:
            DataError: the description does not fit the simulated tables.
        """
        # wherever the description says that the table is, ours lies here
        table = marketplace.items.model_copy(update={"table": "items.parquet", "database": None})
        marketplace = marketplace.model_copy(update={"items": table})
        file = folder / table.table
        write_items(market, file)
        with connect() as connection:
            versions = version_table(load_items(connection, marketplace, folder))
        file.unlink()
        first = pa.array(catalog(versions).first_N[:-1])
        ids = versions[ITEM].take(first).combine_chunks().cast(pa.string())
        row_N: pa.Array = pc.index_in(pa.array(market.item_ids_N).cast(pa.string()), value_set=ids)
        return cls(
            marketplace=marketplace,
            start=market.settings.start,
            versions=versions,
            catalog=catalog(versions),
            item_of_N=row_N.fill_null(-1).to_numpy(zero_copy_only=False).astype(np.int64),
            users=len(market.user_ids_U),
        )

    @cached_property
    def ad_of_items(self) -> Ints:
        """The ad of each item row."""
        ads = np.flatnonzero(self.item_of_N >= 0)
        return ads[np.argsort(self.item_of_N[ads])]

    def moment(self, day: int) -> datetime:
        """Return when a day of the simulation begins."""
        return self.start + timedelta(days=day)

    def alive(self, ads_A: Columns, day: int) -> Ints:
        """Return the version rows that hold as the day begins, of those ads that have one, by item row."""
        items = np.sort(self.item_of_N[ads_A])
        items = items[items >= 0]
        now = np.full(len(items), micros(self.moment(day)))
        version = self.catalog.version_at(items, now)
        return version[self._holds(version, now)]

    def ids_at(self, day: int) -> pa.Array:
        """Return the ids of the items that hold as the day begins, as a bundle published then lists them."""
        rows = self.catalog.alive_at(micros(self.moment(day)))
        return self.versions[ITEM].take(pa.array(rows)).combine_chunks().cast(pa.string())

    def interactions(self, log: Events) -> Interactions:
        """Return the usable events of a simulated log with user and item rows."""
        item_E = self.item_of_N[log.item_E]
        time_E = micros(self.start) + log.time_E.astype(np.int64) * SECOND
        version_E = self.catalog.version_at(np.maximum(item_E, 0), time_E)
        type_T = np.array([self.marketplace.interaction_types.index(name) for name in TYPES])
        usable = (item_E >= 0) & self._holds(version_E, time_E)
        every = Interactions(log.user_E.astype(np.int64), item_E, version_E, type_T[log.type_E], time_E)
        return every.take(usable)

    def weights(self, before: Interactions) -> InteractionWeights:
        """Fit the interaction weights as `prepare` does on the events before the cut."""
        level, types = self.marketplace.profiles.weights, len(self.marketplace.interaction_types)
        return fit_weights(before, level, users=self.users, types=types)

    def profiles(self, log: Interactions, weights: InteractionWeights, day: int) -> Profiles:
        """Return the profiles of the log's users as a day begins, by user row."""
        until = self.moment(day)
        buckets = fresh_buckets(log, self.versions, self.marketplace, weights, [until])
        return learn_profiles(buckets, self.marketplace.profiles, weights, [until])

    def _holds(self, versions: Ints, times: Ints) -> Bools:
        begun: Bools = self.catalog.valid_from_V[versions] <= times
        return begun & (times < self.catalog.valid_to_V[versions])
