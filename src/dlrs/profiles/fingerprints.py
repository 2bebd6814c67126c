"""Fingerprints: a number for all that went into the buckets of one start, whatever its order.

Each event has a 64-bit hash of its user, its type, and the item version that he saw with all its
feature values; those of the events of one start are added modulo 2⁶⁴. So events may come in any
order, and one that is missing, new, twice there or changed changes the sum (but once in 2⁶⁴). The hashes are
DuckDB's, whatever engine read the tables.
"""

from __future__ import annotations

import ibis
import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from dlrs.arrays import AnyArray
from dlrs.data.duckdb import open_duckdb
from dlrs.data.interactions import Interactions
from dlrs.data.items import microseconds
from dlrs.data.values import coded
from dlrs.profiles.values import VersionValues
from dlrs.schema import ITEM, VALID_FROM

Hashes = NDArray[np.uint64]
HASH = "hash"


def hashes_of_users(user_ids: pa.Array) -> Hashes:
    """Return a hash of each user's id: (U,)."""
    return _text_hashes(user_ids)


def hashes_of_versions(values: VersionValues) -> Hashes:
    """Return a hash of each version's item, start and feature values: (V,)."""
    item_V, items_I = coded(values.versions[ITEM])
    since_V = microseconds(values.versions[VALID_FROM]).view(np.uint64)
    hash_V = mixed([_text_hashes(items_I)[item_V], since_V])
    for name in values.features.discrete:
        feature = values.discrete(name)
        value_X, shares_VX = _text_hashes(feature.values_X), feature.shares_VX
        entries = mixed([value_X[shares_VX.indices], shares_VX.data.view(np.uint64)])
        hash_V = mixed([hash_V, _added_up(entries, shares_VX.indptr)])
    for name in values.features.continuous:
        hash_V = mixed([hash_V, values.number(name).view(np.uint64)])
    return hash_V


def fingerprint(log: Interactions, user_U: Hashes, version_V: Hashes) -> np.uint64:
    """Return the fingerprint of some events."""
    event_E = mixed([user_U[log.user_E], log.type_E.astype(np.uint64), version_V[log.version_E]])
    return np.uint64(event_E.sum(dtype=np.uint64))


def mixed(columns: list[Hashes]) -> Hashes:
    """Return one hash of several columns, which depends on their order: splitmix64's finaliser after each."""
    hashes = np.zeros(len(columns[0]), dtype=np.uint64)
    for column in columns:
        hashes = hashes * np.uint64(0x9E3779B97F4A7C15) + column
        hashes = (hashes ^ (hashes >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        hashes = (hashes ^ (hashes >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        hashes = hashes ^ (hashes >> np.uint64(31))
    return hashes


def _added_up(hashes: Hashes, places: AnyArray) -> Hashes:
    """Return the sums modulo 2⁶⁴ between one place and the next."""
    running = np.concatenate([np.zeros(1, dtype=np.uint64), np.cumsum(hashes, dtype=np.uint64)])
    sums: Hashes = np.diff(running[places])
    return sums


def _text_hashes(texts: pa.Array) -> Hashes:
    table = ibis.memtable(pa.table({HASH: texts}))
    with open_duckdb() as connection:
        hashes: AnyArray = connection.to_pyarrow(table.select(table[HASH].hash().name(HASH)))[HASH].to_numpy()
    return hashes.view(np.uint64)
