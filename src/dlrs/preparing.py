"""Preparing: every stage from the raw tables to training pairs (method §2, §3).

Nothing after the cut reaches weights, vocabularies, scalers, profiles or pairs.
"""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from dlrs.arrays import Ints, StoredArrays
from dlrs.data.engine import DUCKDB, Connection, connect
from dlrs.data.events import Events, load_events
from dlrs.data.interactions import ALL_TIME, Interactions, micros
from dlrs.data.items import Items, catalog, load_items, microseconds, version_table
from dlrs.data.users import Users, load_users
from dlrs.data.versions import Versions
from dlrs.errors import DataError
from dlrs.features.encoding import Encoding, fit_encoding
from dlrs.features.table import TableEncoding
from dlrs.prepared import (
    BUCKETS,
    ENCODED_VERSIONS,
    ENCODING,
    FACTS,
    INTERACTIONS,
    OWN,
    PAIRS,
    PROFILES,
    REUSE,
    VERSIONS,
    Prepared,
    write_ids,
    write_quarantine,
    write_recipe,
)
from dlrs.profiles.incremental import Earlier, make_buckets
from dlrs.profiles.learner import learn_profiles
from dlrs.profiles.profile import Profiles
from dlrs.profiles.weights import InteractionWeights, fit_weights
from dlrs.progress import stage
from dlrs.recipe import Recipe
from dlrs.samples.negatives import POPULARITY, FromPools, InCategory, Sampler, labelled_pairs
from dlrs.samples.positives import Positives, unique_positives
from dlrs.schema import VALID_FROM, Marketplace

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
    marketplace = recipe.marketplace
    write_recipe(recipe, folder)
    with connect(engine, spill=folder / SPILL) as connection:
        with stage("Read items"):
            items = load_items(connection, marketplace, data)
            versions = Versions.write(version_table(items), folder / VERSIONS)
        with stage("Read events and join each to the version it saw"):
            events = load_events(connection, marketplace, data, items)
            log = _stored(events.log, folder / INTERACTIONS)
            events = replace(events, log=log)
        users = _users(connection, marketplace, data, events)
    write_ids(events.user_ids, folder)
    weights = _weights(log, marketplace, users=len(events.user_ids))
    # one more set of profiles than there are periods: those at the end of the log, to serve with
    starts = (*marketplace.period_starts, marketplace.split.test_until)
    with stage("Put events into buckets"):
        made = make_buckets(log, events.user_ids, versions, marketplace, weights, starts, after)
        if made.kept is not None:
            made.kept.save(folder / BUCKETS)
    with stage("Merge the buckets of each window"):
        profiles = learn_profiles(made.buckets, marketplace.profiles, weights, starts)
        reuse = made.facts
        del made
    with stage("Encode"):
        encoding = _fitted_before_cut(marketplace, versions, profiles, _own_encoding(users, log, marketplace))
        encoding.save(folder / ENCODING)
        encoding.write_items(versions, folder / ENCODED_VERSIONS)
        own = _stored(encoding.users.encode(users.table), folder / OWN) if encoding.users and users else None
        encoded = encoding.encode_profiles(profiles, None if own is None else own.take(profiles.facts.user_P))
        encoded.save(folder / PROFILES)
        facts = _stored(profiles.facts, folder / FACTS)
        del profiles, encoded
    with stage("Sample negatives"):
        starts_Q = np.array([micros(start) for start in marketplace.period_starts])
        positives = unique_positives(log, starts_Q, facts.rows(len(starts), len(events.user_ids)))
        draws = _draw_negatives(recipe, positives, encoding, versions, starts_Q)
        pairs = _stored(labelled_pairs(positives, draws, catalog(versions)), folder / PAIRS)
    tables: dict[str, Items | Events | Users] = {"items": items, "events": events}
    if users is not None:
        tables["users"] = users
    write_quarantine({name: table.quarantine.rows for name, table in tables.items()}, folder)
    types = marketplace.interaction_types
    return Prepared.load(
        folder,
        {
            "marketplace": marketplace.name,
            "schema_hash": marketplace.hash,
            **{name: _read_facts(table) for name, table in tables.items()},
            "items": _read_facts(items) | {"versions": versions.num_rows},
            "events": _read_facts(events) | {"kept": len(log), "users": len(events.user_ids)},
            "interaction_weights": dict(zip(types, weights.domain_T.tolist(), strict=True)),
            "weight_strengths": dict(weights.strengths),
            "interaction_shares": _shares(log, marketplace),
            "profiles": len(facts),
            REUSE: reuse,
            "positives": len(positives),
            "positives_without_negative": len(positives) - int(pairs.label_P.sum()),
            "pairs": len(pairs),
        },
    )


