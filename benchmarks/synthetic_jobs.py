"""Files as large as those of the RecSys Challenge 2017, or a share of them, with nothing real in them.

    python benchmarks/synthetic_jobs.py OUT --share 1/20

At share 1 there are 1,500,000 users, 1,300,000 ads and 320,000,000 interactions in no order, less some 1 %
that fell on target ads; 97.8 % are impressions (assumed). Target users and ads are as many as the
original's. How active a user is and how popular an ad falls like 1/(rank + 1,000). Users and ads are of a
trade, which their fields, the words of titles and the roles of jobs tell: nearly all that a user turns to
is of his own trade, half of what he is shown. An ad is met after it was made, target ads never. So there is
something to learn, and time and memory can be measured; what is found says nothing about the real data.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import csv

from dlrs.arrays import Bools, Ints
from dlrs.progress import track
from dlrs.recsys2017.official import INTERACTIONS, ITEMS, USERS

PREFIX = "recsyschallenge_v2017_{}_final_anonym_training_export."
TAB = csv.WriteOptions(include_header=False, delimiter="\t", quoting_style="none")
USER_COUNT, ITEM_COUNT, EVENT_COUNT = 1_500_000, 1_300_000, 320_000_000
TARGET_USERS, TARGET_ITEMS = 73_211, 16_873
TRADES = 400
HEAD = 1_000
PART = 4_000_000
"""Interactions that are drawn at a time."""

END = 1_486_339_200
"""2017-02-06 in UTC, seconds: where the recipe's log ends."""

DAYS = 91
OLDEST = 200
"""So many days before the end the oldest ad was made."""

DAY = 86_400
TYPE_SHARES = (0.978, 0.0195, 0.0007, 0.0004, 0.0011, 0.0003)
"""Impressions, clicks, bookmarks, replies, deletions, recruiters' interest."""

OF_THE_TRADE = np.array([0.5, 0.9, 0.9, 0.9, 0.2, 0.9])
"""How much of each type is of the user's own trade."""


@dataclass(frozen=True)
class Market:
    """N ads in the order of their trades, those of a trade next to each other, and U users."""

    trade_U: Ints
    created_N: Ints
    offsets_T1: Ints
    is_target_N: Bools  # made on the last day, met by nobody

    @classmethod
    def draw(cls, share: Fraction, rng: np.random.Generator) -> Market:
        users, items = round(share * USER_COUNT), round(share * ITEM_COUNT)
        targets = max(1, round(share * TARGET_ITEMS))
        trades = max(5, round(TRADES * float(share) ** 0.5))
        trade_N = np.sort(rng.integers(0, trades, items))
        is_target_N = np.zeros(items, dtype=np.bool_)
        is_target_N[rng.choice(items, targets, replace=False)] = True
        created_N = END - (rng.random(items) * OLDEST * DAY).astype(np.int64)
        created_N[is_target_N] = END - rng.integers(0, DAY, targets)
        offsets_T1 = np.searchsorted(trade_N, np.arange(trades + 1))
        return cls(rng.integers(0, trades, users), created_N, offsets_T1, is_target_N)

    @property
    def trade_N(self) -> Ints:
        return np.repeat(np.arange(len(self.offsets_T1) - 1), np.diff(self.offsets_T1))

    def interactions(self, count: int, rng: np.random.Generator) -> pa.Table:
        """Draw who met what, how and when; what would be of a target ad is left out."""
        user_E = _by_rank(np.full(count, len(self.trade_U)), rng)
        type_E = rng.choice(len(TYPE_SHARES), count, p=TYPE_SHARES)
        item_E = _by_rank(np.full(count, len(self.created_N)), rng)
        item_E = item_E * 7_368_787 % len(self.created_N)  # the popular ones are of any trade
        own_E = np.flatnonzero(rng.random(count) < OF_THE_TRADE[type_E])
        trade_E = self.trade_U[user_E[own_E]]
        sizes_E = self.offsets_T1[trade_E + 1] - self.offsets_T1[trade_E]
        item_E[own_E] = self.offsets_T1[trade_E] + _by_rank(sizes_E, rng)
        since_E = np.maximum(self.created_N[item_E], END - DAYS * DAY)
        time_E = since_E + (rng.random(count) * (END - since_E)).astype(np.int64)
        met_E = ~self.is_target_N[item_E]
        columns = (user_E + 1, item_E + 1, type_E, time_E)
        return pa.table([column[met_E] for column in columns], names=list(INTERACTIONS))


