"""Offers: what is for sale on each day, and at what price, in the form in which it is looked at.

A look at an ad touches one row of one table, whatever it is held against: at a million ads, memory
is what looking costs. Shapes: N ads, V versions, and the columns below.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from dlrs.arrays import Columns, Floats
from dlrs.simulator.ads import Ads
from dlrs.simulator.history import DELETE, History
from dlrs.simulator.lists import Searches, Shelves, pull
from dlrs.simulator.settings import DAY

SUBCATEGORY, MODEL, PRICE, PULL, AGE, LATITUDE, LONGITUDE, BORN, DIED, CHARACTER = range(10)
"""Columns of the table. PRICE is log €; BORN and DIED are seconds of the day, from 0 to `DAY`;
CHARACTER is the first of D."""


@dataclass(frozen=True)
class Offer:
    """What there is on one day. The table is the next day's too, brought up to date."""

    day: int
    searches: Searches
    table: Floats  # a row for each of the N ads

    @property
    def alive_A(self) -> Columns:
        """The ads that are there when the day begins."""
        born_N, died_N = self.table[:, BORN], self.table[:, DIED]
        return np.flatnonzero((born_N == 0) & (died_N > 0)).astype(np.int32)


def offers(ads: Ads, history: History, rngs: list[np.random.Generator]) -> Iterator[Offer]:
    """Yield the offer of each day, one for each generator."""
    shelves = Shelves.of(ads)
    table = _table(ads)
    for day, (price_N, rng) in enumerate(zip(_daily_prices(history, len(rngs)), rngs, strict=True)):
        pull_N = pull(ads, price_N, day)
        table[:, PRICE], table[:, PULL] = price_N, pull_N
        table[:, BORN] = np.clip(ads.born_N - day * DAY, 0, DAY)
        table[:, DIED] = np.clip(ads.died_N - day * DAY, 0, DAY)
        alive_N = (table[:, BORN] < DAY) & (table[:, DIED] > 0)
        yield Offer(day, shelves.on(alive_N, pull_N, rng), table)


def _table(ads: Ads) -> Floats:
    table = np.zeros((len(ads.born_N), CHARACTER + ads.character_ND.shape[1]), dtype=np.float32)
    table[:, SUBCATEGORY], table[:, MODEL], table[:, AGE] = ads.subcategory_N, ads.model_N, ads.age_N
    table[:, LATITUDE], table[:, LONGITUDE] = ads.latitude_N, ads.longitude_N
    table[:, CHARACTER:] = ads.character_ND
    return table


def _daily_prices(history: History, days: int) -> Iterator[Floats]:
    """Yield for each day the log price of every ad at its beginning; before birth the first price.

    It is one array, brought up to date from day to day.
    """
    order_V = np.argsort(history.time_V, kind="stable")
    order_V = order_V[history.operation_V[order_V] != DELETE]
    moments = history.time_V[order_V]
    price_N = np.log(history.price_V[history.first_N]).astype(np.float32)
    done = 0
    for day in range(days):
        until = int(np.searchsorted(moments, day * DAY))
        new_V = order_V[done:until]
        price_N[history.item_V[new_V]] = np.log(history.price_V[new_V])  # of two, the later one stays
        done = until
        yield price_N
