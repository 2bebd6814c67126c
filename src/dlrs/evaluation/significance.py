"""Significance: how sure the means are, by a paired bootstrap over the users.

Users are drawn with replacement, as many as there are; a metric's mean over each such resample is
one draw of what another set of users might have shown. The middle 95 % of the draws is the
interval (percentile method). Models are compared on the same resamples, so that what makes a
user easy or hard for both of them cancels.

Letters: R resamples, U users, M metrics (of one or several models).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from dlrs.arrays import Doubles, Ints
from dlrs.progress import track

Interval = tuple[float, float]
Values = Mapping[str, Mapping[str, Doubles]]
"""Model → metric → one value for each user (U,)."""

CONFIDENCE = 0.95
BLOCK_CELLS = 4_000_000
"""Most counts held at once: 32 MB of them."""


@dataclass(frozen=True)
class Difference:
    """A model's mean minus the reference's, and the interval of that difference."""

    mean: float
    low: float
    high: float

    @property
    def beyond_chance(self) -> bool:
        """Whether the interval leaves zero out."""
        return self.low > 0 or self.high < 0

    def reversed(self) -> Difference:
        """Return the reference's mean minus the model's."""
        return Difference(-self.mean, -self.high, -self.low)


def resampled_means(values_UM: Doubles, *, resamples: int, seed: int) -> Doubles:
    """Return the mean of each column on each resample of the rows: (R, M).

    The resamples depend on U, `resamples` and `seed` only, so that separate calls pair up.
    """
    users = len(values_UM)
    rng = np.random.default_rng(seed)
    step = max(1, BLOCK_CELLS // users)
    blocks = [
        _counts(rng, min(step, resamples - start), users) @ values_UM / users
        for start in track(range(0, resamples, step), "bootstrap")
    ]
    return np.concatenate(blocks)


def intervals(models: Values, *, resamples: int, seed: int) -> dict[str, dict[str, Interval]]:
    """Return the 95 % interval of the mean of each metric of each model; all share the resamples."""
    values_UM = np.column_stack([values_U for metrics in models.values() for values_U in metrics.values()])
    means_RM = resampled_means(values_UM, resamples=resamples, seed=seed)
    outside = (1 - CONFIDENCE) / 2
    low_M, high_M = np.quantile(means_RM, [outside, 1 - outside], axis=0)
    bounds = zip(low_M.tolist(), high_M.tolist(), strict=True)
    return {name: {metric: next(bounds) for metric in metrics} for name, metrics in models.items()}


def differences(
    models: Values, reference: str, *, resamples: int, seed: int
) -> dict[str, dict[str, Difference]]:
    """Compare every metric of every other model with the reference's, user by user."""
    gaps = {
        name: {metric: values_U - models[reference][metric] for metric, values_U in metrics.items()}
        for name, metrics in models.items()
        if name != reference
    }
    if not gaps:
        return {}
    bounds = intervals(gaps, resamples=resamples, seed=seed)
    return {
        name: {
            metric: Difference(float(gap_U.mean()), *bounds[name][metric])
            for metric, gap_U in metrics.items()
        }
        for name, metrics in gaps.items()
    }


def _counts(rng: np.random.Generator, resamples: int, users: int) -> Doubles:
    """Return how often each user was drawn into each resample: (R, U), multinomial."""
    drawn_RU: Ints = rng.integers(users, size=(resamples, users))
    drawn_RU += np.arange(resamples)[:, None] * users
    counts_RU = np.bincount(drawn_RU.ravel(), minlength=resamples * users)
    return counts_RU.reshape(resamples, users).astype(np.float64)
