"""At 1/20 of the method's size, the figures of the simulation against those of method §7 and §9.

What is off is said beside its figure. The table is printed: pytest -s tests/simulator/test_calibration.py
"""

from __future__ import annotations

import numpy as np
import pytest

from dlrs.simulator.facts import facts
from dlrs.simulator.marketplace import Simulation, populate
from dlrs.simulator.method_figures import FIGURES, as_text
from dlrs.simulator.settings import DAY
from dlrs.simulator.users import DEALER, GUEST, PRIVATE

SETTINGS = Simulation(users=5000, items=85_560, seed=1)

TOLERANCES = {
    "train_events_per_user": 0.15 * 141.3,
    "train_pairs_per_user_mean": 0.08 * 65,
    "train_pairs_per_user_median": 3,
    "top_1_percent_share": 0.03,  # a few ads of 1/20 draw less than those of the whole: rises with the size
    "top_10_percent_share": 0.06,  # likewise
    "view": 0.005,
    "bookmark": 0.004,
    "print": 0.0005,
    "contact": 0.0004,
    "test_users_share": 0.02,
    "test_new_pairs_per_user": 0.2 * 13.74,  # the method chose users by the weeks before
    "test_items_unseen_share": 0.02,
}
"""How far each figure may be from the method's."""

OFF = {
    "train_pairs_per_user_max": (1500, 5500),  # of 5,000 users, not of 100,000
    "train_pairs_per_item_mean": (6.0, 7.3),  # the method counts other ads: see `method_figures`
    "train_pairs_per_item_median": (3, 5),
    "train_pairs_per_item_max": (70, 300),  # of 85,560 ads, not of 1.7 million
}
"""Where each of the others is instead."""


@pytest.fixture(scope="module")
def market():
    return populate(SETTINGS)


@pytest.fixture(scope="module")
def events(market):
    return market.live().events


@pytest.fixture(scope="module")
def figures(market, events):
    found = facts(market.settings, market.ads, market.history, events)
    print("\n" + as_text(found))
    return {**found, **found["type_shares"]}


@pytest.mark.parametrize("figure", FIGURES, ids=lambda figure: figure.fact)
def test_figures_are_near_the_methods(figures, figure):
    simulated = figures[figure.fact]
    if figure.fact in OFF:
        low, high = OFF[figure.fact]
        assert low <= simulated <= high
    else:
        assert simulated == pytest.approx(figure.method, abs=TOLERANCES[figure.fact])


def test_most_ads_that_are_there_in_the_weeks_are_met(market, events):
    train_from = SETTINGS.warm_up_days * DAY
    there = np.flatnonzero(market.ads.died_N > train_from)
    met = np.unique(events.item_E[events.time_E >= train_from])
    assert np.isin(there, met).mean() > 0.82


def test_an_ad_draws_no_events_before_it_is_there_nor_from_its_deletion_on(market, events):
    ads = market.ads
    assert (ads.born_N[events.item_E] <= events.time_E).all()
    assert (events.time_E < ads.died_N[events.item_E]).all()
    sold_N = ads.died_N < SETTINGS.days * DAY
    assert sold_N[events.item_E].mean() > 0.3  # so there was something to draw


def test_dealers_are_the_extreme_users(market, events):
    kind_U = market.users.kind_U
    train_E = events.time_E >= SETTINGS.warm_up_days * DAY
    pairs = np.unique(np.stack([events.user_E[train_E], events.item_E[train_E]]), axis=1)
    pairs_U = np.bincount(pairs[0], minlength=len(kind_U))
    assert (kind_U == DEALER).sum() >= 3
    assert pairs_U[kind_U == DEALER].min() > 5 * pairs_U[kind_U == PRIVATE].mean()


def test_guests_come_beside_the_users_and_not_for_long(market, events):
    kind_U = market.users.kind_U
    assert (kind_U[: SETTINGS.users] != GUEST).all()
    assert (kind_U[SETTINGS.users :] == GUEST).all()
    assert len(kind_U) == SETTINGS.users + SETTINGS.guests == 5500
    guests = events.take(events.user_E >= SETTINGS.users)
    found, count = np.unique(guests.user_E, return_counts=True)
    assert len(found) > 0.95 * SETTINGS.guests  # a guest may find nothing that he likes
    assert np.median(count) < 12
    comes_U2 = market.users.comes_U2[guests.user_E]
    day_E = guests.time_E // DAY
    assert (day_E >= comes_U2[:, 0]).all()
    on_the_day_E = (day_E[:, None] == comes_U2).any(axis=1)
    assert on_the_day_E.mean() > 0.75  # he may come back to an ad on a later day
