"""One simulated marketplace for all tests here, read back from its files as arrays."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from dlrs.simulator.marketplace import Simulation, simulate

SETTINGS = Simulation(users=1500, items=15_000, seed=4)


@dataclass(frozen=True)
class Simulated:
    settings: Simulation
    folder: Path
    facts: dict[str, Any]
    items: pa.Table
    events: pa.Table
    truth: pa.Table

    @cached_property
    def item_V(self) -> np.ndarray:
        """Item row of each version: its place among the sorted ids."""
        return np.unique(self.items["item_id"].to_numpy(), return_inverse=True)[1]

    @cached_property
    def item_E(self) -> np.ndarray:
        return np.searchsorted(np.unique(self.items["item_id"].to_numpy()), self.events["item_id"].to_numpy())

    @cached_property
    def user_E(self) -> np.ndarray:
        """Rows as in the table of true tastes: guests are the last ones."""
        ids_U = self.truth["user_id"].to_numpy()[::3]
        order_U = np.argsort(ids_U)
        return order_U[np.searchsorted(ids_U[order_U], self.events["user_id"].to_numpy())]

    @cached_property
    def known_E(self) -> np.ndarray:
        """Events of users, not of guests."""
        return self.user_E < self.settings.users

    @cached_property
    def time_V(self) -> np.ndarray:
        return self.items["valid_from"].cast("int64").to_numpy()

    @cached_property
    def time_E(self) -> np.ndarray:
        return self.events["time"].cast("int64").to_numpy()

    @cached_property
    def type_E(self) -> np.ndarray:
        return np.array(self.events["type"].to_pylist())

    @cached_property
    def first_N(self) -> np.ndarray:
        """First version of each item."""
        return np.flatnonzero(np.diff(self.item_V, prepend=-1))

    def feature_V(self, name: str) -> np.ndarray:
        """A feature of every version: numbers with NaN, or texts with "None"."""
        column = self.items[name]
        if pa.types.is_timestamp(column.type):
            return column.cast("int64").cast("float64").to_numpy() / 1e6
        if pa.types.is_floating(column.type):
            return column.to_numpy()
        return np.array([str(value) for value in column.to_pylist()])

    def subcategory_N(self) -> np.ndarray:
        return np.unique(self.feature_V("subcategory")[self.first_N], return_inverse=True)[1]

    @cached_property
    def train_E(self) -> np.ndarray:
        """Of users only."""
        return (self.time_E >= micros(self.settings.train_from)) & ~self._late_E & self.known_E

    @cached_property
    def test_E(self) -> np.ndarray:
        """Of users only."""
        return self._late_E & self.known_E

    @cached_property
    def _late_E(self) -> np.ndarray:
        return self.time_E >= micros(self.settings.test_from)


def micros(moment: datetime) -> int:
    return int(moment.timestamp()) * 1_000_000


@pytest.fixture(scope="session")
def simulated(tmp_path_factory: pytest.TempPathFactory) -> Simulated:
    folder = tmp_path_factory.mktemp("marketplace")
    facts = simulate(SETTINGS, folder)
    tables = (pq.read_table(folder / f"{name}.parquet") for name in ("items", "events", "truth"))
    return Simulated(SETTINGS, folder, facts, *tables)
