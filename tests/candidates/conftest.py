"""Embeddings of real networks: trained for one epoch on a small simulated marketplace."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest

from dlrs import pipeline
from dlrs.arrays import Floats
from dlrs.fitting.both import fit_thesis
from dlrs.model.network import without_torch
from dlrs.prepared import open_prepared
from dlrs.simulator.settings import Simulation


@dataclass(frozen=True)
class Embeddings:
    users_UD: Floats
    items_ND: Floats


@pytest.fixture(scope="session")
def embeddings(tmp_path_factory: pytest.TempPathFactory) -> Embeddings:
    """About 12,000 ads, each in its last version, and 100 users."""
    folder = tmp_path_factory.mktemp("embeddings")
    pipeline.simulate(folder / "data", Simulation(users=600, items=12_000, weeks=3, seed=3))
    pipeline.prepare(folder / "data/recipe.toml", folder / "prepared")
    prepared = open_prepared(folder / "prepared")
    nets = without_torch(fit_thesis(prepared, folder / "nets", until=prepared.cut_period, epochs=1).network)
    last_N = prepared.catalog.first_N[1:] - 1
    items = nets.embed_items(prepared.encoded_versions.take(last_N))
    users = nets.embed_users(prepared.profiles.take(np.arange(100)))
    return Embeddings(users.embedding_ND, items.embedding_ND)
