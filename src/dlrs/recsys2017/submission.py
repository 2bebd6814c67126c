"""Submission: the challenge's file, a line for each item: `item_id<TAB>user,user,…`, best first."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np
import pyarrow.parquet as pq

from dlrs import bundle
from dlrs.arrays import Bools, Ints, distinct, positions_in
from dlrs.atomic import write_text
from dlrs.bundle import open_folder
from dlrs.errors import DataError
from dlrs.recsys2017.loading import KIND, TARGET_ITEMS, TARGET_USERS

MOST_USERS = 100
"""Users that an item may be recommended to."""

EXPECTED = f"item_id, a tab, and 1 to {MOST_USERS} users with commas between them"


@dataclass(frozen=True)
class Pairs:
    """P recommendations by the challenge's ids, item by item, the best users first."""

    item_P: Ints
    user_P: Ints

    def __len__(self) -> int:
        return len(self.item_P)


@dataclass(frozen=True)
class Rules:
    """What a submission may name, and whether each user only once, as in the challenge's online part."""

    target_items: Ints  # ascending
    target_users: Ints  # ascending
    once: bool = False

    @classmethod
    def of(cls, data: Path, *, once: bool = False) -> Self:
        """Read the targets of a data folder that `loading.load` wrote."""
        opened = open_folder(data, KIND)
        items = pq.read_table(opened / TARGET_ITEMS)["item_id"].to_numpy()
        users = pq.read_table(opened / TARGET_USERS)["user_id"].to_numpy()
        return cls(distinct(items), distinct(users), once)


def write(pairs: Pairs, file: Path) -> None:
    """Write a submission, whole or not at all."""
    starts = np.flatnonzero(np.diff(pairs.item_P, prepend=-1) != 0)
    groups = np.split(pairs.user_P, starts[1:])
    lines = [
        f"{item}\t{','.join(map(str, users.tolist()))}\n"
        for item, users in zip(pairs.item_P[starts].tolist(), groups, strict=True)
    ]
    with bundle.writable(file):
        write_text(file, "".join(lines))


def read(file: Path, rules: Rules) -> Pairs:
    """Read a submission that keeps to the rules.

    Raises:
        DataError: it does not; the message names the first line where.
    """
    items, users = [], []
    for number, line in _lines(file):
        item_id, found = _parsed(file, number, line)
        _check_line(file, number, found, rules)
        items.append(item_id)
        users.append(found)
    if not items:
        raise _wrong(file, None, EXPECTED, "an empty file", "Write a line for each item.")
    lengths = [len(found) for found in users]
    _check_items(file, np.array(items), rules)
    if rules.once:
        _check_once(file, np.concatenate(users), np.repeat(np.arange(len(items)), lengths))
    return Pairs(np.repeat(np.array(items), lengths), np.concatenate(users))


def _lines(file: Path) -> Iterator[tuple[int, str]]:
    try:
        with file.open(encoding="utf-8") as stream:
            for number, line in enumerate(stream, start=1):
                yield number, line.rstrip("\r\n")
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{file}: expected a submission, received: {error}.") from error


def _parsed(file: Path, number: int, line: str) -> tuple[int, Ints]:
    item_id, tab, users = line.partition("\t")
    ids = users.split(",")
    if not tab or not item_id.isdecimal() or not all(id.isdecimal() and len(id) < 19 for id in ids):
        raise _wrong(file, number, EXPECTED, f"'{line[:60]}'", "Ids are whole numbers, without spaces.")
    return int(item_id), np.array([int(id) for id in ids])


def _check_line(file: Path, number: int, users: Ints, rules: Rules) -> None:
    if len(users) > MOST_USERS:
        mend = "Leave the worst out."
        raise _wrong(file, number, f"at most {MOST_USERS} users", f"{len(users)}", mend)
    again = _repeated(users)
    if again.any():
        raise _wrong(file, number, "each user once", f"{users[again][0]} again", "Name him once.")
    foreign = positions_in(rules.target_users, users) < 0
    if foreign.any():
        received = f"{users[foreign][0]}, which is none"
        raise _wrong(file, number, "users of targetUsers.csv", received, "Leave him out.")


def _check_items(file: Path, item_L: Ints, rules: Rules) -> None:
    foreign = np.flatnonzero(positions_in(rules.target_items, item_L) < 0)
    if len(foreign):
        line, received = int(foreign[0]) + 1, f"{item_L[foreign[0]]}, which is none"
        raise _wrong(file, line, "an item of targetItems.csv", received, "Leave it out.")
    again = np.flatnonzero(_repeated(item_L))
    if len(again):
        line, received = int(again[0]) + 1, f"{item_L[again[0]]} again"
        raise _wrong(file, line, "each item on one line", received, "Put its users on one line.")


def _check_once(file: Path, user_P: Ints, line_P: Ints) -> None:
    again = np.flatnonzero(_repeated(user_P))
    if len(again):
        line, received = int(line_P[again[0]]) + 1, f"{user_P[again[0]]}, who has one already"
        raise _wrong(
            file, line, "one item for each user", received, "Write it with: dlrs recsys2017 submit --once"
        )


def _repeated(ids: Ints) -> Bools:
    """Tell which ids stood further ahead already."""
    repeated = np.ones(len(ids), dtype=np.bool_)
    repeated[np.unique(ids, return_index=True)[1]] = False
    return repeated


def _wrong(file: Path, line: int | None, expected: str, received: str, mend: str) -> DataError:
    place = f"{file}" if line is None else f"{file}, line {line}"
    return DataError(f"{place}: expected {expected}, received {received}. {mend}")
