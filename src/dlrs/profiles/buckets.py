"""Buckets: what each user did within a stretch of time, by interaction type; they only ever add up.

A profile is a mergeable summary. The events of one user, one interaction type and one stretch of
time, a day or less, fall into one bucket. For a discrete feature it holds the share of each value
summed over the events, for a continuous one the number of observations, their mean and M2, the sum of
squared differences from it. A window is the merge of its buckets (`learner`), never a subtraction, so
neither the order of events nor how they were split decides what comes out. `summary` is the same
thing for one user, event by event.

    B buckets, by (start, user row, type row)    E stays: how often a bucket's user met a version
    F discrete features    C continuous features    X values of one feature
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import timedelta

import numpy as np
import pyarrow as pa
from scipy import sparse

from dlrs.arrays import AnyArray, Columns, Doubles, Ints
from dlrs.data.interactions import Interactions
from dlrs.profiles.values import VersionValues
from dlrs.schema import Marketplace

MICROSECOND = timedelta(microseconds=1)
DAY = timedelta(days=1)
START = "start"


def bucket_width(marketplace: Marketplace) -> timedelta:
    """Return the longest stretch, a day at most, of which every window and period is a multiple.

    Buckets begin at whole multiples of it before and after `test_from`. So every window is made of
    whole buckets, the serving profiles' window before `test_until` too, wherever that lies.
    """
    split, rules = marketplace.split, marketplace.profiles
    lengths = (DAY, rules.window, rules.refresh, split.test_until - split.test_from)
    return math.gcd(*(length // MICROSECOND for length in lengths)) * MICROSECOND


@dataclass(frozen=True)
class Stays:
    """How often users met item versions, by bucket: E of them by (start, user, type, version)."""

    start_B: Ints  # microseconds since the epoch
    user_B: Columns
    type_B: Columns
    stays_B: Columns  # how many of them are in each bucket
    version_E: Columns
    count_E: Columns

    @classmethod
    def of(cls, parts: Sequence[Stays]) -> Stays:
        """Return the stays of all parts, whose starts follow each other."""
        names = [field.name for field in fields(cls)]
        columns = [[getattr(part, name) for part in parts] or [_NONE] for name in names]
        return cls(*(np.concatenate(column) for column in columns))

    @property
    def places(self) -> Ints:
        """Where each bucket begins, and E at the end: B + 1 numbers."""
        return np.concatenate([[0], np.cumsum(self.stays_B)])


_NONE = np.empty(0, dtype=np.int32)


def count_stays(log: Interactions, start: int) -> Stays:
    """Group the events of one start into stays."""
    types, versions = (int(rows.max(initial=0)) + 1 for rows in (log.type_E, log.version_E))
    met_E = (log.user_E * types + log.type_E) * versions + log.version_E
    met_E, count_E = np.unique(met_E, return_counts=True)
    owner_E, version_E = np.divmod(met_E, versions)
    first_B = changes(owner_E)
    stays_B = np.diff(first_B, append=len(owner_E))
    columns = (*np.divmod(owner_E[first_B], types), stays_B, version_E, count_E)
    return Stays(np.full(len(first_B), start), *(column.astype(np.int32) for column in columns))


def changes(*keys: AnyArray) -> Ints:
    """Return the positions at which sorted keys differ from the row before, 0 among them."""
    changed = [np.diff(key, prepend=key[:1] - 1) != 0 for key in keys]
    return np.flatnonzero(np.logical_or.reduce(changed))


@dataclass(frozen=True)
class Buckets:
    """B buckets, by (start, user row, type row)."""

    start_B: Ints  # microseconds since the epoch
    user_B: Columns
    type_B: Columns
    events_B: Columns
    known_BF: Columns  # in how many events each discrete feature had a value
    shares: Mapping[str, sparse.csr_array]  # of each discrete feature: (B, X)
    values: Mapping[str, pa.Array]  # its X values, in lexicographic order
    n_BC: Columns  # in how many events each continuous feature had a value
    weight_BC: Doubles  # their weights; the same as n unless events are weighed before merging
    mean_BC: Doubles  # 0 where there was none
    m2_BC: Doubles

    def __len__(self) -> int:
        return len(self.start_B)


ARRAYS = ("start_B", "user_B", "type_B", "events_B", "known_BF", "n_BC", "weight_BC", "mean_BC", "m2_BC")
"""The fields of `Buckets` that are arrays with a row for each bucket."""


def fill_buckets(stays: Stays, weight_E: Doubles | None, versions: VersionValues) -> Buckets:
    """Put the stays into their buckets.

    Each row is made of its own stays alone, in their order: it has the same bits whatever other buckets
    are filled beside it.

    Args:
        stays: what was met.
        weight_E: the weight of each event of a stay; None if all weigh 1, as they do unless events are
            weighed before merging.
        versions: what each version adds.
    """
    shape = (len(stays.start_B), versions.versions.num_rows)
    met_BV = sparse.csr_array((stays.count_E.astype(np.float64), stays.version_E, stays.places), shape=shape)
    weighed_BV = met_BV if weight_E is None else sparse.csr_array(met_BV)
    if weight_E is not None:
        weighed_BV.data = met_BV.data * weight_E
    shares, values, known = {}, {}, []
    for name in versions.features.discrete:
        discrete = versions.discrete(name)
        shares[name], values[name] = sorted_product(weighed_BV, discrete.shares_VX), discrete.values_X
        known.append((met_BV @ discrete.known_V).astype(np.int32))
    moments = [_moments(met_BV, weighed_BV, versions.number(name)) for name in versions.features.continuous]
    n, weight, mean, m2 = zip(*moments, strict=True) if moments else ([], [], [], [])
    return Buckets(
        start_B=stays.start_B,
        user_B=stays.user_B,
        type_B=stays.type_B,
        events_B=met_BV.sum(axis=1).astype(np.int32),
        known_BF=_columns(known, shape[0], np.int32),
        shares=shares,
        values=values,
        n_BC=_columns(n, shape[0], np.int32),
        weight_BC=_columns(weight, shape[0], np.float64),
        mean_BC=_columns(mean, shape[0], np.float64),
        m2_BC=_columns(m2, shape[0], np.float64),
    )


def _moments(
    met_BV: sparse.csr_array, weighed_BV: sparse.csr_array, number_V: Doubles
) -> tuple[AnyArray, Doubles, Doubles, Doubles]:
    """Return n, weight, mean and M2 of one feature."""
    known_V = ~np.isnan(number_V)
    n_B, weight_B = met_BV @ known_V, weighed_BV @ known_V
    mean_B = (weighed_BV @ np.nan_to_num(number_V)) / np.where(weight_B > 0, weight_B, 1.0)
    return n_B.astype(np.int32), weight_B, mean_B, _squares(weighed_BV, number_V, mean_B)


def _squares(weighed_BV: sparse.csr_array, number_V: Doubles, mean_B: Doubles) -> Doubles:
    """Return M2, taken about the mean in a second pass, for the squares of large numbers lose digits."""
    buckets, lengths_B = len(mean_B), np.diff(weighed_BV.indptr)
    apart_E = number_V[weighed_BV.indices] - np.repeat(mean_B, lengths_B)
    squares_E = np.nan_to_num(weighed_BV.data * apart_E**2)
    return _added_up(squares_E, np.repeat(np.arange(buckets), lengths_B), buckets)


def sorted_product(left: sparse.csr_array, right: sparse.csr_array) -> sparse.csr_array:
    """Return left · right with the columns of each row in order. Sums run along the rows of `left`."""
    product = sparse.csr_array(left @ right)
    product.sort_indices()
    return product


def _added_up(amount_E: AnyArray, bucket_E: Ints, buckets: int) -> Doubles:
    sums_B: Doubles = np.bincount(bucket_E, weights=amount_E, minlength=buckets).astype(np.float64)
    return sums_B


def _columns(columns: Sequence[AnyArray], rows: int, dtype: type[np.number]) -> AnyArray:
    return np.stack(columns, axis=1) if columns else np.empty((rows, 0), dtype=dtype)
