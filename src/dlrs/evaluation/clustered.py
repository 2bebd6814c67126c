"""Clustered: how sure a mean over requests is, by a paired bootstrap over the users who made them.

A user's requests resemble one another, so that drawing requests one by one would promise too much. Here whole
users are drawn, each with all of his requests; on each resample the mean is Σ values / Σ requests.

    R requests, each of a user; U users; M metrics; B resamples
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeVar

import numpy as np

from dlrs.arrays import Doubles, Ints
from dlrs.evaluation.significance import (
    CONFIDENCE,
    Difference,
    Interval,
    Values,
    holm,
    resampled_means,
    two_sided,
)

T = TypeVar("T")
OUTSIDE = (1 - CONFIDENCE) / 2


@dataclass(frozen=True)
class Ratio:
    """How many times the reference's mean a model reaches, and the interval of that; None: over zero."""

    mean: float | None
    low: float | None
    high: float | None


@dataclass(frozen=True)
class Clustered:
    """Means of every model and metric: over all requests, and on each resample of the users."""

    names_M: tuple[tuple[str, str], ...]  # model, metric
    mean_M: Doubles
    drawn_BM: Doubles
    users: int

    @classmethod
    def of(cls, models: Values, user_R: Ints, *, resamples: int, seed: int) -> Clustered:
        """Draw the users.

        Args:
            models: model → metric → one value for each request, (R,).
            user_R: whose request it is.
            resamples: how many.
            seed: the same seed gives the same resamples of the same users.
        """
        names_M = tuple((name, metric) for name, metrics in models.items() for metric in metrics)
        values_RM = np.column_stack([models[name][metric] for name, metric in names_M])
        _, place_R = np.unique(user_R, return_inverse=True)
        counted = np.column_stack([values_RM, np.ones(len(user_R))])
        sums_UM: Doubles = np.column_stack(
            [np.bincount(place_R, weights=values_R).astype(np.float64) for values_R in counted.T]
        )
        drawn = resampled_means(sums_UM, resamples=resamples, seed=seed)
        return cls(names_M, values_RM.mean(axis=0), drawn[:, :-1] / drawn[:, -1:], len(sums_UM))

    def means(self) -> dict[str, dict[str, float]]:
        """Return the mean over all requests, by model and metric."""
        return self._by_model(self.mean_M.tolist())

    def intervals(self) -> dict[str, dict[str, Interval]]:
        """Return the middle 95 % of the resampled means."""
        low_M, high_M = np.quantile(self.drawn_BM, [OUTSIDE, 1 - OUTSIDE], axis=0).tolist()
        return self._by_model(list(zip(low_M, high_M, strict=True)))

    def differences(self, reference: str) -> dict[str, dict[str, Difference]]:
        """Return every other model's mean minus the reference's, on the same resamples.

        Holm's correction is over all of them.
        """
        reference_M = self._reference(reference)
        gap_BM = self.drawn_BM - self.drawn_BM[:, reference_M]
        gap_M = self.mean_M - self.mean_M[reference_M]
        low_M, high_M = np.quantile(gap_BM, [OUTSIDE, 1 - OUTSIDE], axis=0)
        p_M = two_sided(gap_BM)
        others = [place for place, (name, _) in enumerate(self.names_M) if name != reference]
        adjusted_M = np.ones_like(p_M)
        adjusted_M[others] = holm(p_M[others])
        found = np.column_stack([gap_M, low_M, high_M, p_M, adjusted_M]).tolist()
        gaps = [Difference(gap, low, high, p, holms, self.users) for gap, low, high, p, holms in found]
        return _without(reference, self._by_model(gaps))

    def ratios(self, reference: str) -> dict[str, dict[str, Ratio]]:
        """Return every other model's mean over the reference's, on the same resamples.

        No ratio where the reference's mean is zero; no interval where it is in any of the resamples.
        """
        reference_M = self._reference(reference)
        base_M, base_BM = self.mean_M[reference_M], self.drawn_BM[:, reference_M]
        sure_M = (base_BM > 0).all(axis=0)
        times_M = self.mean_M / np.where(base_M > 0, base_M, np.nan)
        times_BM = self.drawn_BM / np.where(sure_M, base_BM, np.nan)
        low_M, high_M = np.quantile(times_BM, [OUTSIDE, 1 - OUTSIDE], axis=0)
        found = np.column_stack([times_M, low_M, high_M]).tolist()
        ratios = [Ratio(*(None if np.isnan(value) else value for value in three)) for three in found]
        return _without(reference, self._by_model(ratios))

    def _reference(self, reference: str) -> list[int]:
        """Return the column of the reference's same metric, for each column."""
        return [self.names_M.index((reference, metric)) for _, metric in self.names_M]

    def _by_model(self, values_M: list[T]) -> dict[str, dict[str, T]]:
        found: dict[str, dict[str, T]] = {}
        for (name, metric), value in zip(self.names_M, values_M, strict=True):
            found.setdefault(name, {})[metric] = value
        return found


def _without(name: str, models: Mapping[str, T]) -> dict[str, T]:
    return {other: value for other, value in models.items() if other != name}
