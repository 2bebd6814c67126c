"""Prepared: everything that training and evaluation need, in one folder; `preparing` makes it.

recipe.json         what it was prepared under
users.parquet       id of each user row
versions.parquet    the item versions with their raw features, in the order of their rows
interactions/       the cleaned log as arrays of rows
profiles/, facts/   the encoded profiles, one per user and period; whose they are
own/                the encoded features of the users' own, if they have any, one row a user
versions/           the encoded item versions
pairs/              positives and negatives of the training periods
buckets/            what the profiles were merged from, for a later preparation
encoding.json       vocabularies and scalers
quarantine/         the rows that were left out, with reasons
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
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
from dlrs.features.encoding import Encoding
from dlrs.features.rows import EncodedRows
from dlrs.profiles.incremental import Earlier
from dlrs.profiles.kept import KeptBuckets, StoredBuckets
from dlrs.profiles.profile import ProfileFacts
from dlrs.recipe import Recipe, parse_recipe
from dlrs.samples.pairs import Pairs
from dlrs.schema import ITEM, USER

KIND = "prepared"
REUSE = "profile_buckets"
"""The fact that says how buckets came about: all that may differ between preparations of the same data."""


@dataclass(frozen=True)
class Prepared:
    """A prepared data set. The arrays of a loaded one are mapped into memory, read-only."""

    recipe: Recipe
    user_ids: pa.Array
    versions: pa.Table
    interactions: Interactions
    profiles: EncodedRows
    profile_facts: ProfileFacts
    own_features: EncodedRows | None  # of each user row, where users have features of their own
    encoded_versions: EncodedRows
    pairs: Pairs
    encoding: Encoding
    quarantine: Mapping[str, pa.Table]
    facts: Mapping[str, Any]
    buckets: KeptBuckets | None = None  # only a later preparation reads them again: `open_earlier`

    @cached_property
    def catalog(self) -> Catalog:
        """Every version of every item."""
        return catalog(self.versions)

    @cached_property
    def item_ids(self) -> pa.Array:
        """Id of each item row."""
        return self.versions[ITEM].combine_chunks().take(pa.array(self.catalog.first_N[:-1]))

    @cached_property
    def starts_Q(self) -> Ints:
        """Starts of the training periods, then the cut: microseconds since the epoch."""
        return np.array([micros(start) for start in self.recipe.marketplace.period_starts])

    @cached_property
    def profile_of_QU(self) -> Ints:
        """Profile row of each (period, user row), −1 where there is none. The last two periods are

        `cut_period` and `serving_period`.
        """
        return self.profile_facts.rows(len(self.starts_Q) + 1, len(self.user_ids))

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

    def save(self, folder: Path) -> None:
        """Write every part into `folder`."""
        (folder / "recipe.json").write_text(self.recipe.model_dump_json(indent=1), encoding="utf-8")
        pq.write_table(pa.table({USER: self.user_ids}), folder / "users.parquet")
        pq.write_table(self.versions, folder / "versions.parquet")
        self.interactions.save(folder / "interactions")
        self.profiles.save(folder / "profiles")
        self.profile_facts.save(folder / "facts")
        if self.own_features is not None:
            self.own_features.save(folder / "own")
        self.encoded_versions.save(folder / "versions")
        self.pairs.save(folder / "pairs")
        self.encoding.save(folder / "encoding.json")
        (folder / "quarantine").mkdir()
        for name, rows in self.quarantine.items():
            pq.write_table(rows, folder / "quarantine" / f"{name}.parquet")
        if self.buckets is not None:
            self.buckets.save(folder / "buckets")

    @classmethod
    def load(cls, folder: Path, facts: Mapping[str, Any]) -> Prepared:
        """Read what `save` wrote; `facts` are those of the folder's manifest."""
        content = json.loads((folder / "recipe.json").read_text(encoding="utf-8"))
        return cls(
            recipe=parse_recipe(content, source=str(folder / "recipe.json")),
            user_ids=pq.read_table(folder / "users.parquet")[USER].combine_chunks(),
            versions=pq.read_table(folder / "versions.parquet"),
            interactions=Interactions.load(folder / "interactions"),
            profiles=EncodedRows.load(folder / "profiles"),
            profile_facts=ProfileFacts.load(folder / "facts"),
            own_features=EncodedRows.load(folder / "own") if (folder / "own").is_dir() else None,
            encoded_versions=EncodedRows.load(folder / "versions"),
            pairs=Pairs.load(folder / "pairs"),
            encoding=Encoding.load(folder / "encoding.json"),
            quarantine={f.stem: pq.read_table(f) for f in (folder / "quarantine").glob("*.parquet")},
            facts=facts,
        )


def open_prepared(folder: Path) -> Prepared:
    """Open what `pipeline.prepare` wrote."""
    opened = open_folder(folder, KIND)
    return Prepared.load(opened.path, opened.facts)


def open_earlier(folder: Path) -> Earlier:
    """Open what a new preparation may use of an earlier one."""
    path = open_folder(folder, KIND).path
    user_ids = pq.read_table(path / "users.parquet")[USER].combine_chunks()
    return Earlier(StoredBuckets.open(path / "buckets"), user_ids)
