"""The widget: recommendations that simulated users meet, and what comes of them."""

from __future__ import annotations

import numpy as np
import pytest

from dlrs.arrays import NO_ITEM
from dlrs.errors import DataError
from dlrs.simulator.marketplace import Simulation, populate
from dlrs.simulator.settings import DAY
from dlrs.simulator.widget import Widget

SETTINGS = Simulation(users=300, items=3000, weeks=3, warm_up_days=7, seed=2)
FROM_DAY = 14
K = 5


class Recorder:
    """Recommends whatever `choose` says and writes down what it was asked."""

    def __init__(self, choose):
        self.choose, self.asked = choose, []

    def __call__(self, day, users_U, alive_A, log):
        self.asked.append((day, users_U, alive_A, log))
        return np.stack([self.choose(user, alive_A) for user in users_U])


@pytest.fixture(scope="module")
def market():
    return populate(SETTINGS)


@pytest.fixture(scope="module")
def alone(market):
    return market.live()


def at_random(user, alive_A):
    return np.random.default_rng(user).choice(alive_A, K, replace=False)


@pytest.fixture(scope="module")
def recorder():
    return Recorder(at_random)


@pytest.fixture(scope="module")
def met(market, recorder):
    return market.live(Widget(recorder, FROM_DAY))


def columns(events):
    return np.column_stack([events.user_E, events.item_E, events.time_E, events.type_E])


def test_before_the_widget_comes_nothing_changes(alone, met):
    before, with_widget = (columns(life.events)[life.events.time_E < FROM_DAY * DAY] for life in (alone, met))
    assert len(before) > 1000
    np.testing.assert_array_equal(before, with_widget)
    assert not len(alone.impressions.user_I)


def test_a_life_can_be_lived_again(market, alone):
    np.testing.assert_array_equal(columns(market.live().events), columns(alone.events))


def test_the_recommender_knows_the_past_and_what_is_there(market, recorder, met):
    assert [day for day, *_ in recorder.asked] == list(range(FROM_DAY, SETTINGS.days))
    for day, users_U, alive_A, log in recorder.asked:
        now = day * DAY
        assert (np.diff(users_U) > 0).all()
        there_N = (market.ads.born_N <= now) & (now < market.ads.died_N)
        np.testing.assert_array_equal(alive_A, np.flatnonzero(there_N))
        np.testing.assert_array_equal(columns(log), columns(met.events)[met.events.time_E < now])


def test_a_third_of_the_visits_meets_it_and_a_click_is_an_event(recorder, met):
    shown = met.impressions
    asked = np.concatenate([users_U for _, users_U, *_ in recorder.asked])
    assert len(np.unique(shown.user_I // 1 + 10**6 * (shown.time_I // DAY))) == len(asked)
    assert shown.opened_IK.any()
    assert not shown.opened_IK[shown.lists_IK == NO_ITEM].any()
    visit, place = np.nonzero(shown.opened_IK)
    happened = set(map(tuple, columns(met.events)[:, :2].tolist()))
    clicked = list(zip(shown.user_I[visit].tolist(), shown.lists_IK[visit, place].tolist(), strict=True))
    assert np.mean([pair in happened for pair in clicked]) > 0.98  # sold before it had loaded


def test_sold_ads_are_not_shown(market):
    gone = np.flatnonzero(market.ads.died_N < 0.5 * FROM_DAY * DAY)[:K]
    shown = market.live(Widget(Recorder(lambda user, alive_A: gone), FROM_DAY)).impressions
    assert (shown.lists_IK == NO_ITEM).all()
    assert not shown.opened_IK.any()


def test_better_lists_draw_more_clicks(market, met):
    """The favourite model in the favourite body, against ads at random."""
    ads, users = market.ads, market.users

    def fitting(user, alive_A):
        taste = np.argmax(users.weight_US[user])
        away_A = 2.0 * (ads.subcategory_N[alive_A] != users.subcategory_US[user, taste])
        away_A += ads.model_N[alive_A] != users.model_US[user, taste]
        away_A += np.abs(np.log(ads.price_N[alive_A]) - users.price_US[user, taste])
        return alive_A[np.argsort(away_A, kind="stable")[:K]]

    better = market.live(Widget(Recorder(fitting), FROM_DAY)).impressions
    assert better.opened_IK.mean() > 2 * met.impressions.opened_IK.mean()


@pytest.mark.parametrize(
    ("lists", "complaint"),
    [
        (lambda users_U: np.zeros((len(users_U) + 1, 2), np.int32), r"with \d+ rows, one list"),
        (lambda users_U: np.zeros((len(users_U), 2)), "whole numbers"),
        (lambda users_U: np.full((len(users_U), 2), 3000), "rows of ads from 0 to 2999"),
        (lambda users_U: np.full((len(users_U), 2), -2), "rows of ads from 0 to 2999"),
    ],
)
def test_lists_that_break_the_contract_are_refused(market, lists, complaint):
    def wrong(day, users_U, alive_A, log):
        return lists(users_U)

    with pytest.raises(DataError, match=complaint):
        market.live(Widget(wrong, 0))
