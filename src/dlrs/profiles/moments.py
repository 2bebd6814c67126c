"""Moments: one pass over the numbers of a continuous feature, mergeable (method §2, [T §4.1.2]).

M2, M3 and M4 are the sums of weighted powers of the differences from the mean. The merge of two is due to
Chan, Golub and LeVeque (*Updating Formulae and a Pairwise Algorithm for Computing Sample Variances*,
1979) for M2 and Pébay (*Formulas for Robust, One-Pass Parallel Computation of Covariances and
Arbitrary-Order Statistical Moments*, Sandia report SAND2008-6212, 2008) for M3 and M4, with weights in
place of counts.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace


@dataclass(frozen=True)
class Moments:
    """n observations with a total weight; without any, the mean is 0 and the range is empty."""

    n: int = 0
    weight: float = 0.0
    mean: float = 0.0
    m2: float = 0.0
    m3: float = 0.0
    m4: float = 0.0
    min: float = math.inf
    max: float = -math.inf

    @classmethod
    def of(cls, value: float, weight: float = 1.0) -> Moments:
        """Return the moments of one observation."""
        return cls(n=1, weight=weight, mean=value, min=value, max=value)

    def __add__(self, other: Moments) -> Moments:
        """Return the moments of both together."""
        if self.n == 0 or other.n == 0:
            return self if other.n == 0 else other
        a, b, whole = self.weight, other.weight, self.weight + other.weight
        d = other.mean - self.mean
        return Moments(
            n=self.n + other.n,
            weight=whole,
            mean=self.mean + d * b / whole,
            m2=self.m2 + other.m2 + d**2 * a * b / whole,
            m3=self.m3 + other.m3
            + d**3 * a * b * (a - b) / whole**2
            + 3 * d * (a * other.m2 - b * self.m2) / whole,
            m4=self.m4 + other.m4
            + d**4 * a * b * (a**2 - a * b + b**2) / whole**3
            + 6 * d**2 * (a**2 * other.m2 + b**2 * self.m2) / whole**2
            + 4 * d * (a * other.m3 - b * self.m3) / whole,
            min=min(self.min, other.min),
            max=max(self.max, other.max),
        )  # fmt: skip

    def weighing(self, factor: float) -> Moments:
        """Return the moments with every observation's weight multiplied."""
        return replace(
            self,
            weight=self.weight * factor,
            m2=self.m2 * factor,
            m3=self.m3 * factor,
            m4=self.m4 * factor,
        )

    @property
    def variance(self) -> float:
        """The weighted variance with the sample correction n/(n − 1): of one observation 0 (method §9)."""
        if self.n < 2:
            return 0.0 if self.n else math.nan
        return self.m2 / self.weight * self.n / (self.n - 1)

    @property
    def std(self) -> float:
        """The standard deviation that goes with `variance`."""
        return math.sqrt(self.variance)

    @property
    def skewness(self) -> float:
        """μ3 / μ2^1.5 of the weighted observations; NaN where they do not vary."""
        return self.m3 * math.sqrt(self.weight) / self.m2**1.5 if self.m2 > 0 else math.nan

    @property
    def kurtosis(self) -> float:
        """μ4 / μ2², 3 for a normal distribution; NaN where they do not vary."""
        return self.m4 * self.weight / self.m2**2 if self.m2 > 0 else math.nan
