"""Market: who asks, and for what: real users and items of a run, as requests."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import count
from typing import Any
from urllib.parse import quote
from uuid import uuid4

import numpy as np
import pyarrow as pa
from benchmarks.load.wire import Call

from dlrs.arrays import Ints
from dlrs.data.interactions import micros
from dlrs.folders import RunFolder
from dlrs.prepared import Prepared, open_prepared

LIST, EVENT, ITEM = "list", "event", "item"


@dataclass(frozen=True)
class Mix:
    """Shares of the requests; what is left over are lists."""

    events: float = 0.0
    items: float = 0.0


class Market:
    """Draws requests. Users come as often as they are active: each is the user of a random late event."""

    def __init__(self, run: RunFolder, k: int = 20, seed: int = 0) -> None:
        self.k = k
        self._rng = np.random.default_rng(seed)
        prepared = open_prepared(run.prepared)
        end = micros(prepared.recipe.marketplace.split.test_until)
        window = prepared.recipe.marketplace.profiles.window
        late = prepared.interactions.between(end - int(window.total_seconds() * 1e6), end)
        served_U = prepared.profile_of_QU[prepared.serving_period] >= 0
        self._user_E = late.user_E[served_U[late.user_E]]
        self._user_ids = prepared.user_ids.cast(pa.string())
        self.item_ids = _alive(prepared, end)
        self.types = list(prepared.recipe.marketplace.interaction_types)
        self._run, self._numbers = uuid4().hex[:8], count()

    def users(self, number: int) -> list[str]:
        """Draw users."""
        rows: Ints = self._user_E[self._rng.integers(len(self._user_E), size=number)]
        ids: list[str] = self._user_ids.take(pa.array(rows)).to_pylist()
        return ids

    def items(self, number: int) -> list[str]:
        """Draw items that are there."""
        rows = self._rng.integers(len(self.item_ids), size=number)
        ids: list[str] = self.item_ids.take(pa.array(rows)).to_pylist()
        return ids

    def list_path(self, user_id: str) -> str:
        """Return the path of a user's list."""
        return f"/recommendations/{quote(user_id, safe='')}?k={self.k}"

    def event(self, user_id: str, item_id: str, type: str | None = None) -> dict[str, Any]:
        """Return an event of now, with an id of its own; views unless told otherwise."""
        id = f"bench-{self._run}-{next(self._numbers)}"
        return {"id": id, "user_id": user_id, "item_id": item_id, "type": type or self.types[0]}

    def events(self, number: int) -> list[dict[str, Any]]:
        """Draw events: users and items independently, types as they come."""
        types = self._rng.integers(len(self.types), size=number)
        drawn = zip(self.users(number), self.items(number), types, strict=True)
        return [self.event(user, item, self.types[type]) for user, item, type in drawn]

    def new_id(self) -> str:
        """Return the id of an item that was never there."""
        return f"bench-{self._run}-{next(self._numbers)}"

    def calls(
        self, number: int, mix: Mix | None = None, features: Sequence[Mapping[str, Any]] = ()
    ) -> list[Call]:
        """Draw requests; `features` are those of new versions of items, where the mix has some."""
        mix = mix or Mix()
        chance_N = self._rng.random(number)
        users, items = self.users(number), self.items(number)
        return [
            self._call(chance, mix, user, item, features)
            for chance, user, item in zip(chance_N, users, items, strict=True)
        ]

    def _call(
        self, chance: float, mix: Mix, user: str, item: str, features: Sequence[Mapping[str, Any]]
    ) -> Call:
        if chance < mix.events:
            return Call.of(EVENT, "POST", "/events", self.event(user, item))
        if chance < mix.events + mix.items:
            chosen = features[next(self._numbers) % len(features)]
            return Call.of(ITEM, "PUT", item_path(item), {"features": chosen})
        return Call.of(LIST, "GET", self.list_path(user))


def item_path(item_id: str) -> str:
    """Return the path of an item."""
    return f"/items/{quote(item_id, safe='')}"


def known(features: Mapping[str, Any]) -> dict[str, Any]:
    """Return the features that say something."""
    return {name: value for name, value in features.items() if value is not None}


def _alive(prepared: Prepared, at: int) -> pa.Array:
    item_A = prepared.catalog.item_V[prepared.catalog.alive_at(at)]
    return prepared.item_ids.take(pa.array(item_A))