def _stored(arrays: Stored, folder: Path) -> Stored:
    """Write arrays and return them mapped into memory: what nobody reads at the moment takes none of it."""
    arrays.save(folder)
    return type(arrays).load(folder)


def _weights(log: Interactions, marketplace: Marketplace, *, users: int) -> InteractionWeights:
    before = log.between(ALL_TIME, micros(marketplace.split.test_from))
    if len(before) == 0:
        raise DataError(
            f"events: expected some before the cut {marketplace.split.test_from}, received none among "
            f"{len(log)}. Move the split."
        )
    types = len(marketplace.interaction_types)
    return fit_weights(before, marketplace.profiles.weights, users=users, types=types)


def _users(connection: Connection, marketplace: Marketplace, data: Path, events: Events) -> Users | None:
    if marketplace.users is None:
        return None
    with stage("Read users"):
        return load_users(connection, marketplace.users, data, events.user_ids)


def _own_encoding(users: Users | None, log: Interactions, marketplace: Marketplace) -> TableEncoding | None:
    """Fit the encoding of the users' own features on the users of before the cut."""
    if users is None or marketplace.users is None:
        return None
    before = np.unique(log.between(ALL_TIME, micros(marketplace.split.test_from)).user_E)
    return TableEncoding.fit(marketplace.users.features, users.table.take(before))


def _fitted_before_cut(
    marketplace: Marketplace, versions: Versions, profiles: Profiles, own: TableEncoding | None
) -> Encoding:
    """Fit on the versions that began before the cut and on the profiles of training periods."""
    fitting_V = microseconds(versions[VALID_FROM]) < micros(marketplace.split.test_from)
    training = profiles.facts.in_periods(len(marketplace.period_starts) - 1)
    if len(training) == 0:
        raise DataError(
            "profiles: expected at least one before the test, received none: no user has "
            f"{marketplace.profiles.minimum_events} events within {marketplace.profiles.window} before a "
            "training period. Widen profiles.window or move the split."
        )
    return fit_encoding(marketplace.features, versions, training, own, fitting_V=fitting_V)


def _draw_negatives(
    recipe: Recipe, positives: Positives, encoding: Encoding, versions: Versions, starts_Q: Ints
) -> list[tuple[Ints, Ints]]:
    """Draw what `samples` asks for, all from one seeded stream."""
    category = recipe.marketplace.negatives_by
    category_V = encoding.items.codes(category, versions[category])
    items = catalog(versions)
    pools = {
        period: items.item_V[items.alive_between(int(since), int(until))]
        for period, (since, until) in enumerate(pairwise(starts_Q))
    }
    samplers: list[Sampler] = [
        *[InCategory(category_V)] * recipe.samples.category,
        *[FromPools(pools)] * recipe.samples.uniform,
        *[FromPools(pools, POPULARITY)] * recipe.samples.popularity,
    ]
    rng = np.random.default_rng(recipe.training.seed)
    return [sampler.draw(positives, rng) for sampler in samplers]


def _read_facts(tables: Items | Events | Users) -> dict[str, Any]:
    return {"rows_read": tables.rows_read, "quarantined": tables.quarantine.counts()}


def _shares(log: Interactions, marketplace: Marketplace) -> dict[str, float]:
    counts = np.bincount(log.type_E, minlength=len(marketplace.interaction_types)) / len(log)
    return dict(zip(marketplace.interaction_types, counts.tolist(), strict=True))
