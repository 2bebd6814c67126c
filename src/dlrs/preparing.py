"""Preparing: every stage from the raw tables to training pairs (method §2, §3).

Nothing after the cut reaches weights, vocabularies, scalers, profiles or pairs.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import pairwise
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from dlrs.arrays import Ints, StoredArrays, distinct
from dlrs.data.catalog import Catalog
from dlrs.data.engine import DUCKDB, Engine, connect
from dlrs.data.events import Events, load_events
from dlrs.data.interactions import ALL_TIME, Interactions, micros
from dlrs.data.items import Items, catalog, load_items, microseconds, version_table
from dlrs.data.sources import Source
from dlrs.data.users import Users, listed_users, load_users
from dlrs.data.versions import Versions
from dlrs.errors import DataError
from dlrs.features.encoding import Encoding, fit_encoding
from dlrs.features.rows import EncodedRows
from dlrs.features.table import TableEncoding
from dlrs.prepared import (
    BUCKETS,
    ENCODED_VERSIONS,
    ENCODING,
    FACTS,
    INTERACTIONS,
    ITEMS_AS_OF,
    NEGATIVES,
    OWN,
    OWN_RAW,
    PAIRS,
    PROFILES,
    REUSE,
    VERSIONS,
    Prepared,
    open_earlier,
    read_negatives,
    write_ids,
    write_quarantine,
    write_recipe,
)
from dlrs.profiles.incremental import Earlier, make_buckets
from dlrs.profiles.learner import Windows
from dlrs.profiles.profile import ProfileFacts
from dlrs.profiles.weights import InteractionWeights, fit_weights
from dlrs.progress import stage
from dlrs.recipe import Recipe
from dlrs.samples.negatives import POPULARITY, FromPools, InCategory, PassedBy, Sampler, labelled_pairs
from dlrs.samples.pairs import Pairs
from dlrs.samples.positives import Positives, unique_positives
from dlrs.schema import USER, VALID_FROM, Marketplace, written

Stored = TypeVar("Stored", bound=StoredArrays)
SPILL = "spill"
"""The folder for what does not fit into memory; gone at the end."""


def prepare(
    recipe: Recipe, data: Path, folder: Path, *, engine: str = DUCKDB, after: Earlier | None = None
) -> Prepared:
    """Run every stage from the raw tables to training pairs, and write what comes out into `folder`.

    The `engine` (see `data.engine.connect`) reads, checks and joins the tables; the rest is done here.
    Each stage writes its arrays when they are done and goes on with them mapped into memory: together
    they take more than there may be. Buckets of days that were the same when `after` was prepared are
    taken from there; the outcome has the same bits (method §2, §3).

    Raises:
        DataError: a table does not hold what the schema promises, or too little.
    """
    write_recipe(recipe, folder)
    tables, read = _read(recipe, data, folder, engine)
    write_ids(tables.user_ids, folder)
    learned = _learn(tables, recipe, folder, after)
    return Prepared.load(folder, read | learned)


def recut(
    prepared: Prepared,
    prepared_folder: Path,
    recipe: Recipe,
    folder: Path,
    *,
    encoding: Encoding | None = None,
) -> Prepared:
    """Prepare a data set that is prepared already under a recipe whose split differs; no table is read again.

    What is learned — weights, profiles, encoding, pairs — goes into `folder` and is learned before the
    recipe's own cut; buckets of days that are the same are used again.

    Args:
        prepared: the data set.
        prepared_folder: where it lies.
        recipe: differs in its split, and in what comes after preparing.
        folder: an empty one, which must stay while the outcome is used.
        encoding: kept instead of a new one, for networks that were trained on it.

    Raises:
        DataError: there is too little before the cut.
    """
    own = _with_ids(prepared.own_raw, prepared.user_ids, recipe)
    tables = _Tables(prepared_folder, prepared.versions, prepared.user_ids, own)
    after = open_earlier(prepared_folder) if (prepared_folder / BUCKETS).is_dir() else None
    learned = _learn(tables, recipe, folder, after, encoding)
    return replace(
        prepared,
        recipe=recipe,
        profiles=EncodedRows.load(folder / PROFILES),
        profile_facts=ProfileFacts.load(folder / FACTS),
        own_features=EncodedRows.load(folder / OWN) if (folder / OWN).is_dir() else None,
        encoded_versions=EncodedRows.load(folder / ENCODED_VERSIONS),
        pairs=Pairs.load(folder / PAIRS),
        encoding=Encoding.load(folder / ENCODING),
        facts={**prepared.facts, **learned},
    )


def _learn(
    tables: _Tables, recipe: Recipe, folder: Path, after: Earlier | None, encoding: Encoding | None = None
) -> dict[str, Any]:
    """Write profiles, encoded rows and pairs, and return the facts about them."""
    marketplace = recipe.marketplace
    weights = _weights(tables, marketplace)
    windows, reuse = _windows(tables, marketplace, weights, folder, after)
    with stage("Merge the buckets of each window"):
        parts = (part.facts() for part in windows.parts())
        profile_facts = _stored(ProfileFacts.concatenate(parts), folder / FACTS)
    with stage("Encode"):
        encoding = _encode(tables, windows, profile_facts, recipe, folder, encoding)
        del windows
    with stage("Sample negatives"):
        positives, pairs = _pairs(tables, profile_facts, encoding, recipe, folder)
    types = marketplace.interaction_types
    return {
        "schema_hash": marketplace.hash,
        "interaction_weights": dict(zip(types, weights.domain_T.tolist(), strict=True)),
        "weight_strengths": dict(weights.strengths),
        "profiles": len(profile_facts),
        REUSE: reuse,
        "positives": positives,
        "positives_without_negative": positives - int(np.count_nonzero(pairs.label_P)),
        "pairs": len(pairs),
    }


@dataclass(frozen=True)
class _Tables:
    """What is learned from. The versions and the log lie on disk."""

    folder: Path
    versions: Versions
    user_ids: pa.Array
    own: pa.Table | None  # features of each user row, where users have any

    @property
    def log(self) -> Interactions:
        """The log, mapped anew for each stage: pages that were read count as memory while it is mapped."""
        return Interactions.load(self.folder / INTERACTIONS)


def _read(recipe: Recipe, data: Path, folder: Path, engine: str) -> tuple[_Tables, dict[str, Any]]:
    """Read the tables, write versions, log and quarantine, and return them and the facts about them."""
    marketplace = recipe.marketplace
    with connect(engine, spill=folder / SPILL) as connection:
        if recipe.sql is not None:
            data = data.resolve()
            with stage("Run the recipe's SQL"):
                connection.run_sql(recipe.sql, data)
        as_of = min(marketplace.split.test_until, Source.of(marketplace.items, data).as_of())
        with stage("Read items"):
            items = load_items(connection, marketplace, data)
            versions = Versions.write(version_table(items), folder / VERSIONS)
            pa.default_memory_pool().release_unused()
        with stage("Read events and join each to the version it saw"):
            events = load_events(connection, marketplace, data, items)
            if marketplace.users is not None:
                events = events.with_users(listed_users(connection, marketplace.users, data))
            events.log.save(folder / INTERACTIONS)
            if len(events.negatives):
                events.negatives.save(folder / NEGATIVES)
            events = replace(events, log=Interactions.none(), negatives=Interactions.none())
        users = _users(connection, marketplace, data, events)
    named: dict[str, Items | Events | Users] = {"items": items, "events": events}
    named |= {} if users is None else {"users": users}
    write_quarantine({name: table.quarantine.rows for name, table in named.items()}, folder)
    own = _with_ids(None if users is None else users.table, events.user_ids, recipe)
    tables = _Tables(folder, versions, events.user_ids, own)
    return tables, {**_facts(tables, named, marketplace), ITEMS_AS_OF: as_of.isoformat()}


def _windows(
    tables: _Tables,
    marketplace: Marketplace,
    weights: InteractionWeights,
    folder: Path,
    after: Earlier | None,
) -> tuple[Windows, dict[str, Any]]:
    """Return the windows that profiles are merged from, and the facts about their buckets."""
    starts = _profile_starts(marketplace)
    user_ids, versions = tables.user_ids, tables.versions
    with stage("Put events into buckets"):
        made = make_buckets(tables.log, user_ids, versions, marketplace, weights, starts, after)
        if made.kept is not None:
            made.kept.save(folder / BUCKETS)
    return Windows.of(made.buckets, marketplace.profiles, weights, starts), made.facts


def _profile_starts(marketplace: Marketplace) -> Sequence[datetime]:
    """Return the starts of the periods, and one more: profiles at the end of the log, to serve with."""
    return (*marketplace.period_starts, marketplace.split.test_until)


def _encode(
    tables: _Tables,
    windows: Windows,
    profile_facts: ProfileFacts,
    recipe: Recipe,
    folder: Path,
    encoding: Encoding | None,
) -> Encoding:
    users, versions = tables.own, tables.versions
    if encoding is None:
        own_encoding = _own_encoding(users, tables.log, recipe)
        encoding = _fitted_before_cut(recipe.marketplace, versions, profile_facts, own_encoding)
    encoding.save(folder / ENCODING)
    encoding.write_items(versions, folder / ENCODED_VERSIONS)
    own = None
    if users is not None and encoding.users is not None:
        pq.write_table(users, folder / OWN_RAW)
        own = _stored(encoding.users.encode(users), folder / OWN)
    # some at a time: of millions of users and several periods the values alone would take gigabytes
    parts = (
        encoding.encode_profiles(part.profiles(), None if own is None else own.take(part.user_P))
        for part in windows.parts()
    )
    EncodedRows.write(folder / PROFILES, parts, np.int64)
    return encoding


def _pairs(
    tables: _Tables, profile_facts: ProfileFacts, encoding: Encoding, recipe: Recipe, folder: Path
) -> tuple[int, Pairs]:
    """Return how many positives there are, and the pairs to train on."""
    marketplace, users = recipe.marketplace, len(tables.user_ids)
    starts_Q = np.array([micros(start) for start in marketplace.period_starts])
    profile_of_QU = profile_facts.rows(len(_profile_starts(marketplace)), users)
    positives = unique_positives(tables.log, starts_Q, profile_of_QU)
    items = catalog(tables.versions)
    category_V = encoding.items.codes(marketplace.negatives_by, tables.versions[marketplace.negatives_by])
    passed_by = PassedBy(read_negatives(tables.folder), starts_Q)
    draws = _draw_negatives(recipe, positives, category_V, items, passed_by)
    return len(positives), _stored(labelled_pairs(positives, draws, items), folder / PAIRS)


def _stored(arrays: Stored, folder: Path) -> Stored:
    """Write arrays and return them mapped into memory: what nobody reads at the moment takes none of it."""
    arrays.save(folder)
    return type(arrays).load(folder)


def _weights(tables: _Tables, marketplace: Marketplace) -> InteractionWeights:
    log, users = tables.log, len(tables.user_ids)
    before = log.between(ALL_TIME, micros(marketplace.split.test_from))
    if len(before) == 0:
        raise DataError(
            f"events: expected some before the cut {marketplace.split.test_from}, received none among "
            f"{len(log)}. Move the split."
        )
    types = len(marketplace.interaction_types)
    return fit_weights(before, marketplace.profiles.weights, users=users, types=types)


def _users(connection: Engine, marketplace: Marketplace, data: Path, events: Events) -> Users | None:
    if marketplace.users is None:
        return None
    with stage("Read users"):
        return load_users(connection, marketplace.users, data, events.user_ids)


def _with_ids(users: pa.Table | None, user_ids: pa.Array, recipe: Recipe) -> pa.Table | None:
    """Return the features that users have of their own, and beside them their ids if these are one."""
    features = recipe.user_features
    if features is None or USER not in features.names:
        return users
    if users is None:
        return pa.table({USER: user_ids})
    return users if USER in users.column_names else users.append_column(USER, user_ids)


def _own_encoding(users: pa.Table | None, log: Interactions, recipe: Recipe) -> TableEncoding | None:
    """Fit the encoding of the users' own features on the users of before the cut."""
    if users is None or recipe.user_features is None:
        return None
    before = distinct(log.between(ALL_TIME, micros(recipe.marketplace.split.test_from)).user_E)
    return TableEncoding.fit(recipe.user_features, users.take(before))


