"""Item table: the versions of the ads as the Parquet file that an item storage would export (method §2).

It is made and written in parts, so that it never lies in memory as a whole. Shapes as in `arrays`.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from dlrs.arrays import AnyArray, Bools, Doubles, Ints
from dlrs.progress import track
from dlrs.schema import ITEM, OPERATION, VALID_FROM, VERSION
from dlrs.simulator.ads import YEAR, Ads
from dlrs.simulator.equipment import Coded
from dlrs.simulator.flaws import Flaws
from dlrs.simulator.history import OPERATIONS, History
from dlrs.simulator.tables import MOMENT, coded, moments
from dlrs.simulator.vehicles import ELECTRICITY

PART = 500_000
"""Versions of a row group."""

SPREAD = (ITEM, VERSION, VALID_FROM, "latitude", "longitude")
"""Columns with too many different values for a dictionary to save anything."""


@dataclass(frozen=True)
class ItemTable:
    """The item storage: one row for each version of each ad."""

    ads: Ads
    flaws: Flaws
    item_ids_N: Ints
    start: datetime

    def write(self, history: History, file: Path) -> None:
        """Write all versions, by ad and version. Readers get plain columns, however they are coded here."""
        schema = self.rows(history.take(slice(0, 0))).schema
        codes = [name for name in schema.names if name not in SPREAD]
        how = {"compression": "zstd", "compression_level": 1, "use_dictionary": codes, "store_schema": False}
        with pq.ParquetWriter(file, schema, **how) as writer:
            for first in track(range(0, len(history.item_V), PART), "writing ads"):
                writer.write_table(self.rows(history.take(slice(first, first + PART))), PART)

    def rows(self, versions: History) -> pa.Table:
        """Return a row for each of some versions."""
        item_V, start = versions.item_V, self.start
        operation = Coded(versions.operation_V, np.array(OPERATIONS))
        columns = {
            ITEM: pa.array(self.item_ids_N[item_V]),
            VERSION: pa.array(versions.number_V.astype(np.int32)),
            VALID_FROM: moments(versions.time_V, start),
            OPERATION: coded(operation, np.zeros(len(item_V), np.bool_)),
        }
        for name, (true_V, none_V) in self._continuous(versions).items():
            columns[name] = self._written(name, true_V.astype(np.float64), none_V, versions)
        for name, feature in self.ads.categorical.items():
            of_V = Coded(feature.codes_N[item_V], feature.values)
            columns[name] = coded(of_V, self.flaws.lacks(name, versions))
        return pa.table(columns)

    def _continuous(self, versions: History) -> dict[str, tuple[AnyArray, Bools]]:
        """Return what is true of the vehicles, and where nothing is."""
        ads, item_V = self.ads, versions.item_V
        every_V = np.zeros(len(item_V), np.bool_)
        idle_V = ~ads.has_engine_N[item_V]
        electric_V = ads.categorical["fuel"].codes_N[item_V] == ELECTRICITY
        return {
            "consumption": (ads.consumption_N[item_V], idle_V | electric_V),
            "first_registration": (self._registered(item_V), every_V),
            "latitude": (ads.latitude_N[item_V], every_V),
            "longitude": (ads.longitude_N[item_V], every_V),
            "mileage": (versions.mileage_V, idle_V),
            "power": (ads.power_N[item_V], idle_V),
            "price": (versions.price_V, every_V),
        }

    def _registered(self, item_V: Ints) -> Ints:
        """Month of first registration, in months since 1970: what a registration document tells."""
        age_V = self.ads.age_N[item_V].astype(np.float64)
        seconds_V = (self.start.timestamp() + self.ads.born_N[item_V] - age_V * YEAR).astype(np.int64)
        months_V: Ints = seconds_V.astype("datetime64[s]").astype("datetime64[M]").astype(np.int64)
        return months_V

    def _written(self, name: str, true_V: Doubles, none_V: Bools, versions: History) -> pa.Array:
        digits = {"consumption": 1, "latitude": 4, "longitude": 4}  # singles carry no more
        true_V = np.round(true_V, digits.get(name, 0))
        written_V = self.flaws.written(name, true_V, versions)
        none_V = none_V | self.flaws.lacks(name, versions)
        return (
            _months(written_V, none_V) if name == "first_registration" else pa.array(written_V, mask=none_V)
        )


def _months(months_V: Doubles, none_V: Bools) -> pa.Array:
    moments_V = months_V.astype(np.int64).astype("datetime64[M]").astype("datetime64[us]")
    return pa.array(moments_V.astype(np.int64), mask=none_V).cast(pa.timestamp("us")).cast(MOMENT)
