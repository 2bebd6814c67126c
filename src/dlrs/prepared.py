"""Prepared: everything that training and evaluation need, from two tables, in one folder.

recipe.json         what it was prepared under
users.parquet       id of each user row
versions.parquet    the item versions with their raw features, in the order of their rows
interactions/       the cleaned log as arrays of rows
profiles/, facts/   the encoded profiles, one per user and period; whose they are
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
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from dlrs.arrays import Ints
from dlrs.bundle import open_folder
from dlrs.data import engine
from dlrs.data.catalog import Catalog
from dlrs.data.events import Events, interactions, load_events
from dlrs.data.interactions import ALL_TIME, Interactions, micros
from dlrs.data.items import VERSION_ROW, Items, catalog, load_items
from dlrs.errors import DataError
from dlrs.features.encoding import Encoding, fit_encoding
from dlrs.features.rows import EncodedRows
from dlrs.profiles.incremental import Earlier, make_buckets
from dlrs.profiles.kept import KeptBuckets, StoredBuckets
from dlrs.profiles.learner import learn_profiles
from dlrs.profiles.profile import ProfileFacts, Profiles
from dlrs.profiles.weights import InteractionWeights, fit_weights
from dlrs.progress import stage
from dlrs.recipe import Recipe, parse_recipe
from dlrs.samples.negatives import category_negatives, labelled_pairs, uniform_negatives
from dlrs.samples.pairs import Pairs
from dlrs.samples.positives import Positives, unique_positives
from dlrs.schema import ITEM, USER, VALID_FROM, Marketplace

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
        return _starts_Q(self.recipe.marketplace)

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
    return Earlier(
        StoredBuckets.open(path / "buckets"), pq.read_table(path / "users.parquet")[USER].combine_chunks()
    )


def prepare(recipe: Recipe, data: Path, *, after: Earlier | None = None) -> Prepared:
    """Run every stage from the raw tables to training pairs (method §2, §3).

    Nothing after the cut reaches weights, vocabularies, scalers, profiles or pairs. Buckets of days
    that were the same when `after` was prepared are taken from there; the outcome has the same bits.

    Raises:
        DataError: a table does not hold what the schema promises, or too little.
    """
    marketplace = recipe.marketplace
    with engine.connect() as connection:
        with stage("Read items"):
            items = load_items(connection, marketplace, data)
        with stage("Read events and join each to the version it saw"):
            events = load_events(connection, marketplace, data, items)
            log = interactions(events)
        weights = _weights(log, marketplace, users=len(events.user_ids))
        # one more set of profiles than there are periods: those at the end of the log, to serve with
        starts = (*marketplace.period_starts, marketplace.split.test_until)
        with stage("Put events into buckets"):
            made = make_buckets(connection, log, events.user_ids, items, marketplace, weights, starts, after)
        versions = items.versions.order_by(VERSION_ROW).to_pyarrow()
    with stage("Merge the buckets of each window"):
        profiles = learn_profiles(made.buckets, marketplace.profiles, weights, starts)
    with stage("Encode"):
        encoding = _fitted_before_cut(marketplace, versions, profiles)
        encoded_versions = encoding.encode_items(versions)
        encoded_profiles = encoding.encode_profiles(profiles)
    with stage("Sample negatives"):
        profile_of_QU = profiles.facts.rows(len(starts), len(events.user_ids))
        positives = unique_positives(log, _starts_Q(marketplace), profile_of_QU)
        draws = _draw_negatives(recipe, positives, encoding, versions)
        pairs = labelled_pairs(positives, draws, catalog(versions))
    return Prepared(
        recipe=recipe,
        user_ids=events.user_ids,
        versions=versions,
        interactions=log,
        profiles=encoded_profiles,
        profile_facts=profiles.facts,
        encoded_versions=encoded_versions,
        pairs=pairs,
        encoding=encoding,
        quarantine={"items": items.quarantine.rows, "events": events.quarantine.rows},
        facts={
            "marketplace": marketplace.name,
            "schema_hash": marketplace.hash,
            "items": _read_facts(items) | {"versions": versions.num_rows},
            "events": _read_facts(events) | {"kept": len(log), "users": len(events.user_ids)},
            "interaction_weights": dict(
                zip(marketplace.interaction_types, weights.domain_T.tolist(), strict=True)
            ),
            "weight_strengths": dict(weights.strengths),
            "interaction_shares": _shares(log, marketplace),
            "profiles": len(profiles),
            REUSE: made.facts,
            "positives": len(positives),
            "positives_without_negative": len(positives) - int(pairs.label_P.sum()),
            "pairs": len(pairs),
        },
        buckets=made.kept,
    )


def _starts_Q(marketplace: Marketplace) -> Ints:
    return np.array([micros(start) for start in marketplace.period_starts])


def _weights(log: Interactions, marketplace: Marketplace, *, users: int) -> InteractionWeights:
    before = log.between(ALL_TIME, micros(marketplace.split.test_from))
    if len(before) == 0:
        raise DataError(
            f"events: expected some before the cut {marketplace.split.test_from}, received none among "
            f"{len(log)}. Move the split."
        )
    types = len(marketplace.interaction_types)
    return fit_weights(before, marketplace.profiles.weights, users=users, types=types)


def _fitted_before_cut(marketplace: Marketplace, versions: pa.Table, profiles: Profiles) -> Encoding:
    """Fit on the versions that began before the cut and on the profiles of training periods."""
    known = versions.filter(pc.less(versions[VALID_FROM], marketplace.split.test_from))
    training = profiles.facts.in_periods(len(marketplace.period_starts) - 1)
    if len(training) == 0:
        raise DataError(
            "profiles: expected at least one before the test, received none: no user has "
            f"{marketplace.profiles.minimum_events} events within {marketplace.profiles.window} before a "
            "training period. Widen profiles.window or move the split."
        )
    return fit_encoding(marketplace.features, known, training)


def _draw_negatives(
    recipe: Recipe, positives: Positives, encoding: Encoding, versions: pa.Table
) -> list[tuple[Ints, Ints]]:
    """Draw what `samples` asks for, all from one seeded stream."""
    category = recipe.marketplace.negatives_by
    category_E = encoding.codes(category, versions[category])[positives.version_E]
    starts_Q, items = _starts_Q(recipe.marketplace), catalog(versions)
    pools = {
        period: items.item_V[items.alive_between(int(since), int(until))]
        for period, (since, until) in enumerate(pairwise(starts_Q))
    }
    rng = np.random.default_rng(recipe.training.seed)
    return [
        *(category_negatives(positives, category_E, rng) for _ in range(recipe.samples.category)),
        *(uniform_negatives(positives, pools, rng) for _ in range(recipe.samples.uniform)),
    ]


def _read_facts(tables: Items | Events) -> dict[str, Any]:
    return {"rows_read": tables.rows_read, "quarantined": tables.quarantine.counts()}


def _shares(log: Interactions, marketplace: Marketplace) -> dict[str, float]:
    counts = np.bincount(log.type_E, minlength=len(marketplace.interaction_types)) / len(log)
    return dict(zip(marketplace.interaction_types, counts.tolist(), strict=True))