def _fitted_before_cut(
    marketplace: Marketplace, versions: Versions, profile_facts: ProfileFacts, own: TableEncoding | None
) -> Encoding:
    """Fit on the versions that began before the cut and on the profiles of training periods."""
    fitting_V = microseconds(versions[VALID_FROM]) < micros(marketplace.split.test_from)
    training = profile_facts.in_periods(len(marketplace.period_starts) - 1)
    if len(training) == 0:
        raise DataError(
            "profiles: expected at least one before the test, received none: no user has "
            f"{marketplace.profiles.minimum_events} events within {written(marketplace.profiles.window)} "
            "before a training period. Widen profiles.window or move the split."
        )
    return fit_encoding(marketplace.features, versions, training, own, fitting_V=fitting_V)


def _draw_negatives(
    recipe: Recipe, positives: Positives, category_V: Ints, items: Catalog, passed_by: PassedBy
) -> list[tuple[Ints, Ints]]:
    """Draw what `samples` asks for, all from one seeded stream."""
    pools = {
        period: items.item_V[items.alive_between(int(since), int(until))]
        for period, (since, until) in enumerate(pairwise(passed_by.period_starts_Q))
    }
    samplers: list[Sampler] = [
        *[InCategory(category_V)] * recipe.samples.category,
        *[FromPools(pools)] * recipe.samples.uniform,
        *[FromPools(pools, POPULARITY)] * recipe.samples.popularity,
        *[passed_by] * recipe.samples.passed_by,
    ]
    rng = np.random.default_rng(recipe.training.seed)
    return [sampler.draw(positives, rng) for sampler in samplers]


def _facts(
    tables: _Tables, named: Mapping[str, Items | Events | Users], marketplace: Marketplace
) -> dict[str, Any]:
    counted: dict[str, dict[str, Any]] = {name: _read_facts(table) for name, table in named.items()}
    counted["items"]["versions"] = tables.versions.num_rows
    counted["events"] |= {"kept": len(tables.log), "users": len(tables.user_ids)}
    if marketplace.negative_types:
        counted["events"]["negative"] = len(read_negatives(tables.folder))
    return {
        "marketplace": marketplace.name,
        **counted,
        "interaction_shares": _shares(tables.log, marketplace),
    }


def _read_facts(tables: Items | Events | Users) -> dict[str, Any]:
    return {"rows_read": tables.rows_read, "quarantined": tables.quarantine.counts()}


def _shares(log: Interactions, marketplace: Marketplace) -> dict[str, float]:
    counts = np.bincount(log.type_E, minlength=len(marketplace.interaction_types)) / len(log)
    return dict(zip(marketplace.interaction_types, counts.tolist(), strict=True))
