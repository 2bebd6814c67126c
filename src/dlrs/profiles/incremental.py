"""Incremental: the buckets of a log, those of unchanged days taken from an earlier preparation.

Buckets are a function of the events of their own start. If an earlier preparation saw the same events
there, its buckets have the very bits that would come out again; late events, corrections, deletions
and repeats change the fingerprint of their own start and of no other.

    D starts that have events
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from scipy import sparse

from dlrs.arrays import AnyArray, Bools, Ints, positions_in
from dlrs.data.engine import Connection
from dlrs.data.interactions import Interactions, micros
from dlrs.profiles.buckets import MICROSECOND, Buckets, bucket_width, count_stays, fill_buckets
from dlrs.profiles.fingerprints import Hashes, fingerprints, hashes_of_users, hashes_of_versions
from dlrs.profiles.kept import KeptBuckets
from dlrs.profiles.values import VersionValues
from dlrs.profiles.weights import InteractionWeights
from dlrs.schema import Marketplace

FORMAT = 1
"""Raise it when the same events make other buckets than before."""


@dataclass(frozen=True)
class Earlier:
    """What an earlier preparation left: its buckets, if it kept any, and whom its user rows stand for."""

    kept: KeptBuckets | None
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
    connection: Connection,
    log: Interactions,
    user_ids: pa.Array,
    versions: pa.Table,
    marketplace: Marketplace,
    weights: InteractionWeights,
    period_starts: tuple[datetime, ...],
    earlier: Earlier | None = None,
) -> MadeBuckets:
    """Return the buckets of all windows, recomputing those whose events differ from the earlier ones.

    Where events are weighed before merging, every bucket changes with the weights, and so with each
    later step of its user: none is kept, none reused.
    """
    width = bucket_width(marketplace)
    since = min(period_starts) - marketplace.profiles.window
    stays = count_stays(log, since, max(period_starts), width)
    values = VersionValues.of(versions, marketplace.features)
    weight_E = weights.of_events(stays.user_E, values.item_V[stays.version_E], stays.type_E)
    if weights.before_merging:
        starts = len(np.unique(stays.start_E))
        obstacle = "weights of (user, item) pairs change with every log" if earlier else None
        return MadeBuckets(fill_buckets(stays, weight_E, values), None, width, starts, 0, obstacle)

    user_U = hashes_of_users(connection, user_ids)
    version_V = hashes_of_versions(connection, versions, values)
    start_D, fingerprint_D = fingerprints(stays, user_U, version_V)
    made_under = _made_under(connection, marketplace)
    obstacle = _obstacle(earlier, made_under) if earlier else None
    if earlier is None or earlier.kept is None or obstacle:
        buckets, reused = fill_buckets(stays, weight_E, values), 0
    else:
        same_D = _unchanged(earlier.kept, start_D, fingerprint_D)
        other_E = ~np.isin(stays.start_E, start_D[same_D])
        filled = fill_buckets(stays.take(other_E), weight_E[other_E], values)
        taken = earlier.kept.buckets.take(np.isin(earlier.kept.buckets.start_B, start_D[same_D]))
        buckets = filled.merged_with(_renumbered(taken, earlier.user_ids, user_ids, values))
        reused = int(same_D.sum())
    kept = KeptBuckets(buckets, start_D, fingerprint_D, made_under)
    return MadeBuckets(buckets, kept, width, len(start_D), reused, obstacle)


def _made_under(connection: Connection, marketplace: Marketplace) -> dict[str, Any]:
    width = bucket_width(marketplace) // MICROSECOND
    return {
        "format": FORMAT,
        "engine": f"{connection.name} {connection.version}",  # hashes are the engine's
        "bucket width": width,
        "bucket offset": micros(marketplace.split.test_from) % width,
        "interaction types": list(marketplace.interaction_types),
        "features": marketplace.features.model_dump(mode="json"),
    }


def _obstacle(earlier: Earlier, made_under: Mapping[str, Any]) -> str | None:
    if earlier.kept is None:
        return "the earlier preparation kept no buckets"
    others = [key for key, value in made_under.items() if earlier.kept.made_under.get(key) != value]
    return f"other {', '.join(others)} than in the earlier preparation" if others else None


def _unchanged(kept: KeptBuckets, start_D: Ints, fingerprint_D: Hashes) -> Bools:
    """Tell which starts had the same events: (D,)."""
    position_D = positions_in(kept.start_D, start_D)
    earlier_D = np.append(kept.fingerprint_D, np.uint64(0))[position_D]
    same_D: Bools = (position_D >= 0) & (earlier_D == fingerprint_D)
    return same_D


def _renumbered(buckets: Buckets, user_ids: pa.Array, new_ids: pa.Array, values: VersionValues) -> Buckets:
    """Return the buckets with the rows of users and the codes of values that they have now.

    Rows and codes follow the order of ids and values as text, then as now: buckets stay in order.
    """
    shares = {}
    for name, shares_BX in buckets.shares.items():
        values_X = values.discrete[name].values_X
        code_X = _positions(buckets.values[name], values_X)
        entries = (shares_BX.data, code_X[shares_BX.indices], shares_BX.indptr)
        shares[name] = sparse.csr_array(entries, shape=(len(buckets), len(values_X)))
        shares[name].sort_indices()
    return replace(
        buckets,
        user_B=_positions(user_ids, new_ids)[buckets.user_B],
        shares=shares,
        values={name: feature.values_X for name, feature in values.discrete.items()},
    )


def _positions(texts: pa.Array, among: pa.Array) -> Ints:
    """Return where each text stands now, −1 if nowhere: no bucket that is taken needs such a one."""
    found: AnyArray = pc.index_in(texts, value_set=among).fill_null(-1).to_numpy(zero_copy_only=False)
    return found.astype(np.int64)
