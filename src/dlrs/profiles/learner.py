"""The profile learner: from events to one profile per user and period (method §2, [T §4.1.2]).

A period's profile is made of the events in the window before the period begins, so that what a
period holds is never in the profile that predicts it. An event weighs ψ of its interaction type
(`weights.py`); summing weights over all types is the merge of the profiles per type,
f_u = (1/λ_u) Σ_v Σ_k ψ(S_uv^k) f_v [T §A.2].
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

import ibis
import numpy as np
import pyarrow as pa

from dlrs.arrays import AnyArray, Doubles
from dlrs.data.engine import Connection, Table, kept
from dlrs.data.events import TYPE_ROW, USER_ROW, Events
from dlrs.data.items import VERSION_ROW, Items
from dlrs.data.values import values_of
from dlrs.profiles.profile import ProfileFacts, Profiles, ValueCounts
from dlrs.progress import track
from dlrs.schema import TIME, Features, Marketplace

PROFILE = "profile_row"
PERIOD = "period"
COUNT = "events"
WEIGHT = "weight"
VALUE = "value"
SHARE = "share"


def learn_profiles(
    connection: Connection,
    events: Events,
    items: Items,
    marketplace: Marketplace,
    weights_T: Doubles,
    period_starts: Sequence[datetime],
) -> Profiles:
    """Return the profiles of every period, from the `window` before its start.

    Users with fewer than `minimum_events` events in a window have no profile for its period.
    """
    rules, features = marketplace.profiles, marketplace.features
    periods = _periods(period_starts, rules.window)
    seen = kept(connection, "seen", _seen(events.table, periods, weights_T))
    owners = kept(connection, "profile_owners", _owners(seen, rules.minimum_events))
    met = seen.join(owners.select(PERIOD, USER_ROW, PROFILE), [PERIOD, USER_ROW])
    met = kept(connection, "met", met.select(PROFILE, VERSION_ROW, COUNT, WEIGHT))
    listed = owners.order_by(PROFILE).to_pyarrow()
    events_P = _numbers(listed[COUNT]).astype(np.int64)

    names = [*features.discrete, *features.continuous]
    counts, known_PF, means, deviations = {}, [], [], []
    for name in track(names, "Profiles, feature by feature"):
        valued = met.join(feature_values(items, name, features), VERSION_ROW)
        if name in features.discrete:
            counts[name], known_P = _value_counts(valued, len(events_P))
            known_PF.append(known_P / events_P)
        else:
            mean_P, std_P = _moments(valued, len(events_P))
            means.append(mean_P)
            deviations.append(std_P)
    empty = np.empty((len(events_P), 0))
    facts = ProfileFacts(
        user_P=_numbers(listed[USER_ROW]).astype(np.int64),
        period_P=_numbers(listed[PERIOD]).astype(np.int64),
        events_P=events_P,
        known_PF=np.stack(known_PF, axis=1).astype(np.float32),
        mean_PC=np.stack(means, axis=1) if means else empty,
        std_PC=np.stack(deviations, axis=1) if deviations else empty,
    )
    return Profiles(facts, counts)


def _periods(starts: Sequence[datetime], window: timedelta) -> Table:
    moments = pa.timestamp("us", "UTC")
    return ibis.memtable(
        pa.table(
            {
                PERIOD: pa.array(range(len(starts)), pa.int64()),
                "since": pa.array([start - window for start in starts], moments),
                "until": pa.array(list(starts), moments),
            }
        )
    )


def _seen(events: Table, periods: Table, weights_T: Doubles) -> Table:
    """Which versions each user met in each window, how often, and the sum of the weights."""
    weights = ibis.memtable(
        pa.table({TYPE_ROW: pa.array(range(len(weights_T)), pa.int64()), WEIGHT: weights_T})
    )
    windowed = events.join(periods, [events[TIME] >= periods["since"], events[TIME] < periods["until"]])
    weighted = windowed.join(weights, TYPE_ROW)
    return weighted.group_by([PERIOD, USER_ROW, VERSION_ROW]).aggregate(
        weighted.count().name(COUNT), weighted[WEIGHT].sum().name(WEIGHT)
    )


def _owners(seen: Table, minimum_events: int) -> Table:
    owners = seen.group_by([PERIOD, USER_ROW]).aggregate(seen[COUNT].sum().cast("int64").name(COUNT))
    owners = owners.filter(owners[COUNT] >= minimum_events)
    order = ibis.window(order_by=[owners[PERIOD], owners[USER_ROW]])
    return owners.mutate(ibis.row_number().over(order).name(PROFILE))


def feature_values(items: Items, name: str, features: Features) -> Table:
    """Return what each item version has of a feature: VERSION_ROW, VALUE and, if discrete, SHARE."""
    versions = items.versions
    if name in features.single_valued:
        known = versions.filter(versions[name].notnull())
        return known.select(VERSION_ROW, value=known[name], share=1.0)
    if name in features.continuous:
        known = versions.filter(versions[name].notnull())
        value = known[name]
        if features.continuous[name].transform == "log":
            value = (value + 1).ln()
        return known.select(VERSION_ROW, value=value)
    listed = versions.select(VERSION_ROW, name).to_pyarrow()
    values = values_of(listed, name, features)
    version_E = listed[VERSION_ROW].combine_chunks().take(pa.array(values.row_E))
    return ibis.memtable(pa.table({VERSION_ROW: version_E, VALUE: values.value_E, SHARE: values.share_E}))


def _value_counts(valued: Table, profiles: int) -> tuple[ValueCounts, Doubles]:
    """Weighted counts of each value, and how many events knew the feature."""
    counted = valued.group_by([PROFILE, VALUE]).aggregate(
        (valued[WEIGHT] * valued[SHARE]).sum().name(WEIGHT), (valued[COUNT] * valued[SHARE]).sum().name(COUNT)
    )
    table = counted.order_by([PROFILE, VALUE]).to_pyarrow()
    profile_E = _numbers(table[PROFILE]).astype(np.int64)
    known_P = np.bincount(profile_E, weights=_numbers(table[COUNT]), minlength=profiles).astype(np.float64)
    return ValueCounts(profile_E, table[VALUE].combine_chunks(), _numbers(table[WEIGHT])), known_P


def _moments(valued: Table, profiles: int) -> tuple[Doubles, Doubles]:
    """Weighted mean, and weighted standard deviation with the sample correction n/(n − 1).

    One observation has the deviation 0 (method §9). Values are centred first: the sum of squares of
    seconds since the epoch would cost half of a double's digits.
    """
    centre = valued[VALUE].mean().to_pyarrow().as_py() or 0.0
    x, w = valued[VALUE] - centre, valued[WEIGHT]
    sums = valued.group_by(PROFILE).aggregate(
        valued[COUNT].sum().cast("int64").name("n"),
        w.sum().name("w"), (w * x).sum().name("wx"), (w * x * x).sum().name("wxx"),
    )  # fmt: skip
    table = sums.to_pyarrow()
    rows = _numbers(table[PROFILE]).astype(np.int64)
    n, w_sum, wx, wxx = (_numbers(table[c]) for c in ("n", "w", "wx", "wxx"))
    mean_P, std_P = np.full(profiles, np.nan), np.full(profiles, np.nan)
    mean_P[rows] = centre + wx / w_sum
    variance = np.maximum(wxx / w_sum - (wx / w_sum) ** 2, 0) * n / np.maximum(n - 1, 1)
    std_P[rows] = np.where(n > 1, np.sqrt(variance), 0)
    return mean_P, std_P


def _numbers(column: pa.ChunkedArray) -> AnyArray:
    numbers: AnyArray = column.to_numpy()
    return numbers
