"""The profile learner: from buckets to one profile per user and period (method §2, [T §4.1.2]).

A period's profile is made of the window before the period begins, so that what a period holds is
never in the profile that predicts it. It is the weighted merge of the window's buckets, each weighing
ψ of its interaction type (`weights`): f_u = (1/λ_u) Σ_v Σ_k ψ(S_uv^k) f_v [T §A.2]. With a matrix that
holds ψ where a profile's window has a bucket, the merge of all windows is one sparse product.

    P profiles, by (period, user row)    B buckets    M (profile, bucket in its window), by profile
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
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

PART = 1 << 18
"""Profiles that are merged at a time where there are many: each may have a hundred values or more."""


def learn_profiles(
    buckets: Buckets, rules: Rules, weights: InteractionWeights, period_starts: Sequence[datetime]
) -> Profiles:
    """Return the profiles of every period, from the `window` before its start.

    Users with fewer than `minimum_events` events in a window have no profile for its period.
    """
    return Windows.of(buckets, rules, weights, period_starts).profiles()


@dataclass(frozen=True)
class Windows:
    """Whose the profiles are, and the buckets in the window of each, to be merged some at a time.

    A profile is made of its own buckets alone: it has the same bits whatever is merged beside it.
    """

    buckets: Buckets
    weight_B: Doubles
    user_P: Ints
    period_P: Ints
    events_P: Ints
    profile_M: Columns
    bucket_M: Columns  # ascending within a profile

    @classmethod
    def of(
        cls, buckets: Buckets, rules: Rules, weights: InteractionWeights, period_starts: Sequence[datetime]
    ) -> Windows:
        """Find the windows of every period; see `learn_profiles`."""
        length, users = rules.window // MICROSECOND, len(weights.users_UT)
        owners, events, members = [], [], []
        profiles = 0
        for start in map(micros, period_starts):
            first, last = np.searchsorted(buckets.start_B, [start - length, start])
            user_M, events_M = buckets.user_B[first:last], buckets.events_B[first:last]
            events_U = np.bincount(user_M, weights=events_M, minlength=users).astype(np.int64)
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
        period_P = np.repeat(np.arange(len(period_starts)), [len(owner) for owner in owners])
        weight_B = weights.of_buckets(buckets.user_B, buckets.type_B)
        user_P, events_P = np.concatenate(owners), np.concatenate(events)
        return cls(buckets, weight_B, user_P, period_P, events_P, profile_M, bucket_M)

    def parts(self, size: int = PART) -> Iterator[Windows]:
        """Yield them in parts of so many profiles, in their order; without any, one part without any."""
        for first in range(0, max(1, len(self.user_P)), size):
            some = slice(first, first + size)
            within = slice(*np.searchsorted(self.profile_M, [first, first + size]))
            yield replace(
                self,
                user_P=self.user_P[some],
                period_P=self.period_P[some],
                events_P=self.events_P[some],
                profile_M=self.profile_M[within] - np.int32(first),
                bucket_M=self.bucket_M[within],
            )

    def profiles(self) -> Profiles:
        """Merge everything."""
        weighted_PB, shares = self._matrix(self.weight_B), self.buckets.shares
        counts = {name: _value_counts(weighted_PB, self.buckets, name) for name in shares}
        return Profiles(self.facts(), counts)

    def facts(self) -> ProfileFacts:
        """Merge all but the values of discrete features."""
        counted_PB = self._matrix(np.ones(len(self.buckets)))
        mean_PC, std_PC = self._moments(counted_PB @ self.buckets.n_BC)
        return ProfileFacts(
            user_P=self.user_P,
            period_P=self.period_P,
            events_P=self.events_P,
            known_PF=((counted_PB @ self.buckets.known_BF) / self.events_P[:, None]).astype(np.float32),
            mean_PC=mean_PC,
            std_PC=std_PC,
        )

    def _matrix(self, amount_B: Doubles) -> sparse.csr_array:
        """Return the buckets' amounts, each where a window holds the bucket: (P, B)."""
        places = np.searchsorted(self.profile_M, np.arange(len(self.user_P) + 1, dtype=np.int32))
        entries = (amount_B[self.bucket_M], self.bucket_M, places)
        return sparse.csr_array(entries, shape=(len(self.user_P), len(self.buckets)))

    def _moments(self, n_PC: AnyArray) -> tuple[Doubles, Doubles]:
        """Merge means and M2 by the formulas of Chan et al. (1979), all buckets of a window at once.

        Returns the weighted mean and the weighted standard deviation with the sample correction n/(n − 1):
        NaN without an observation, and the deviation of one is 0 (method §9).
        """
        buckets, weighted_PB = self.buckets, self._matrix(self.weight_B)
        weight_PC = weighted_PB @ buckets.weight_BC
        with np.errstate(invalid="ignore"):  # 0/0 is NaN, as it should be
            mean_PC = (weighted_PB @ (buckets.weight_BC * buckets.mean_BC)) / weight_PC
            m2_PC = weighted_PB @ buckets.m2_BC
            for c in range(m2_PC.shape[1]):
                apart_M = buckets.mean_BC[self.bucket_M, c] - mean_PC[self.profile_M, c]
                between_M = weighted_PB.data * buckets.weight_BC[self.bucket_M, c] * apart_M**2
                between_M[np.isnan(between_M)] = 0.0
                m2_PC[:, c] += np.bincount(self.profile_M, weights=between_M, minlength=len(m2_PC))
            std_PC = np.sqrt(m2_PC / weight_PC * n_PC / np.maximum(n_PC - 1, 1))
        return mean_PC, np.where(n_PC == 1, 0.0, std_PC)


def _value_counts(weighted_PB: sparse.csr_array, buckets: Buckets, name: str) -> ValueCounts:
    merged_PX = sorted_product(weighted_PB, buckets.shares[name])
    profile_E = np.repeat(np.arange(merged_PX.shape[0], dtype=np.int32), np.diff(merged_PX.indptr))
    codes_E = pa.array(merged_PX.indices.astype(np.int32))
    value_E = pa.DictionaryArray.from_arrays(codes_E, buckets.values[name])
    return ValueCounts(profile_E, value_E, merged_PX.data)
