"""One user: his profile from the columns of his events, all of them at once.

The same numbers as the batch learner's (`learner`) for the window that the events are of, without
buckets: with the events of one user at hand, adding them up is quicker than merging days. `summary`
says it event by event.

    E events    V item versions that they met    X entries    K values
    F discrete features, C continuous ones, T interaction types
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from dlrs.arrays import AnyArray, Bools, Doubles, Ints, gather_ranges
from dlrs.schema import Features


@dataclass(frozen=True)
class Packed:
    """Any number of values of each feature, those of one version behind those of another: X entries."""

    starts_V1: Ints  # the entries of version v are those from starts_V1[v] to starts_V1[v + 1]
    code_X: AnyArray
    share_X: Doubles

    def counts(self, version_E: AnyArray, weight_E: Doubles, values: int) -> Doubles:
        """Return the weighted count of each of K values: (K,)."""
        length_E = np.diff(self.starts_V1)[version_E]
        at = gather_ranges(self.starts_V1[version_E], length_E)
        weights = np.repeat(weight_E, length_E) * self.share_X[at]
        counts_K: AnyArray = np.bincount(self.code_X[at], weights=weights, minlength=values)
        return counts_K


@dataclass(frozen=True)
class Single:
    """One value of each feature at most: the same sums, in the same order, in a third of the time."""

    code_VF: AnyArray  # −1 where unknown

    def counts(self, version_E: AnyArray, weight_E: Doubles, values: int) -> Doubles:
        """Return the weighted count of each of K values: (K,)."""
        code_EF = self.code_VF.take(version_E, axis=0)
        weights = np.repeat(weight_E, code_EF.shape[1])
        counts: AnyArray = np.bincount((code_EF + 1).ravel(), weights=weights, minlength=values + 1)
        return counts[1:]


@dataclass(frozen=True)
class Encounters:
    """Events of one user, and what the versions that he met have of each feature."""

    time_E: Ints
    type_E: AnyArray  # positions in the marketplace's interaction types
    version_E: AnyArray  # 0 … V − 1
    number_VC: Doubles  # as the model sees them, NaN where unknown
    known_VF: Bools
    values: Packed | Single
    names_K: Sequence[tuple[str, str]]  # feature and value that each code stands for; some may not occur

    def __len__(self) -> int:
        return len(self.time_E)

    def take(self, events: AnyArray | slice) -> Encounters:
        """Return some of the events, by position, mask or slice; the versions stay as they are."""
        return replace(
            self,
            time_E=self.time_E[events],
            type_E=self.type_E[events],
            version_E=self.version_E[events],
        )


@dataclass(frozen=True)
class OneProfile:
    """What events say of their user: see `profile.ProfileFacts` and `ValueCounts`."""

    events: int
    known: dict[str, float]  # in what share of the events each discrete feature was known
    values: dict[str, dict[str, float]]  # weighted counts; features without a value are there, empty
    numbers: dict[str, tuple[float, float]]  # weighted mean and standard deviation, where ever known


def summarise(parts: Sequence[Encounters], features: Features, weight_T: Doubles) -> OneProfile:
    """Return the profile of all parts' events together; the order of parts and events fixes every bit.

    Args:
        parts: of one user, with features in the same order.
        features: the marketplace's.
        weight_T: ψ of each interaction type.
    """
    events = sum(map(len, parts))
    known_F = sum((_sums(part.known_VF.take(part.version_E, axis=0)) for part in parts), start=np.zeros(1))
    shares = known_F / max(events, 1) + np.zeros(len(features.discrete))
    values: dict[str, dict[str, float]] = {name: {} for name in features.discrete}
    for part in parts:
        counts_K = part.values.counts(part.version_E, weight_T[part.type_E], len(part.names_K))
        there = np.flatnonzero(counts_K)
        for code, count in zip(there.tolist(), counts_K[there].tolist(), strict=True):
            name, value = part.names_K[code]
            of_feature = values[name]
            of_feature[value] = of_feature.get(value, 0.0) + count
    known = dict(zip(features.discrete, shares.tolist(), strict=True))
    return OneProfile(events, known, values, _numbers(parts, features, weight_T))


def _numbers(
    parts: Sequence[Encounters], features: Features, weight_T: Doubles
) -> dict[str, tuple[float, float]]:
    """Return mean and deviation, as `learner` has them, of each continuous feature that was ever known."""
    if not features.continuous or not sum(map(len, parts)):
        return {}
    number_EC = np.concatenate([part.number_VC.take(part.version_E, axis=0) for part in parts])
    known_EC = ~np.isnan(number_EC)
    weight_EC = np.concatenate([weight_T[part.type_E] for part in parts])[:, None] * known_EC
    n_C, total_C = _sums(known_EC), _sums(weight_EC)
    divisor_C = np.where(n_C > 0, total_C, 1.0)
    mean_C = _sums(weight_EC * np.where(known_EC, number_EC, 0.0)) / divisor_C
    apart_EC = np.where(known_EC, number_EC - mean_C, 0.0)
    variance_C = _sums(weight_EC * apart_EC**2) / divisor_C * n_C / np.maximum(n_C - 1, 1)
    std_C = np.where(n_C == 1, 0.0, np.sqrt(variance_C))
    rows = zip(features.continuous, n_C.tolist(), mean_C.tolist(), std_C.tolist(), strict=True)
    return {name: (mean, std) for name, n, mean, std in rows if n}


def _sums(values_EC: AnyArray) -> Doubles:
    """Return the sum of each column, added up in the order of the events on every machine; BLAS would not.

    Of a few columns `sum(axis=0)` takes three times as long.
    """
    sums_C: Doubles = np.einsum("ec->c", values_EC.astype(np.float64, copy=False))
    return sums_C
