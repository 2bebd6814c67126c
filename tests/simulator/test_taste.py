"""How well an ad fits, by hand; and what a user has seen, against a set."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dlrs.simulator import offers
from dlrs.simulator.behaviour import fit
from dlrs.simulator.choices import Choices
from dlrs.simulator.lists import CELLS, band, cell
from dlrs.simulator.seen import Seen
from dlrs.simulator.settings import DAY
from dlrs.simulator.wants import Wants


def row(**columns):
    """An ad as the wanted one below, but for what is named."""
    ad = np.zeros(offers.CHARACTER + 2, dtype=np.float32)
    ad[[offers.SUBCATEGORY, offers.MODEL, offers.PRICE, offers.AGE]] = 3, 7, 9.0, 4.0
    ad[[offers.LATITUDE, offers.LONGITUDE]] = 50.0, 10.0
    for name, value in columns.items():
        ad[getattr(offers, name)] = value
    return ad


WANTED = Wants(
    subcategory_R=np.array([3]),
    model_R=np.array([7]),
    price_R=np.array([9.0], np.float32),
    tolerance_R=np.array([0.5], np.float32),
    age_R=np.array([4.0], np.float32),
    character_RD=np.array([[1.0, 2.0]], np.float32),
    latitude_R=np.array([50.0], np.float32),
    longitude_R=np.array([10.0], np.float32),
    radius_R=np.array([100.0], np.float32),
)


@pytest.mark.parametrize(
    ("change", "loss"),
    [
        ({}, 0),
        ({"SUBCATEGORY": 4}, 1.5),
        ({"MODEL": 8}, 0.8),
        ({"CHARACTER": 1.0}, -0.4),  # 0.4 · (1 · 1)
        ({"PRICE": 9.5}, 0.5),  # one tolerance: 0.5 · 1²
        ({"PRICE": 12.0}, 6),  # six of them would be 18
        ({"AGE": 9.0}, 1.2),  # 5 years of 1.5 + 0.25 · 4 = 2.5: 0.3 · 2²
        ({"LATITUDE": 51.0}, 1.11),  # 111 of 100 km
        ({"LONGITUDE": 11.0}, 0.71),
        ({"LATITUDE": 60.0}, 4),
    ],
)
def test_fit_by_hand(change, loss):
    found = fit(WANTED, np.stack([row(), row(**change)])[None])
    assert found.dtype == np.float32
    assert found[0, 0] == pytest.approx(2.3)
    assert found[0, 0] - found[0, 1] == pytest.approx(loss, abs=1e-4)


def test_bands_and_cells_by_hand():
    assert band(np.array([1.0, 5.0, 5.39, 5.41, 30.0])).tolist() == [0, 0, 0, 1, 20]
    here, west, north = cell(np.array([50.0, 50.0, 51.0]), np.array([10.0, 8.0, 10.0]))
    assert (here - west, north - here) == (1, 18)
    assert cell(np.array([0.0, 89.0]), np.array([-90.0, 90.0])).tolist() == [0, CELLS - 1]


# looks of up to three days: each is user · 50 + ad · 10 + second
days = st.lists(st.lists(st.integers(0, 199), max_size=12), max_size=3)


@given(days)
@settings(deadline=None, max_examples=60)
def test_a_pair_meets_once_at_its_first_moment(days):
    seen, met = Seen(items=5), {}
    for day, looks in enumerate(days):
        look_P = np.array(looks, dtype=np.int64)
        user_P, item_P, second_P = look_P // 50, look_P // 10 % 5, look_P % 10
        list_RL = np.tile(np.arange(5), (4, 1))
        on_lists = seen.on_lists(np.arange(4), list_RL)
        assert set(zip(*np.nonzero(on_lists), strict=True)) == set(met)
        first = seen.first_looks(
            Choices(user_P, item_P, second_P + day * DAY, np.zeros(len(looks), np.float32))
        )
        expected = {}
        triples = zip(user_P.tolist(), item_P.tolist(), second_P.tolist(), strict=True)
        for user, item, second in sorted(triples, key=lambda look: look[2]):
            if (user, item) not in met:
                expected.setdefault((user, item), second + day * DAY)
        found = dict(zip(zip(first.user_P, first.item_P, strict=True), first.time_P, strict=True))
        assert found == expected
        assert len(first) == len(expected)
        met |= expected
