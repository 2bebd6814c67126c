"""Significance: how sure the means are, by a paired bootstrap over the users.

Users are drawn with replacement, as many as there are; a metric's mean over each such resample is
one draw of what another set of users might have shown. The middle 95 % of the draws is the
interval (percentile method). Models are compared on the same resamples, so that what makes a
user easy or hard for both of them cancels.

A difference has a p-value from the same resamples, two-sided: twice the share of them on the far side of
zero, which is where the percentile interval would just touch it (Efron & Tibshirani, An Introduction to the
Bootstrap, 1993, §15.4 and §16). Whoever compares often finds something by chance: Holm's correction
(Scandinavian Journal of Statistics 6, 1979) keeps the chance of any false finding among all comparisons
below 5 %. All of it takes the users that there are for all there could be, which a handful are not: of fewer
than `LEAST_USERS` nothing is said.

Letters: R resamples, U users, M metrics (of one or several models).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from dlrs.arrays import Doubles, Ints
from dlrs.progress import track

Interval = tuple[float, float]
Values = Mapping[str, Mapping[str, Doubles]]
"""Model → metric → one value for each user (U,)."""

CONFIDENCE = 0.95
RESAMPLES_PER_COMPARISON = 100
"""So that the smallest p that R resamples can show, 2 / (R + 1), stays below 5 % after Holm's correction."""
LEAST_USERS = 40
"""With fewer, nothing stands. Among models that are alike some difference stood in 93 % of the families of
one user, in 33 % of ten, 23 % of twenty, 12 % of thirty and 7 % of forty: near the 5 % promised (see
decision 0029)."""
BLOCK_CELLS = 4_000_000
"""Most counts held at once: 32 MB of them."""


@dataclass(frozen=True)
class Difference:
    """A model's mean minus the reference's, the interval of that difference, and how likely chance is."""

    mean: float
    low: float
    high: float
    p: float | None = None  # two-sided
    adjusted: float | None = None  # the same after Holm's correction over all that was compared beside it
    users: int | None = None  # who were asked; None where nobody counted: their number decides nothing then

    @property
    def too_few(self) -> bool:
        """Whether the users are too few to say anything."""
        return self.users is not None and self.users < LEAST_USERS

    @property
    def beyond_chance(self) -> bool:
        """Whether the interval leaves zero out, of users enough: if this were the only comparison."""
        return not self.too_few and (self.low > 0 or self.high < 0)

    @property
    def stands(self) -> bool:
        """Whether it is beyond chance among all that was compared beside it."""
        return self.beyond_chance and (self.adjusted is None or self.adjusted < 1 - CONFIDENCE)

    def reversed(self) -> Difference:
        """Return the reference's mean minus the model's."""
        return replace(self, mean=-self.mean, low=-self.high, high=-self.low)


@dataclass(frozen=True)
class Ratio:
    """How many times a model's mean the reference reaches, with its interval; None over a mean of zero."""

    mean: float | None
    low: float | None
    high: float | None


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
    bounds = zip(*_bounds(_means_of(models, resamples, seed)), strict=True)
    return {name: {metric: next(bounds) for metric in metrics} for name, metrics in models.items()}


def differences(
    models: Values, reference: str, *, resamples: int, seed: int
) -> dict[str, dict[str, Difference]]:
    """Compare every metric of every other model with the reference's, user by user; see `judge_gaps`."""
    gaps = {
        name: {metric: values_U - models[reference][metric] for metric, values_U in metrics.items()}
        for name, metrics in models.items()
        if name != reference
    }
    return judge_gaps(gaps, resamples=resamples, seed=seed)


def ratios(models: Values, reference: str, *, resamples: int, seed: int) -> dict[str, dict[str, Ratio]]:
    """Return how many times every other model's mean the reference reaches, metric by metric.

    Both means are of the same resamples. Over a mean of zero the ratio is beyond all bounds, and that of two
    zeros may be anything.
    """
    means_RM = _means_of(models, resamples, seed)
    columns = iter(means_RM.T)
    drawn = {name: {metric: next(columns) for metric in metrics} for name, metrics in models.items()}
    return {
        name: {
            metric: _ratio(models[reference][metric], values_U, drawn[reference][metric], drawn[name][metric])
            for metric, values_U in metrics.items()
        }
        for name, metrics in models.items()
        if name != reference
    }


