"""Incremental: the buckets of a log, those of unchanged days taken from an earlier preparation.

Buckets are a function of the events of their own start. If an earlier preparation saw the same events
there, its buckets have the very bits that would come out again; late events, corrections, deletions
and repeats change the fingerprint of their own start and of no other.

    D starts that have events
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from scipy import sparse

from dlrs.arrays import AnyArray, Bools, Ints, positions_in
from dlrs.data.interactions import Interactions, micros
from dlrs.data.items import ITEM_ROW
from dlrs.data.values import ColumnTable
from dlrs.data.versions import Some
from dlrs.profiles.buckets import (
    ARRAYS,
    MICROSECOND,
    Buckets,
    Stays,
    bucket_width,
    changes,
    count_stays,
    fill_buckets,
)
from dlrs.profiles.fingerprints import Hashes, fingerprint, hashes_of_users, hashes_of_versions
from dlrs.profiles.kept import KeptBuckets, StoredBuckets
from dlrs.profiles.values import VersionValues
from dlrs.profiles.weights import InteractionWeights
from dlrs.schema import Marketplace

FORMAT = 2
"""Raise it when the same events make other buckets than before."""


@dataclass(frozen=True)
class Earlier:
    """What an earlier preparation left: its buckets, and whom its user rows stand for."""

    stored: StoredBuckets
    user_ids: pa.Array


@dataclass(frozen=True)
class MadeBuckets:
    """The buckets of a log; the same to be kept, if they can be; and how they came about."""

    buckets: Buckets
    kept: KeptBuckets | None
    width: timedelta
    starts: int
    reused: int
    obstacle: str | None = None  # why nothing of an earlier preparation could be used

    @property
    def facts(self) -> dict[str, Any]:
        """What a manifest says of it."""
        return {
            "width_seconds": self.width.total_seconds(),
            "starts": self.starts,
            "reused": self.reused,
            "recomputed": self.starts - self.reused,
            "obstacle": self.obstacle,
        }


def make_buckets(
    log: Interactions,
    user_ids: pa.Array,
    versions: ColumnTable,
    marketplace: Marketplace,
    weights: InteractionWeights,
    period_starts: Sequence[datetime],
    earlier: Earlier | None = None,
) -> MadeBuckets:
    """Return the buckets of all windows, recomputing those whose events differ from the earlier ones.

    Where events are weighed before merging, every bucket changes with the weights, and so with each
    later step of its user: none is kept, none reused.
    """
    days, values = _met(log, versions, marketplace, period_starts)
    width, starts = bucket_width(marketplace), len(days.start_D)
    if weights.before_merging:
        obstacle = "weights of (user, item) pairs change with every log" if earlier else None
        return MadeBuckets(_weighed(days, values, weights), None, width, starts, 0, obstacle)

    hashes = hashes_of_users(user_ids), hashes_of_versions(values)
    fingerprint_D = np.array([fingerprint(day, *hashes) for day in days], dtype=np.uint64)
    made_under = _made_under(marketplace)
    obstacle = _obstacle(earlier.stored, made_under) if earlier else None
    if earlier is None or obstacle:
        same_D = np.zeros(starts, dtype=np.bool_)
    else:
        same_D = _unchanged(earlier.stored, days.start_D, fingerprint_D)
    stays, start_D = days.stays(~same_D), days.start_D
    del log, days  # the log is mapped, and what was read of it counts as memory
    buckets = fill_buckets(stays, None, values)
    if earlier is not None and same_D.any():
        buckets = _completed(buckets, earlier, start_D[same_D], user_ids)
    kept = KeptBuckets(buckets, start_D, fingerprint_D, made_under)
    return MadeBuckets(buckets, kept, width, starts, int(same_D.sum()), obstacle)


def fresh_buckets(
    log: Interactions,
    versions: ColumnTable,
    marketplace: Marketplace,
    weights: InteractionWeights,
    period_starts: Sequence[datetime],
) -> Buckets:
    """Return the buckets of all windows, made from nothing but the log; none is kept."""
    days, values = _met(log, versions, marketplace, period_starts)
    if weights.before_merging:
        return _weighed(days, values, weights)
    return fill_buckets(days.stays(np.ones(len(days.start_D), dtype=np.bool_)), None, values)


@dataclass(frozen=True)
class _Days:
    """The events of all windows, by the start of their bucket."""

    log: Interactions
    start_D: Ints
    places: Ints  # where the events of each start begin, and their number at the end

    @classmethod
    def of(cls, log: Interactions, marketplace: Marketplace, period_starts: Sequence[datetime]) -> _Days:
        since, until = micros(min(period_starts) - marketplace.profiles.window), micros(max(period_starts))
        log = log.between(since, until)
        start_E = log.time_E - (log.time_E - since) % (bucket_width(marketplace) // MICROSECOND)
        first_D = changes(start_E)
        return cls(log, start_E[first_D], np.append(first_D, len(log)))

    def __iter__(self) -> Iterator[Interactions]:
        """Yield the events of each start."""
        for first, last in pairwise(self.places.tolist()):
            yield self.log.take(slice(first, last))

    def stays(self, chosen_D: Bools) -> Stays:
        """Return the stays of some starts."""
        days = zip(self, self.start_D.tolist(), chosen_D.tolist(), strict=True)
        return Stays.of([count_stays(day, start) for day, start, chosen in days if chosen])


def _met(
    log: Interactions, versions: ColumnTable, marketplace: Marketplace, period_starts: Sequence[datetime]
) -> tuple[_Days, VersionValues]:
    """Return the events of all windows, and what each version that they met adds."""
    days = _Days.of(log, marketplace, period_starts)
    met_V, version_E = _renumbered(days.log.version_E, versions.num_rows)
    days = replace(days, log=replace(days.log, version_E=version_E))
    return days, VersionValues(Some(versions, met_V), marketplace.features)


def _renumbered(version_E: Ints, versions: int) -> tuple[Ints, AnyArray]:
    """Return the versions that were met, ascending, and where each event's stands among them."""
    met = np.zeros(versions, dtype=np.bool_)
    met[version_E] = True
    position_V = np.cumsum(met, dtype=np.int32) - np.int32(1)
    return np.flatnonzero(met), position_V[version_E]


