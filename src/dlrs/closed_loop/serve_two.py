"""Two bundles behind one widget: each user meets the lists of his arm, or both in one list.

Users without a profile see popular ads, the same under both bundles. They are not in the test until
the first list of a bundle: what comes before cannot depend on the arm.

    U users of a day    K places of a list    I impressions of one ad each
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol

import numpy as np

from dlrs.arrays import NO_ITEM, Bools, Columns, Ints
from dlrs.closed_loop.popular import popular_lists
from dlrs.closed_loop.serving import Day
from dlrs.experiment.interleaving import NO_TEAM, team_draft
from dlrs.simulator.chains import Events
from dlrs.simulator.settings import DAY
from dlrs.simulator.widget import Impressions


class Lists(Protocol):
    """What recommends: a `BundleRecommender`, or whatever stands in for one."""

    def lists(self, day: Day, k: int) -> Ints:
        """Return a list of ads for each user of the day, `NO_ITEM` only where he has no profile: (U, K)."""
        ...


@dataclass(frozen=True)
class Served:
    """The lists of a day and whose item stands where: `NO_TEAM` for popular ads."""

    day: int
    users_U: Columns
    lists_UK: Ints
    team_UK: Ints


@dataclass
class ServeTwo:
    """The `Recommend` of a closed loop; remembers what it served.

    `arm_N` is the arm (0 or 1) of each user row; None interleaves the lists of both.
    """

    bundles: tuple[Lists, Lists]
    arm_N: Ints | None
    k: int
    rng: np.random.Generator  # of the coins that interleaving throws
    served: list[Served] = field(default_factory=list)

    def __call__(self, day: int, users_U: Columns, alive_A: Columns, log: Events) -> Columns:
        """Recommend as a day begins; see `simulator.widget.Recommend`."""
        asked = Day(day, users_U, alive_A, log)
        lists_UK, team_UK = self._interleaved(asked) if self.arm_N is None else self._split(asked, self.arm_N)
        strangers = lists_UK[:, 0] == NO_ITEM
        lists_UK[strangers] = popular_lists(asked.among(strangers), self.k)
        self.served.append(Served(day, users_U, lists_UK, team_UK))
        return lists_UK.astype(np.int32)

    def _split(self, day: Day, arm_N: Ints) -> tuple[Ints, Ints]:
        both = [served.lists(day, self.k) for served in self.bundles]
        arm_U = arm_N[day.users_U]
        lists_UK = np.where(arm_U[:, None] == 0, *both)
        # whom one bundle has no list for is not in the test yet: else the arms would hold different users
        lists_UK[(both[0][:, 0] == NO_ITEM) | (both[1][:, 0] == NO_ITEM)] = NO_ITEM
        team_UK = np.where(lists_UK == NO_ITEM, NO_TEAM, arm_U[:, None])
        return lists_UK, team_UK

    def _interleaved(self, day: Day) -> tuple[Ints, Ints]:
        a_UK, b_UK = (served.lists(day, self.k) for served in self.bundles)
        return team_draft(a_UK, b_UK, self.k, self.rng)


@dataclass(frozen=True)
class Exposure:
    """I impressions of users in the test, by the visit; ads and users are rows of the simulator."""

    user_I: Ints
    ad_I: Ints
    time_I: Ints  # seconds since the simulation's start
    place_I: Ints  # 0 is the first
    team_I: Ints  # whose item it is; `NO_TEAM` if it was a popular one
    opened_I: Bools  # whether it was clicked


def exposures(shown: Impressions, served: list[Served]) -> tuple[Exposure, int]:
    """Return what users of the test saw from their first list of a bundle on, and how much others saw."""
    days = np.array([part.day for part in served])
    users = np.concatenate([part.users_U for part in served]).astype(np.int64)
    key_S = np.repeat(days, [len(part.users_U) for part in served]) * (users.max() + 1) + users
    team_SK = np.concatenate([part.team_UK for part in served])
    day_L = shown.time_I // DAY
    team_LK = team_SK[np.searchsorted(key_S, day_L * (users.max() + 1) + shown.user_I)]
    first_N = np.full(users.max() + 1, np.iinfo(np.int64).max)  # day of the first list of a bundle
    by_bundle = (team_LK != NO_TEAM).any(axis=1)
    np.minimum.at(first_N, shown.user_I[by_bundle], day_L[by_bundle])
    tested_L = day_L >= first_N[shown.user_I]
    real_LK = shown.lists_IK != NO_ITEM
    visit, place = np.nonzero(real_LK & tested_L[:, None])
    found = Exposure(
        user_I=shown.user_I[visit].astype(np.int64),
        ad_I=shown.lists_IK[visit, place].astype(np.int64),
        time_I=shown.time_I[visit].astype(np.int64),
        place_I=place,
        team_I=team_LK[visit, place],
        opened_I=shown.opened_IK[visit, place],
    )
    return found, int(real_LK.sum()) - len(visit)