def _by_rank(sizes_E: Ints, rng: np.random.Generator) -> Ints:
    """Return a rank below each size, as often as 1/(rank + HEAD)."""
    ranks = np.floor(HEAD * ((1 + sizes_E / HEAD) ** rng.random(len(sizes_E)) - 1)).astype(np.int64)
    return np.minimum(ranks, np.maximum(sizes_E - 1, 0))


def write_files(out: Path, share: Fraction, seed: int = 0) -> None:
    """Write the five files of a share of the data set into the folder `out`."""
    out.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(seed)
    market = Market.draw(share, rng)
    _write(out / "users.csv", "users", USERS, [_users(market, rng)])
    _write(out / "items.csv", "items", ITEMS, [_items(market, rng)])
    count = round(share * EVENT_COUNT)
    parts = track(range(0, count, PART), "Write interactions")
    drawn = (market.interactions(min(PART, count - first), rng) for first in parts)
    _write(out / "interactions.csv", "interactions", INTERACTIONS, drawn)
    targets = max(1, round(share * TARGET_USERS))
    users = np.sort(rng.choice(len(market.trade_U), targets, replace=False)) + 1
    items = np.flatnonzero(market.is_target_N) + 1
    (out / "targetUsers.csv").write_text("user_id\n" + "\n".join(map(str, users.tolist())) + "\n", "utf-8")
    (out / "targetItems.csv").write_text("\n".join(map(str, items.tolist())) + "\n", "utf-8")


def _users(market: Market, rng: np.random.Generator) -> pa.Table:
    count, trade_U = len(market.trade_U), market.trade_U
    drawn = {
        "id": np.arange(count) + 1,
        "jobroles": _words(trade_U, 3, rng),
        "discipline_id": trade_U % 23,
        "industry_id": trade_U // 23 % 24,
        "edu_fieldofstudies": _words(trade_U % 10, 1, rng),
        "country": _countries(count, rng),
        "premium": (rng.random(count) < 0.1).astype(np.int64),
    }
    return _table(USERS, drawn, count, rng)


def _items(market: Market, rng: np.random.Generator) -> pa.Table:
    count, trade_N = len(market.created_N), market.trade_N
    drawn = {
        "id": np.arange(count) + 1,
        "title": _words(trade_N, 3, rng),
        "tags": _words(trade_N, 5, rng),
        "discipline_id": trade_N % 23,
        "industry_id": trade_N // 23 % 24,
        "country": _countries(count, rng),
        "is_payed": (rng.random(count) < 0.3).astype(np.int64),
        "latitude": np.round(47 + 8 * rng.random(count), 1),
        "longitude": np.round(6 + 9 * rng.random(count), 1),
        "created_at": market.created_N,
    }
    return _table(ITEMS, drawn, count, rng)


def _table(
    columns: Iterable[str], drawn: Mapping[str, object], count: int, rng: np.random.Generator
) -> pa.Table:
    """Return the columns in order; those that were not drawn are small numbers that say nothing."""
    return pa.table({name: drawn.get(name, rng.integers(0, 7, count)) for name in columns})


def _words(trade_N: Ints, count: int, rng: np.random.Generator) -> pa.Array:
    """Return lists of numbers as text: most are of twenty that belong to the trade, some of any trade."""
    shape = (len(trade_N), count)
    any_NC = rng.integers(0, 20 * TRADES, shape)
    own_NC = 20 * trade_N[:, None] + (20 * rng.random(shape) ** 2).astype(np.int64)
    word_NC = np.where(rng.random(shape) < 0.8, own_NC, any_NC) + 1
    texts = [pa.array(word_NC[:, column]).cast(pa.string()) for column in range(count)]
    return pc.binary_join_element_wise(*texts, ",")


def _countries(count: int, rng: np.random.Generator) -> pa.Array:
    code_N = rng.choice(4, count, p=(0.8, 0.1, 0.05, 0.05)).astype(np.int8)
    return pa.array(["de", "at", "ch", "non_dach"]).take(pa.array(code_N))


def _write(
    file: Path, table: str, columns: Sequence[str] | Mapping[str, str], parts: Iterable[pa.Table]
) -> None:
    prefix = PREFIX.format(table)
    with file.open("wb") as stream:
        stream.write(("\t".join(prefix + column for column in columns) + "\n").encode())
        for part in parts:
            csv.write_csv(part, stream, TAB)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("out", type=Path)
    parser.add_argument("--share", type=Fraction, default=Fraction(1, 20))
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    write_files(given.out, given.share, given.seed)
