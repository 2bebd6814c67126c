"""Incremental: the buckets of a log, those of unchanged days taken from an earlier preparation.

Buckets are a function of the events of their own start. If an earlier preparation saw the same events
there, its buckets have the very bits that would come out again; late events, corrections, deletions
and repeats change the fingerprint of their own start and of no other.

    D starts that have events
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from scipy import sparse

from dlrs.arrays import AnyArray, Bools, Ints, positions_in
from dlrs.data.interactions import Interactions, micros
from dlrs.profiles.buckets import (
    ARRAYS,
    MICROSECOND,
    Buckets,
    bucket_starts,
    bucket_width,
    changes,
    count_stays,
    fill_buckets,
)
from dlrs.profiles.fingerprints import Hashes, fingerprints, hashes_of_users, hashes_of_versions
from dlrs.profiles.kept import KeptBuckets, StoredBuckets
from dlrs.profiles.values import VersionValues
from dlrs.profiles.weights import InteractionWeights
from dlrs.schema import Marketplace

FORMAT = 1
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
    versions: pa.Table,
    marketplace: Marketplace,
    weights: InteractionWeights,
    period_starts: Sequence[datetime],
    earlier: Earlier | None = None,
) -> MadeBuckets:
    """Return the buckets of all windows, recomputing those whose events differ from the earlier ones.

    Where events are weighed before merging, every bucket changes with the weights, and so with each
    later step of its user: none is kept, none reused.
    """
    days = _Days.of(log, marketplace, period_starts)
    values = VersionValues.of(versions, marketplace.features)
    width, starts = bucket_width(marketplace), len(days.start_D)
    if weights.before_merging:
        obstacle = "weights of (user, item) pairs change with every log" if earlier else None
        buckets = _filled(days.log, days.start_E, values, weights)
        return MadeBuckets(buckets, None, width, starts, 0, obstacle)

    hashes = hashes_of_users(user_ids), hashes_of_versions(versions, values)
    fingerprint_D = fingerprints(days.log, days.places, *hashes)
    made_under = _made_under(marketplace)
    obstacle = _obstacle(earlier.stored, made_under) if earlier else None
    if earlier is None or obstacle:
        buckets, reused = _filled(days.log, days.start_E, values, weights), 0
    else:
        same_D = _unchanged(earlier.stored, days.start_D, fingerprint_D)
        other_E = np.repeat(~same_D, np.diff(days.places))
        filled = _filled(days.log.take(other_E), days.start_E[other_E], values, weights)
        buckets, reused = _completed(filled, earlier, days.start_D[same_D], user_ids), int(same_D.sum())
    kept = KeptBuckets(buckets, days.start_D, fingerprint_D, made_under)
    return MadeBuckets(buckets, kept, width, starts, reused, obstacle)


@dataclass(frozen=True)
class _Days:
    """The events of all windows, and when the bucket of each begins."""

    log: Interactions
    start_E: Ints
    start_D: Ints
    places: Ints  # where the events of each start begin, and their number at the end

    @classmethod
    def of(cls, log: Interactions, marketplace: Marketplace, period_starts: Sequence[datetime]) -> _Days:
        since = micros(min(period_starts) - marketplace.profiles.window)
        log = log.between(since, micros(max(period_starts)))
        start_E = bucket_starts(log.time_E, since, bucket_width(marketplace))
        first_D = changes(start_E)
        return cls(log, start_E, start_E[first_D], np.append(first_D, len(log)))


def _filled(log: Interactions, start_E: Ints, values: VersionValues, weights: InteractionWeights) -> Buckets:
    stays = count_stays(log, start_E)
    weight_E = weights.of_events(stays.user_E, values.item_V[stays.version_E], stays.type_E)
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
    old = replace(old, user_B=_positions(earlier.user_ids, user_ids)[old.user_B])
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
