"""Prepared: everything that training and evaluation need, in one folder; `preparing` makes it.

recipe.json         what it was prepared under
users.parquet       id of each user row
versions.parquet    the item versions with their raw features, in the order of their rows
interactions/       the cleaned log as arrays of rows
negatives/          the events of negative types likewise, if the marketplace has any
profiles/, facts/   the encoded profiles, one per user and period; whose they are
own/, own.parquet   the features of the users' own, if they have any, one row a user: encoded, and raw
versions/           the encoded item versions
pairs/              positives and negatives of the training periods
buckets/            what the profiles were merged from, for a later preparation
encoding.json       vocabularies and scalers
quarantine/         the rows that were left out, with reasons
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from dlrs.arrays import Ints
from dlrs.bundle import open_folder
from dlrs.data.catalog import Catalog
from dlrs.data.interactions import Interactions, micros
from dlrs.data.items import catalog
from dlrs.data.versions import Versions
from dlrs.features.encoding import Encoding
from dlrs.features.rows import EncodedRows
from dlrs.profiles.incremental import Earlier
from dlrs.profiles.kept import StoredBuckets
from dlrs.profiles.profile import ProfileFacts
from dlrs.recipe import Recipe, parse_recipe
from dlrs.samples.pairs import Pairs
from dlrs.schema import ITEM, USER

KIND = "prepared"
RECIPE, ENCODING = "recipe.json", "encoding.json"
USERS, VERSIONS = "users.parquet", "versions.parquet"
INTERACTIONS, PROFILES, FACTS, OWN, ENCODED_VERSIONS, PAIRS, BUCKETS, QUARANTINE = (
    *("interactions", "profiles", "facts", "own", "versions", "pairs", "buckets", "quarantine"),
)
NEGATIVES = "negatives"
OWN_RAW = "own.parquet"
REUSE, ITEMS_AS_OF = "profile_buckets", "items_as_of"
"""The facts that say how buckets came about, and when the items were read: preparations of the same data may
differ in them, and nothing is learned from them."""


@dataclass(frozen=True)
class Prepared:
    """A prepared data set. The arrays of a loaded one are mapped into memory, read-only."""

    folder: Path
    recipe: Recipe
    user_ids: pa.Array
    versions: Versions
    interactions: Interactions
    profiles: EncodedRows
    profile_facts: ProfileFacts
    own_features: EncodedRows | None  # of each user row, where users have features of their own
    encoded_versions: EncodedRows
    pairs: Pairs
    encoding: Encoding
    quarantine: Mapping[str, pa.Table]
    facts: Mapping[str, Any]
    own_raw: pa.Table | None = None  # the same as they were read; None also where an older dlrs prepared
    negatives: Interactions = field(default_factory=Interactions.none)  # what users passed by or refused

    @cached_property
    def refused(self) -> Interactions:
        """The events after which an item is not recommended to this user again."""
        marketplace = self.recipe.marketplace
        types = [marketplace.negative_types.index(name) for name in marketplace.refusing_types]
        return self.negatives.take(np.isin(self.negatives.type_E, types))

    @cached_property
    def catalog(self) -> Catalog:
        """Every version of every item."""
        return catalog(self.versions)

    @cached_property
    def item_ids(self) -> pa.Array:
        """Id of each item row."""
        return self.versions[ITEM].take(self.catalog.first_N[:-1]).cast(pa.string()).combine_chunks()

    @cached_property
    def starts_Q(self) -> Ints:
        """Starts of the training periods, then the cut: microseconds since the epoch."""
        return np.array([micros(start) for start in self.recipe.marketplace.period_starts])

    @cached_property
    def profile_of_QU(self) -> Ints:
        """Profile row of each (period, user row), −1 where there is none.

        The last two periods are `cut_period` and `serving_period`.
        """
        return self.profile_facts.rows(len(self.starts_Q) + 1, len(self.user_ids))

    @cached_property
    def strangers(self) -> EncodedRows:
        """A row for each user row that says nothing of a profile: only what the user has of his own."""
        space = self.encoding.space
        blank = EncodedRows.blank(len(self.user_ids), space.shared, side="user")
        return blank if self.own_features is None else blank.beside(self.own_features, space)

    @property
    def cut_period(self) -> int:
        """The period of the profiles at the cut: the test's."""
        return len(self.starts_Q) - 1

    @property
    def serving_period(self) -> int:
        """The period of the profiles at the end of the test window: those to serve with."""
        return len(self.starts_Q)

    @property
    def validation_period(self) -> int:
        """The first period that early stopping, not training, may look at."""
        return int(np.searchsorted(self.starts_Q, micros(self.recipe.marketplace.split.validation_from)))

    @classmethod
    def load(cls, folder: Path, facts: Mapping[str, Any]) -> Prepared:
        """Map what `preparing` wrote; `facts` are those of the folder's manifest."""
        content = json.loads((folder / RECIPE).read_text(encoding="utf-8"))
        return cls(
            folder=folder,
            recipe=parse_recipe(content, source=str(folder / RECIPE)),
            user_ids=read_ids(folder),
            versions=Versions.open(folder / VERSIONS),
            interactions=Interactions.load(folder / INTERACTIONS),
            profiles=EncodedRows.load(folder / PROFILES),
            profile_facts=ProfileFacts.load(folder / FACTS),
            own_features=EncodedRows.load(folder / OWN) if (folder / OWN).is_dir() else None,
            encoded_versions=EncodedRows.load(folder / ENCODED_VERSIONS),
            pairs=Pairs.load(folder / PAIRS),
            encoding=Encoding.load(folder / ENCODING),
            quarantine={f.stem: pq.read_table(f) for f in (folder / QUARANTINE).glob("*.parquet")},
            facts=facts,
            own_raw=pq.read_table(folder / OWN_RAW) if (folder / OWN_RAW).is_file() else None,
            negatives=read_negatives(folder),
        )


def write_recipe(recipe: Recipe, folder: Path) -> None:
    """Write what the data set is prepared under."""
    (folder / RECIPE).write_text(recipe.model_dump_json(indent=1), encoding="utf-8")


def write_ids(user_ids: pa.Array, folder: Path) -> None:
    """Write the id of each user row."""
    pq.write_table(pa.table({USER: user_ids}), folder / USERS)


def read_ids(folder: Path) -> pa.Array:
    """Read the id of each user row."""
    return pq.read_table(folder / USERS)[USER].combine_chunks()


def read_negatives(folder: Path) -> Interactions:
    """Map the events of negative types; none where there are none, or an older dlrs prepared."""
    return Interactions.load(folder / NEGATIVES) if (folder / NEGATIVES).is_dir() else Interactions.none()


def write_quarantine(tables: Mapping[str, pa.Table], folder: Path) -> None:
    """Write the rows of each table that were left out."""
    (folder / QUARANTINE).mkdir()
    for name, rows in tables.items():
        pq.write_table(rows, folder / QUARANTINE / f"{name}.parquet")


def open_prepared(folder: Path) -> Prepared:
    """Open what `pipeline.prepare` wrote."""
    opened = open_folder(folder, KIND)
    return Prepared.load(opened.path, opened.facts)


def open_earlier(folder: Path) -> Earlier:
    """Open what a new preparation may use of an earlier one."""
    path = open_folder(folder, KIND).path
    return Earlier(StoredBuckets.open(path / BUCKETS), read_ids(path))
