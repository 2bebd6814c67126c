from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import numpy as np
import pytest

from dlrs.candidates.histories import Histories, histories_before
from dlrs.data.interactions import micros
from dlrs.features.rows import EncodedRows
from dlrs.folders import RunFolder
from dlrs.prepared import Prepared, open_prepared
from dlrs.publishing.published import Published
from dlrs.schema import ITEM
from dlrs.service.bundle import ServingBundle
from dlrs.service.ranking.encoded import decode
from dlrs.service.seams import Met, Profile
from service.ranking.fakes import Stage, open_world


class User:
    """A user of the world at its end: encoded, with his history, and as the User Profile API tells it."""

    def __init__(self, prepared: Prepared, row: int) -> None:
        recipe, end = prepared.recipe, micros(prepared.recipe.marketplace.split.test_until)
        self.id: str = prepared.user_ids[row].as_py()
        profile_row = prepared.profile_of_QU[prepared.serving_period, row]
        self.encoded: EncodedRows = prepared.profiles.take(np.array([profile_row]))
        self.histories: Histories = histories_before(prepared, end).take(np.array([row]))
        log = prepared.interactions.between(end - recipe.marketplace.profiles.window // _MICRO, end)
        mine = np.flatnonzero(log.user_E == row)
        mine = mine[np.argsort(log.time_E[mine], kind="stable")]
        raws = prepared.versions.take(log.version_E[mine]).to_pylist()
        self.own = None if prepared.own_raw is None else prepared.own_raw.slice(row, 1).to_pylist()[0]
        types = recipe.marketplace.interaction_types
        weights = prepared.facts["interaction_weights"]
        self.history = [
            Met(
                raw[ITEM],
                types[log.type_E[event]],
                int(log.time_E[event]),
                weights[types[log.type_E[event]]],
                {name: raw[name] for name in recipe.marketplace.features.names},
            )
            for event, raw in zip(mine, raws, strict=True)
        ]

    def profile(self, bundle: ServingBundle) -> Profile:
        known = decode(self.encoded, bundle.encoding)
        ids = list(dict.fromkeys(met.item_id for met in self.history))
        parts = ({}, known.values, known.numbers, self.history, ids)
        return Profile(self.id, "1", len(self.history), *parts, own=self.own)


_MICRO = timedelta(microseconds=1)


@pytest.fixture(scope="session")
def opened(world: RunFolder) -> tuple[Published, ServingBundle]:
    return open_world(world)


@pytest.fixture(scope="session")
def users(world: RunFolder) -> list[User]:
    """Five users with profiles, whoever come first."""
    prepared = open_prepared(world.prepared)
    rows_U = np.flatnonzero(prepared.profile_of_QU[prepared.serving_period] >= 0)
    return [User(prepared, int(row)) for row in rows_U[:5]]


@pytest.fixture
def stage(opened: tuple[Published, ServingBundle], users: list[User]) -> Iterator[Stage]:
    stage = Stage(*opened)
    stage.profiles.known = {user.id: user.profile(stage.bundle) for user in users}
    yield stage
    stage.service.stop()


@pytest.fixture
def staged(opened: tuple[Published, ServingBundle], users: list[User]) -> Iterator[Callable[..., Stage]]:
    """Make a stage with other settings."""
    made: list[Stage] = []

    def make(**settings: Any) -> Stage:
        stage = Stage(*opened, **settings)
        stage.profiles.known = {user.id: user.profile(stage.bundle) for user in users}
        made.append(stage)
        return stage

    yield make
    for stage in made:
        stage.service.stop()
