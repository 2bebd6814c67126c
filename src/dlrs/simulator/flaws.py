"""Flaws: what is wrong in an ad though not in its vehicle: values left out and slips of the pen.

Some are mended by a later version. A slip lies outside the bounds of method §3, so that the
quarantine has work. Shapes as in `arrays`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from dlrs.arrays import AnyArray, Bools, Doubles, Floats
from dlrs.simulator.car_facts import car_facts
from dlrs.simulator.history import DELETE, History

LEFT_OUT = {
    "consumption": 0.22,
    "first_registration": 0.015,
    "mileage": 0.015,
    "airbag": 0.20,
    "climatisation": 0.08,
    "color": 0.03,
    "condition": 0.02,
    "doors": 0.03,
    "previous_owners": 0.28,
    "seats": 0.08,
}
"""Share of the ads whose first version lacks the feature; `car_facts` adds what real ads tell."""

SLIPS = {
    "consumption": (65.0, 74.0, 610.0),  # miles per gallon; a missing comma
    "first_registration": (19, 1017, 2107),  # a year
    "latitude": (0.0, 8.6, 92.0),  # nothing entered; swapped with longitude
    "longitude": (-71.1, 49.9, 181.0),
    "mileage": (1_234_567.0, 9_999_999.0, -1.0),
    "price": (999_999.0, 1_234_567.0, -1.0),
}
"""Values written by mistake."""

SLIP_SHARE = 0.006
MENDED = 0.12  # by each new version


@dataclass(frozen=True)
class Flaws:
    """Which ads have which flaw, and the first version without it (int16)."""

    left_out: dict[str, tuple[Bools, AnyArray]]
    slips: dict[str, tuple[Bools, AnyArray, Floats]]  # the value written, beside the two

    def lacks(self, feature: str, versions: History) -> Bools:
        """Return which of some versions lack a value that their vehicle has."""
        if feature not in self.left_out:
            return np.zeros(len(versions.item_V), dtype=np.bool_)
        return _still(*self.left_out[feature], versions)

    def written(self, feature: str, true_V: Doubles, versions: History) -> Doubles:
        """Return the values as the ads have them."""
        if feature not in self.slips:
            return true_V
        flawed_N, mended_N, wrong_N = self.slips[feature]
        slip_V = _still(flawed_N, mended_N, versions)
        return np.where(slip_V, wrong_N[versions.item_V].astype(np.float64), true_V)


def draw_flaws(count: int, rng: np.random.Generator) -> Flaws:
    """Draw the flaws of `count` ads."""
    shares = LEFT_OUT | car_facts().missing
    left_out = {name: (rng.random(count) < share, _mended(count, rng)) for name, share in shares.items()}
    slipped_N = np.where(rng.random(count) < SLIP_SHARE, rng.integers(0, len(SLIPS), count), -1)
    slips = {
        name: (slipped_N == which, _mended(count, rng), rng.choice(np.array(values, np.float32), count))
        for which, (name, values) in enumerate(SLIPS.items())
    }
    return Flaws(left_out, slips)


def _mended(count: int, rng: np.random.Generator) -> AnyArray:
    """Return the number of the first version without the flaw."""
    return (rng.geometric(MENDED, count) + 1).astype(np.int16)


def _still(flawed_N: Bools, mended_N: AnyArray, versions: History) -> Bools:
    number_V = versions.number_V - (versions.operation_V == DELETE)  # as the version before it
    still_V: Bools = flawed_N[versions.item_V] & (number_V < mended_N[versions.item_V])
    return still_V
