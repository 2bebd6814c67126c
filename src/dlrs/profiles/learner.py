"""The profile learner: from buckets to one profile per user and period (method §2, [T §4.1.2]).

A period's profile is made of the window before the period begins, so that what a period holds is
never in the profile that predicts it. It is the weighted merge of the window's buckets, each weighing
ψ of its interaction type (`weights`): f_u = (1/λ_u) Σ_v Σ_k ψ(S_uv^k) f_v [T §A.2]. With a matrix that
holds ψ where a profile's window has a bucket, the merge of all windows is one sparse product.

    P profiles, by (period, user row)    B buckets    M (profile, bucket in its window), by profile
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np
import pyarrow as pa
from scipy import sparse

from dlrs.arrays import AnyArray, Columns, Doubles, Ints
from dlrs.data.interactions import micros
from dlrs.profiles.buckets import MICROSECOND, Buckets, sorted_product
from dlrs.profiles.profile import ProfileFacts, Profiles, ValueCounts
from dlrs.profiles.weights import InteractionWeights
from dlrs.schema import Profiles as Rules


def learn_profiles(
    buckets: Buckets, rules: Rules, weights: InteractionWeights, period_starts: Sequence[datetime]
) -> Profiles:
    """Return the profiles of every period, from the `window` before its start.

    Users with fewer than `minimum_events` events in a window have no profile for its period.
    """
    windows = _windows(buckets, rules, [micros(start) for start in period_starts], len(weights.users_UT))
    weight_B = weights.of_buckets(buckets.user_B, buckets.type_B)
    counted_PB, weighted_PB = windows.matrix(np.ones(len(buckets))), windows.matrix(weight_B)
    mean_PC, std_PC = _moments(windows, weighted_PB, counted_PB @ buckets.n_BC, buckets)
    facts = ProfileFacts(
        user_P=windows.user_P,
        period_P=windows.period_P,
        events_P=windows.events_P,
        known_PF=((counted_PB @ buckets.known_BF) / windows.events_P[:, None]).astype(np.float32),
        mean_PC=mean_PC,
        std_PC=std_PC,
    )
    return Profiles(facts, {name: _value_counts(weighted_PB, buckets, name) for name in buckets.shares})


@dataclass(frozen=True)
class _Windows:
    """Whose the profiles are, and the buckets in the window of each."""

    user_P: Ints
    period_P: Ints
    events_P: Ints
    profile_M: Columns
    bucket_M: Columns  # ascending within a profile
    buckets: int

    def matrix(self, amount_B: Doubles) -> sparse.csr_array:
        """Return the buckets' amounts, each where a window holds the bucket: (P, B)."""
        places = np.searchsorted(self.profile_M, np.arange(len(self.user_P) + 1, dtype=np.int32))
        entries = (amount_B[self.bucket_M], self.bucket_M, places)
        return sparse.csr_array(entries, shape=(len(self.user_P), self.buckets))


def _windows(buckets: Buckets, rules: Rules, starts_Q: Sequence[int], users: int) -> _Windows:
    length = rules.window // MICROSECOND
    owners, events, members = [], [], []
    profiles = 0
    for start in starts_Q:
        first, last = np.searchsorted(buckets.start_B, [start - length, start])
        user_M = buckets.user_B[first:last]
        events_U = np.bincount(user_M, weights=buckets.events_B[first:last], minlength=users).astype(np.int64)
        profile_U = np.full(users, -1, dtype=np.int32)
        owner = np.flatnonzero(events_U >= rules.minimum_events)
        profile_U[owner] = np.arange(profiles, profiles + len(owner))
        profile_M = profile_U[user_M]
        kept = np.flatnonzero(profile_M >= 0)
        kept = kept[np.argsort(profile_M[kept], kind="stable")]
        owners.append(owner)
        events.append(events_U[owner])
        members.append((profile_M[kept], (first + kept).astype(np.int32)))
        profiles += len(owner)
    profile_M, bucket_M = (np.concatenate(parts) for parts in zip(*members, strict=True))
    period_P = np.repeat(np.arange(len(starts_Q)), [len(owner) for owner in owners])
    return _Windows(
        np.concatenate(owners), period_P, np.concatenate(events), profile_M, bucket_M, len(buckets)
    )


def _value_counts(weighted_PB: sparse.csr_array, buckets: Buckets, name: str) -> ValueCounts:
    merged_PX = sorted_product(weighted_PB, buckets.shares[name])
    profile_E = np.repeat(np.arange(merged_PX.shape[0], dtype=np.int32), np.diff(merged_PX.indptr))
    codes_E = pa.array(merged_PX.indices.astype(np.int32))
    value_E = pa.DictionaryArray.from_arrays(codes_E, buckets.values[name])
    return ValueCounts(profile_E, value_E, merged_PX.data)


def _moments(
    windows: _Windows, weighted_PB: sparse.csr_array, n_PC: AnyArray, buckets: Buckets
) -> tuple[Doubles, Doubles]:
    """Merge means and M2 by the formulas of Chan et al. (1979), all buckets of a window at once.

    Returns the weighted mean and the weighted standard deviation with the sample correction n/(n − 1):
    NaN without an observation, and the deviation of one is 0 (method §9).
    """
    weight_PC = weighted_PB @ buckets.weight_BC
    with np.errstate(invalid="ignore"):  # 0/0 is NaN, as it should be
        mean_PC = (weighted_PB @ (buckets.weight_BC * buckets.mean_BC)) / weight_PC
        m2_PC = weighted_PB @ buckets.m2_BC
        for c in range(m2_PC.shape[1]):
            apart_M = buckets.mean_BC[windows.bucket_M, c] - mean_PC[windows.profile_M, c]
            between_M = weighted_PB.data * buckets.weight_BC[windows.bucket_M, c] * apart_M**2
            between_M[np.isnan(between_M)] = 0.0
            m2_PC[:, c] += np.bincount(windows.profile_M, weights=between_M, minlength=len(m2_PC))
        std_PC = np.sqrt(m2_PC / weight_PC * n_PC / np.maximum(n_PC - 1, 1))
    return mean_PC, np.where(n_PC == 1, 0.0, std_PC)