def _weighed(days: _Days, values: VersionValues, weights: InteractionWeights) -> Buckets:
    """Return the buckets of events that are weighed one by one."""
    stays = days.stays(np.ones(len(days.start_D), dtype=np.bool_))
    item_V = values.versions[ITEM_ROW].to_numpy().astype(np.int64)
    user_E, type_E = (np.repeat(rows_B, stays.stays_B) for rows_B in (stays.user_B, stays.type_B))
    weight_E = weights.of_events(user_E.astype(np.int64), item_V[stays.version_E], type_E)
    return fill_buckets(stays, weight_E, values)


def _made_under(marketplace: Marketplace) -> dict[str, Any]:
    width = bucket_width(marketplace) // MICROSECOND
    return {
        "format": FORMAT,
        "hashes": f"duckdb {duckdb.__version__}",
        "bucket width": width,
        "bucket offset": micros(marketplace.split.test_from) % width,
        "interaction types": list(marketplace.interaction_types),
        "features": marketplace.features.model_dump(mode="json"),
    }


def _obstacle(stored: StoredBuckets, made_under: Mapping[str, Any]) -> str | None:
    if not stored.made_under:
        return "the earlier preparation kept no buckets"
    others = [key for key, value in made_under.items() if stored.made_under.get(key) != value]
    return f"other {', '.join(others)} than in the earlier preparation" if others else None


def _unchanged(stored: StoredBuckets, start_D: Ints, fingerprint_D: Hashes) -> Bools:
    """Tell which starts had the same events: (D,)."""
    position_D = positions_in(stored.start_D, start_D)
    earlier_D = np.append(stored.fingerprint_D, np.uint64(0))[position_D]
    same_D: Bools = (position_D >= 0) & (earlier_D == fingerprint_D)
    return same_D


def _completed(filled: Buckets, earlier: Earlier, starts: Ints, user_ids: pa.Array) -> Buckets:
    """Return the buckets with the earlier ones of other starts.

    Rows of users and codes of values follow the order of their texts, then as now. So buckets keep their
    order within a start when they are renumbered.
    """
    old = earlier.stored.rows()
    taken = np.flatnonzero(np.isin(old.start_B, starts))
    order = np.argsort(np.concatenate([filled.start_B, old.start_B[taken]]), kind="stable")
    old = replace(old, user_B=_positions(earlier.user_ids, user_ids)[old.user_B].astype(np.int32))
    arrays = {
        name: np.concatenate([getattr(filled, name), getattr(old, name)[taken]])[order] for name in ARRAYS
    }
    shares = {}
    for name, shares_BX in filled.shares.items():
        old_BX, old_values = earlier.stored.shares(name)
        old_BX = _recoded(old_BX[taken], _positions(old_values, filled.values[name]), shares_BX.shape[1])
        shares[name] = sparse.csr_array(sparse.vstack([shares_BX, old_BX], format="csr"))[order]
    return Buckets(**arrays, shares=shares, values=filled.values)


def _recoded(shares_BX: sparse.csr_array, code_X: Ints, values: int) -> sparse.csr_array:
    entries = (shares_BX.data, code_X[shares_BX.indices], shares_BX.indptr)
    recoded = sparse.csr_array(entries, shape=(shares_BX.shape[0], values))
    recoded.sort_indices()
    return recoded


def _positions(texts: pa.Array, among: pa.Array) -> Ints:
    """Return where each text stands now, −1 if nowhere: no bucket that is taken needs such a one."""
    found: AnyArray = pc.index_in(texts, value_set=among).fill_null(-1).to_numpy(zero_copy_only=False)
    return found.astype(np.int64)
