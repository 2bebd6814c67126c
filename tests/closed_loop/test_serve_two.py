"""Which list a user meets, and what of it counts."""

from __future__ import annotations

import numpy as np

from dlrs.arrays import NO_ITEM, Ints
from dlrs.closed_loop.popular import popular_lists
from dlrs.closed_loop.serve_two import ServeTwo, exposures
from dlrs.closed_loop.serving import Day
from dlrs.experiment.interleaving import NO_TEAM
from dlrs.simulator.chains import Events
from dlrs.simulator.settings import DAY
from dlrs.simulator.widget import Impressions


def events(*rows: tuple[int, int, int]) -> Events:
    """Events by (user, ad, day)."""
    user, ad, day = np.array(rows, dtype=np.int32).reshape(-1, 3).T
    return Events(user, ad, day * DAY + 5, np.zeros(len(user), np.int8))


class Fixed:
    """Recommends the same ads to everybody but those without a profile."""

    def __init__(self, *ads: int, strangers: tuple[int, ...] = ()) -> None:
        self.ads, self.strangers = ads, strangers
        self.asked: list[list[int]] = []

    def lists(self, day: Day, k: int) -> Ints:
        self.asked.append(day.users_U.tolist())
        lists_UK = np.tile(np.array(self.ads[:k]), (len(day.users_U), 1))
        lists_UK[np.isin(day.users_U, self.strangers)] = NO_ITEM
        return lists_UK


USERS, ADS = np.array([0, 1, 2, 5], np.int32), np.arange(3, 13, dtype=np.int32)
LOG = events(
    (7, 4, 0), (7, 4, 0), (7, 4, 0), (0, 12, 3), (1, 12, 3), (7, 12, 3), (7, 9, 3), (1, 9, 4), (7, 4, 4)
)


def rng() -> np.random.Generator:
    return np.random.default_rng(0)


def test_each_user_meets_his_arm_and_strangers_popular_ads() -> None:
    a, b = Fixed(3, 4, 5, strangers=(2,)), Fixed(6, 7, 8)
    serve = ServeTwo((a, b), np.array([0, 1, 0, 9, 9, 1]), 2, rng())
    lists_UK = serve(9, USERS, ADS, LOG)
    assert lists_UK.tolist() == [[3, 4], [6, 7], [12, 9], [6, 7]]
    assert lists_UK.dtype == np.int32
    assert a.asked == b.asked == [[0, 1, 2, 5]]
    assert serve.served[0].team_UK.tolist() == [[0, 0], [1, 1], [NO_TEAM, NO_TEAM], [1, 1]]


def test_interleaved_lists_hold_both() -> None:
    serve = ServeTwo((Fixed(3, 4, 5, strangers=(2,)), Fixed(3, 6, 7, strangers=(2,))), None, 3, rng())
    lists_UK = serve(9, USERS, ADS, LOG)
    assert lists_UK[2].tolist()[:2] == [12, 9]
    team_UK = serve.served[0].team_UK
    assert (team_UK[2] == NO_TEAM).all()
    for items, teams in zip(lists_UK[[0, 1, 3]], team_UK[[0, 1, 3]], strict=True):
        assert items[0] == 3
        assert set(items[1:]) <= {4, 5, 6, 7}
        assert abs(int((teams == 0).sum()) - int((teams == 1).sum())) == 1


def test_whom_one_bundle_knows_nothing_of_is_a_stranger_to_both_arms() -> None:
    serve = ServeTwo((Fixed(3, 4), Fixed(5, 6, strangers=(0, 2))), np.array([0, 1, 0, 1, 0, 1]), 2, rng())
    serve(10, USERS, ADS, LOG)
    known = (serve.served[0].team_UK != NO_TEAM).all(axis=1)
    assert known.tolist() == [user not in (0, 2) for user in USERS.tolist()]


def test_popular_ads_are_recent_new_and_there() -> None:
    """Of the last 7 days before day 10: ad 12 three times, 9 twice, 4 once; what is older does not count."""
    lists = popular_lists(Day(10, USERS, ADS, LOG), 4)
    assert lists.tolist() == [[9, 4, 3, 5], [4, 3, 5, 6], [12, 9, 4, 3], [12, 9, 4, 3]]
    assert popular_lists(Day(10, USERS, ADS[ADS != 12], LOG), 1)[:, 0].tolist() == [9, 4, 9, 9]


def test_there_may_be_fewer_ads_than_places() -> None:
    lists = popular_lists(Day(10, USERS, np.array([9, 12], np.int32), LOG), 3)
    assert lists.tolist() == [[9, NO_ITEM, NO_ITEM], [NO_ITEM] * 3, [12, 9, NO_ITEM], [12, 9, NO_ITEM]]


def test_a_user_is_in_the_test_from_his_first_list_of_a_bundle_on() -> None:
    """User 2 has no profile on day 9, has one on day 10, loses it on day 11; user 5 never has one."""
    users = np.array([0, 2, 5], np.int32)
    serve = ServeTwo((Fixed(), Fixed()), np.zeros(6, np.int64), 2, rng())
    for day, strangers in ((9, (2, 5)), (10, (5,)), (11, (2, 5))):
        serve.bundles = (Fixed(3, 4, strangers=strangers), Fixed(3, 4))
        serve(day, users, ADS, LOG)
    lists_LK = np.concatenate([part.lists_UK for part in serve.served])
    lists_LK[3, 0] = NO_ITEM  # sold before user 0 came on day 10
    opened_LK = np.zeros_like(lists_LK, dtype=np.bool_)
    opened_LK[4, 1] = True
    times = np.repeat([9, 10, 11], 3) * DAY + 60
    shown, others = exposures(Impressions(np.tile(users, 3), times, lists_LK, opened_LK), serve.served)

    found = zip(shown.user_I.tolist(), (shown.time_I // DAY).tolist(), shown.place_I.tolist(), strict=True)
    assert sorted(found) == [
        (0, 9, 0), (0, 9, 1), (0, 10, 1), (0, 11, 0), (0, 11, 1),
        (2, 10, 0), (2, 10, 1), (2, 11, 0), (2, 11, 1),
    ]  # fmt: skip
    assert others == 2 + 3 * 2
    assert shown.ad_I[shown.opened_I].tolist() == [4]
    assert shown.user_I[shown.opened_I].tolist() == [2]
    assert shown.team_I[(shown.user_I == 2) & (shown.time_I // DAY == 11)].tolist() == [NO_TEAM] * 2