def judge_gaps(gaps: Values, *, resamples: int, seed: int) -> dict[str, dict[str, Difference]]:
    """Return the mean of each gap between two models, its interval, its p, and its p after Holm's correction.

    All of the gaps are the family that the correction is over. Of resamples there are more than asked for
    where so many comparisons need them: see `enough_resamples`.
    """
    if not any(gaps.values()):
        return {name: {} for name in gaps}
    comparisons = sum(len(metrics) for metrics in gaps.values())
    means_RM = _means_of(gaps, enough_resamples(comparisons, resamples), seed)
    p_M = two_sided(means_RM)
    found = zip(*_bounds(means_RM), p_M.tolist(), holm(p_M).tolist(), strict=True)
    return {
        name: {
            metric: Difference(float(gap_U.mean()), *next(found), users=len(gap_U))
            for metric, gap_U in metrics.items()
        }
        for name, metrics in gaps.items()
    }


def enough_resamples(comparisons: int, resamples: int) -> int:
    """Return how many resamples so many comparisons need, at least those asked for."""
    return max(resamples, RESAMPLES_PER_COMPARISON * comparisons)


def two_sided(means_RM: Doubles) -> Doubles:
    """Return the p-value of each column of resampled differences: (M,), in [2 / (R + 1), 1].

    Zero counts for both sides; the sample itself counts as one more resample, so that none is 0.
    """
    below_M, above_M = (means_RM <= 0).sum(axis=0), (means_RM >= 0).sum(axis=0)
    p_M: Doubles = 2 * (np.minimum(below_M, above_M) + 1) / (len(means_RM) + 1)
    return np.minimum(p_M, 1.0)


def holm(p_M: Doubles) -> Doubles:
    """Return p-values corrected for being M at once, by Holm's steps: (M,), none smaller than it was.

    >>> holm(np.array([0.01, 0.04, 0.03]))
    array([0.03, 0.06, 0.06])
    """
    order_M = np.argsort(p_M, kind="stable")
    stepped_M = np.maximum.accumulate(p_M[order_M] * np.arange(len(p_M), 0, -1))
    adjusted_M = np.empty_like(stepped_M)
    adjusted_M[order_M] = np.minimum(stepped_M, 1.0)
    return adjusted_M


def _means_of(models: Values, resamples: int, seed: int) -> Doubles:
    values_UM = np.column_stack([values_U for metrics in models.values() for values_U in metrics.values()])
    return resampled_means(values_UM, resamples=resamples, seed=seed)


def _ratio(ours_U: Doubles, theirs_U: Doubles, ours_R: Doubles, theirs_R: Doubles) -> Ratio:
    ratio_R = np.full(len(ours_R), np.inf)
    np.divide(ours_R, theirs_R, out=ratio_R, where=theirs_R > 0)
    outside = (1 - CONFIDENCE) / 2
    # 0 / 0 may be anything: it widens both ends. Of the resamples one, as nothing lies between 1 and infinity
    low = float(np.quantile(np.where(ours_R > 0, ratio_R, 0.0), outside, method="inverted_cdf"))
    high = float(np.quantile(ratio_R, 1 - outside, method="inverted_cdf"))
    theirs = float(theirs_U.mean())
    return Ratio(
        mean=float(ours_U.mean()) / theirs if theirs else None,
        low=low if np.isfinite(low) else None,
        high=high if np.isfinite(high) else None,
    )


def _bounds(means_RM: Doubles) -> tuple[list[float], list[float]]:
    outside = (1 - CONFIDENCE) / 2
    low_M, high_M = np.quantile(means_RM, [outside, 1 - outside], axis=0)
    return low_M.tolist(), high_M.tolist()


def _counts(rng: np.random.Generator, resamples: int, users: int) -> Doubles:
    """Return how often each user was drawn into each resample: (R, U), multinomial."""
    drawn_RU: Ints = rng.integers(users, size=(resamples, users))
    drawn_RU += np.arange(resamples)[:, None] * users
    counts_RU = np.bincount(drawn_RU.ravel(), minlength=resamples * users)
    return counts_RU.reshape(resamples, users).astype(np.float64)
