"""A little marketplace with every kind of feature: 6 items of two versions each, and bundles of its past."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pyarrow as pa

from dlrs.data.catalog import Catalog
from dlrs.data.interactions import Interactions, micros
from dlrs.features.encoding import Encoding, fit_encoding
from dlrs.features.table import TableEncoding
from dlrs.past.stored import Past
from dlrs.past.writing import write_past
from dlrs.prepared import Prepared
from dlrs.profiles.incremental import fresh_buckets
from dlrs.profiles.learner import learn_profiles
from dlrs.profiles.profile import ProfileFacts, Profiles
from dlrs.profiles.weights import InteractionWeights
from dlrs.recipe import Recipe, parse_recipe
from dlrs.service.bundle import ServingBundle
from dlrs.service.seams import Event, Raw

DAY = 86_400_000_000
WATERMARK = datetime(2020, 2, 3, tzinfo=UTC)
END = micros(WATERMARK)
CHANGE = END - 5 * DAY
"""When each item's second version begins."""

ITEMS = 6
WEIGHTS = np.array([1.25, 7.5, 31.0])
TYPES = ("view", "bookmark", "contact")

CONTENT: dict[str, Any] = {
    "data": ".",
    "marketplace": {
        "name": "little",
        "items": {"table": "items.csv", "id": "id"},
        "events": {"table": "events.csv", "user": "who", "item": "which", "time": "when", "type": "did"},
        "users": {
            "table": "users.csv",
            "id": "who",
            "features": {"continuous": {"age": {}}, "categorical": ["country"]},
        },
        "interaction_types": list(TYPES),
        "features": {
            "continuous": {
                "price": {"min": 0, "transform": "log"},
                "built": {"kind": "time"},
                "weight": {},
            },
            "categorical": ["colour", "kind"],
            "multi_valued": {"tags": {}},
            "text": {"title": {"buckets": 16}},
        },
        "negatives_by": "kind",
        "profiles": {"window": "14d", "refresh": "7d", "minimum_events": 1},
        "split": {
            "train_from": "2020-01-06T00:00:00Z",
            "validation_from": "2020-01-20T00:00:00Z",
            "test_from": "2020-01-27T00:00:00Z",
            "test_until": "2020-02-03T00:00:00Z",
        },
    },
}

VERSIONS = pa.table(
    {
        "price": pa.array([100.0, 90.0, None, 2e5, 0.0, 5.0, 7.0, 7.0, 33.3, None, 1e-3, 12.5]),
        "built": pa.array([1.5e9, 1.5e9, None, 1.2e9, 1.3e9, 1.3e9, None, None, 0.0, 1.0, 1.5e9, 2.0]),
        "weight": pa.array([0.1] * 5 + [None] * 6 + [0.3]),
        "colour": pa.array(["red", "red", "blue", None, "green", "blue", None, None, "red", "red", "x", "y"]),
        "kind": pa.array(["car"] * 6 + ["bus"] * 6),
        "tags": pa.array(
            [["a", "b"], ["a"], [], ["c"], ["a", "b", "c"], [], ["c"], ["b"], [], ["a", "ü"], ["b"], ["c"]],
            pa.list_(pa.string()),
        ),
        "title": pa.array(
            ["old car", None, "a blue car", "!!", "car car", "", "bus", "long bus", None, "x", "y z", "a"]
        ),
    }
)
OWN = pa.table({"age": pa.array([33.0, None]), "country": pa.array(["de", None])})
USERS = ("ann", "bob")


def recipe(**profiles: Any) -> Recipe:
    content = {**CONTENT, "marketplace": {**CONTENT["marketplace"]}}
    content["marketplace"]["profiles"] = {**content["marketplace"]["profiles"], **profiles}
    return parse_recipe(content, source="little.toml")


def item_id(item: int) -> str:
    return f"item-{item}"


def version_of(item: int, time: int) -> int:
    return 2 * item + int(time >= CHANGE)


def raw_of(version: int) -> Raw:
    return VERSIONS.slice(version, 1).to_pylist()[0]


def raw_then(item: str, time: int) -> Raw | None:
    """What a Candidate Service would answer."""
    number = item.removeprefix("item-")
    return raw_of(version_of(int(number), time)) if number.isdecimal() and int(number) < ITEMS else None


def log_of(events: Sequence[Event]) -> Interactions:
    """Return events as the cleaned log has them."""
    events = sorted(events, key=lambda event: event.time)
    items = [int(event.item_id.removeprefix("item-")) for event in events]
    columns = [
        [USERS.index(event.user_id) for event in events],
        items,
        [version_of(item, event.time) for item, event in zip(items, events, strict=True)],
        [TYPES.index(event.type) for event in events],
        [event.time for event in events],
    ]
    return Interactions(*(np.array(column, dtype=np.int64) for column in columns))


def past_of(events: Sequence[Event], folder: Path, end: int = END) -> Past:
    """Write these events into a bundle's folder, and open the past that is there."""
    starts = np.tile([np.iinfo(np.int64).min, CHANGE], ITEMS)
    prepared = SimpleNamespace(
        recipe=recipe(),
        user_ids=pa.array(USERS),
        interactions=log_of(events),
        refused=Interactions.none(),
        versions=VERSIONS,
        catalog=Catalog(ITEMS, np.repeat(np.arange(ITEMS), 2), starts, starts),
        item_ids=pa.array([item_id(item) for item in range(ITEMS)]),
        own_features=True,
        own_raw=OWN,
    )
    write_past(cast(Prepared, prepared), end, folder)
    return Past.open(folder, prepared.recipe.marketplace.features)


def learned(events: Sequence[Event], border: int) -> Profiles:
    """Return what the batch learner makes of the period that begins at `border`."""
    marketplace = recipe().marketplace
    weights = InteractionWeights(WEIGHTS, np.tile(WEIGHTS, (len(USERS), 1)))
    starts = [datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=border)]
    buckets = fresh_buckets(log_of(events), VERSIONS, marketplace, weights, starts)
    return learn_profiles(buckets, marketplace.profiles, weights, starts)


def encoding() -> Encoding:
    """Fitted on all versions but the last two, so that some values are unknown to it."""
    features = recipe().marketplace
    numbers = np.array([[5.0, 1e9, 0.2], [7.0, 1.2e9, 0.4], [9.0, 1.3e9, 0.1]])
    facts = ProfileFacts(
        user_P=np.arange(3),
        period_P=np.zeros(3, dtype=np.int64),
        events_P=np.ones(3, dtype=np.int64),
        known_PF=np.ones((3, 4), dtype=np.float32),
        mean_PC=numbers,
        std_PC=numbers[::-1] / 3,
    )
    assert features.users is not None
    own = TableEncoding.fit(features.users.features, pa.table({"age": [20.0, 40.0], "country": ["de", "lu"]}))
    return fit_encoding(features.features, VERSIONS, facts, own, fitting_V=np.arange(12) < 10)


@dataclass
class Clock:
    now: int

    def __call__(self) -> int:
        return self.now


def bundle(name: str = "b1", watermark: datetime = WATERMARK) -> ServingBundle:
    weights = dict(zip(TYPES, WEIGHTS.tolist(), strict=True))
    return ServingBundle(name, recipe(), encoding(), cast(Any, None), weights, watermark, watermark, Path())
