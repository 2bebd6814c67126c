"""Analysis of a test with arms: each arm's rates, the differences, and whether the test can be trusted.

U users    I impressions
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from scipy.special import chdtrc

from dlrs.arrays import AnyArray, Bools, Ints
from dlrs.errors import DataError
from dlrs.experiment.assignment import Arms
from dlrs.experiment.ratios import Difference, Ratio, ratio

RATES = {
    "ctr": "clicks per impression (CTR)",
    "contact_rate": "contacts per impression",
    "users_with_contact": "share of users with a contact",
}
MISMATCH = 0.001  # p-value below which shares of users are wrong, not unlucky: custom
FEW = 20  # with fewer clicks or contacts in an arm the normal distribution is a rough guess


@dataclass(frozen=True)
class Exposures:
    """What was shown, and what came of it: I impressions of U users, each with one at least."""

    user_I: Ints
    clicked_I: Bools
    contacted_I: Bools


@dataclass(frozen=True)
class Arm:
    """What the users of one arm met and did."""

    share: float  # of the users that the arm was to have
    users: int
    impressions: int
    clicks: int  # impressions with a click
    contacts: int  # impressions with a contact
    rates: Mapping[str, Ratio]


@dataclass(frozen=True)
class Analysis:
    """What a test with arms found."""

    arms: Mapping[str, Arm]  # the control first
    differences: Mapping[str, Mapping[str, Difference]]  # other arm → rate → to the control
    mismatch_p: float  # how often chance alone splits users so unequally
    warnings: list[str]


def analyse(exposures: Exposures, arm_U: Ints, arms: Arms) -> Analysis:
    """Analyse a test: `arm_U` is the arm of each user, as a position in `arms.names`.

    Raises:
        DataError: an arm has fewer than two users.
    """
    sums_U3 = np.column_stack(
        [
            np.bincount(exposures.user_I, weights=counted_I, minlength=len(arm_U))
            for counted_I in (np.ones(len(exposures.user_I)), exposures.clicked_I, exposures.contacted_I)
        ]
    )
    found = {
        name: _arm(name, share, sums_U3[arm_U == place])
        for place, (name, share) in enumerate(zip(arms.names, arms.shares, strict=True))
    }
    control = found[arms.names[0]].rates
    return Analysis(
        arms=found,
        differences={
            name: {rate: Difference(control[rate], other) for rate, other in found[name].rates.items()}
            for name in arms.names[1:]
        },
        mismatch_p=mismatch(np.bincount(arm_U, minlength=len(arms.names)), np.array(arms.shares)),
        warnings=_warnings(found, arm_U, arms),
    )


def mismatch(users_A: Ints, share_A: AnyArray) -> float:
    """Return the p-value of the chi-square test that users fell into arms by the shares.

    >>> round(mismatch(np.array([520, 480]), np.array([0.5, 0.5])), 3)
    0.206
    """
    expected_A = users_A.sum() * share_A
    return float(chdtrc(len(users_A) - 1, ((users_A - expected_A) ** 2 / expected_A).sum()))


def _arm(name: str, share: float, sums_U3: AnyArray) -> Arm:
    if len(sums_U3) < 2:
        raise DataError(
            f"impressions, arm '{name}': expected two users at least, received {len(sums_U3)}. Wait for "
            "more, or name the arms that there are with --arms."
        )
    shown_U, clicks_U, contacts_U = sums_U3.T
    return Arm(
        share=share,
        users=len(shown_U),
        impressions=int(shown_U.sum()),
        clicks=int(clicks_U.sum()),
        contacts=int(contacts_U.sum()),
        rates={
            "ctr": ratio(clicks_U, shown_U),
            "contact_rate": ratio(contacts_U, shown_U),
            "users_with_contact": ratio(1.0 * (contacts_U > 0), np.ones(len(shown_U))),
        },
    )


def _warnings(found: Mapping[str, Arm], arm_U: Ints, arms: Arms) -> list[str]:
    warnings = []
    users_A = np.bincount(arm_U, minlength=len(arms.names))
    p_value = mismatch(users_A, np.array(arms.shares))
    if p_value < MISMATCH:
        expected = " : ".join(f"{len(arm_U) * share:,.0f}" for share in arms.shares)
        received = " : ".join(f"{users:,}" for users in users_A)
        warnings.append(
            f"Sample ratio mismatch: expected users {' : '.join(arms.names)} as {expected}, received "
            f"{received} (p = {p_value:.1g}). Something assigns, shows or logs the arms unequally. Find it "
            "before you believe any difference."
        )
    for what in ("clicks", "contacts"):
        few = {name: getattr(arm, what) for name, arm in found.items() if getattr(arm, what) < FEW}
        if few:
            counts = ", ".join(f"{name} {count}" for name, count in few.items())
            warnings.append(f"Fewer than {FEW} {what} ({counts}): their intervals are rough guesses.")
    return warnings
