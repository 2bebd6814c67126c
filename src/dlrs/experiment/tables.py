"""Tables of a test: what users were shown and what they did, read, checked and joined.

An outcome belongs to the last impression of the same user and item before it, if that is no longer ago
than `within`. The log of interactions that a marketplace has anyway can be the table of outcomes.

    I impressions    O outcomes    U users who were shown anything
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pydantic import TypeAdapter, ValidationError

from dlrs.arrays import AnyArray, Bools, Ints, positions_in
from dlrs.data import engine
from dlrs.data.cleaning import Column, read_typed
from dlrs.data.engine import ROW
from dlrs.data.items import microseconds
from dlrs.data.rules import Kind
from dlrs.data.sources import Source
from dlrs.errors import DataError, SchemaError
from dlrs.experiment.analysis import Exposures
from dlrs.experiment.assignment import ARM, Arms
from dlrs.experiment.interleaving import NO_TEAM
from dlrs.schema import ITEM, TIME, TYPE, USER
from dlrs.schema.description import Duration

TEAM = "team"
CONTACT = "contact"
POSITIONS: dict[str, Kind] = {
    USER: "text",
    ITEM: "text",
    TIME: "time",
    ARM: "text",
    TEAM: "text",
    TYPE: "text",
}
MICROSECOND = timedelta(microseconds=1)


@dataclass(frozen=True)
class Rules:
    """What counts: which outcomes, and for how long after an impression."""

    within: timedelta = timedelta(days=1)
    clicks: Sequence[str] = ()  # outcome types that count as a click; none named: every type
    contacts: Sequence[str] = ()  # those that count as a contact; none named: "contact", if there is any


@dataclass(frozen=True)
class Shown:
    """The impressions of a test. Users are numbered by their ids in text order."""

    source: str
    table: pa.Table
    user_ids: pa.Array
    user_I: Ints

    @classmethod
    def read(cls, source: Source, names: Mapping[str, str], extra: str | None) -> Shown:
        """Read user, item and time, and the column `extra` (`ARM` or `TEAM`) if one is named.

        Args:
            source: where the table is.
            names: what it calls columns, where it does not call them as dlrs does.
            extra: the column that names the arm of the user or the team of the item.

        Raises:
            DataError: there is no such table or column, or a cell that cannot be.
        """
        table = _read(source, (USER, ITEM, TIME, *([extra] if extra else [])), names)
        user_ids = _sorted_distinct(table[USER])
        return cls(str(source), table, user_ids, _codes(table[USER], user_ids))

    def arms(self) -> Arms:
        """Return the arms that the column names, in text order and with equal shares."""
        return Arms.equal(_sorted_distinct(self.table[ARM]).to_pylist())

    def arm_of_users(self, arms: Arms, column: str) -> Ints:
        """Return the arm of each user; `column` is what errors call the column: (U,).

        Raises:
            DataError: an arm that is not one of `arms`, or a user who met two.
        """
        arm_I = _codes(self.table[ARM], pa.array(arms.names))
        first_U = np.unique(self.user_I, return_index=True)[1]
        arm_U = arm_I[first_U]
        unknown, other = np.flatnonzero(arm_I < 0), np.flatnonzero(arm_I != arm_U[self.user_I])
        if len(unknown):
            raise self._wrong(
                unknown[0], column, f"one of {', '.join(arms.names)}", "Name all arms in --arms."
            )
        if len(other):
            user, first = self.user_I[other[0]], self.table[ARM][first_U[self.user_I[other[0]]]]
            raise self._wrong(
                other[0], column, f"one arm a user, '{first}' for user '{self.user_ids[user]}'",
                "Leave out users who met two arms, and find out why they did.",
            )  # fmt: skip
        return arm_U

    def teams(self) -> tuple[tuple[str, str], Ints]:
        """Return the names of the two teams in text order, and the team of each impression: (I,).

        Raises:
            DataError: there are not two of them.
        """
        names = _sorted_distinct(self.table[TEAM].drop_null())
        if len(names) != 2:
            raise DataError(
                f"{self.source}, column '{TEAM}': expected two teams, received {len(names)}: "
                f"{', '.join(names.to_pylist()[:5])}. An empty cell is for items of neither."
            )
        team_I = _codes(self.table[TEAM], names)
        return (str(names[0]), str(names[1])), np.where(team_I < 0, NO_TEAM, team_I)

    def exposures(self, outcomes: Source, names: Mapping[str, str], rules: Rules) -> Exposures:
        """Read the outcomes and return what each impression led to.

        Raises:
            DataError: there is no such table or column, a cell that cannot be, or no outcome of a
                type that is to count.
        """
        done = _read(outcomes, (USER, ITEM, TIME, TYPE), names)
        _require_types(done, outcomes, rules, names.get(TYPE, TYPE))
        item_ids = _sorted_distinct(self.table[ITEM])
        impression_O = attribute(
            (self.user_I, _codes(self.table[ITEM], item_ids), microseconds(self.table[TIME])),
            (_codes(done[USER], self.user_ids), _codes(done[ITEM], item_ids), microseconds(done[TIME])),
            within=rules.within // MICROSECOND,
        )
        return Exposures(
            self.user_I,
            clicked_I=self._met(impression_O, done, rules.clicks),
            contacted_I=self._met(impression_O, done, rules.contacts or (CONTACT,)),
        )

    def _met(self, impression_O: Ints, done: pa.Table, types: Sequence[str]) -> Bools:
        """Tell which impressions led to an outcome of these types, or of any if none is named."""
        counted_O = impression_O >= 0
        if types:
            counted_O &= _codes(done[TYPE], pa.array(types, pa.string())) >= 0
        met_I = np.zeros(len(self.user_I), dtype=np.bool_)
        met_I[impression_O[counted_O]] = True
        return met_I

    def _wrong(self, place: int, column: str, expected: str, mend: str) -> DataError:
        row, cell = self.table[ROW][place].as_py(), self.table[ARM][place]
        return DataError.at(
            file=self.source, column=column, row=row, expected=expected, received=f"'{cell}'", mend=mend
        )


Keys = tuple[Ints, Ints, Ints]
"""User, item and time (microseconds) of impressions or outcomes; −1 for what was never shown."""


def attribute(shown: Keys, done: Keys, *, within: int) -> Ints:
    """Return the last impression of the same user and item at or before each outcome: (O,).

    −1 where there is none, or none within so many microseconds.
    """
    (user_I, item_I, time_I), (user_O, item_O, time_O) = shown, done
    items = int(max(item_I.max(initial=0), item_O.max(initial=0))) + 1
    pairs = np.unique(user_I * items + item_I)
    pair_I = positions_in(pairs, user_I * items + item_I)
    pair_O = np.where((user_O < 0) | (item_O < 0), -1, positions_in(pairs, user_O * items + item_O))
    moments = np.unique(time_I)  # ranks of time keep (pair, time) exact as one number
    key_I = pair_I * (len(moments) + 1) + np.searchsorted(moments, time_I, side="right")
    key_O = pair_O * (len(moments) + 1) + np.searchsorted(moments, time_O, side="right")
    order_I = np.argsort(key_I, kind="stable")
    last_O = order_I[np.maximum(np.searchsorted(key_I[order_I], key_O, side="right") - 1, 0)]
    fits_O = (pair_O >= 0) & (pair_I[last_O] == pair_O)
    ago_O = time_O - time_I[last_O]
    return np.where(fits_O & (ago_O >= 0) & (ago_O <= within), last_O, -1)


def read_users(source: Source, names: Mapping[str, str]) -> pa.Array:
    """Return the distinct user ids of a table, in the order of their first rows.

    Raises:
        DataError: there is no such table or column, or a cell is empty.
    """
    return pc.unique(_read(source, (USER,), names)[USER])


def source_at(place: str) -> Source:
    """Return the table that a command names: a file, or `sqlite:///FILE#TABLE`, `postgresql://…#TABLE`.

    Raises:
        SchemaError: a database without a table.
    """
    if "://" not in place:
        file = Path(place)
        return Source(file.parent, file.name)
    database, _, table = place.partition("#")
    if not table:
        raise SchemaError(f"{place}: expected DATABASE#TABLE, received no table.")
    return Source(Path(), table, database)


def duration(text: str) -> timedelta:
    """Read a duration like `7d`, `12h` or `30m`.

    Raises:
        SchemaError: it is none.
    """
    try:
        return TypeAdapter(Duration).validate_python(text)
    except ValidationError as error:
        reason = error.errors()[0]["msg"].removeprefix("Value error, ")
        raise SchemaError(f"within: {reason}.") from None


def column_names(renamed: Sequence[str]) -> dict[str, str]:
    """Read `user_id=who` and the like: what a table calls the columns that dlrs has names for.

    Raises:
        SchemaError: it is not of this form, or dlrs has no such name.
    """
    names = {}
    for text in renamed:
        ours, _, theirs = text.partition("=")
        if ours not in POSITIONS or not theirs:
            raise SchemaError(f"column '{text}': expected one of {', '.join(POSITIONS)}, like {USER}=who.")
        names[ours] = theirs
    return names


def _read(source: Source, wanted: Sequence[str], names: Mapping[str, str]) -> pa.Table:
    columns = [Column(n, names.get(n, n), POSITIONS[n], required=n != TEAM) for n in wanted]
    with engine.connect() as connection:
        typed = read_typed(connection, "read", source, columns)
        with connection.reading(source):
            return typed.order_by(ROW).to_pyarrow()


def _require_types(done: pa.Table, source: Source, rules: Rules, column: str) -> None:
    there = _sorted_distinct(done[TYPE]).to_pylist()
    for wanted in (*rules.clicks, *rules.contacts):
        if wanted not in there:
            raise DataError.at(
                file=str(source), column=column, row=None, expected=f"outcomes of type '{wanted}'",
                received=f"only {', '.join(there[:10])}", mend="Name the types with --click and --contact.",
            )  # fmt: skip


def _sorted_distinct(values: pa.ChunkedArray) -> pa.Array:
    distinct = pc.unique(values)
    return distinct.take(pc.sort_indices(distinct))


def _codes(values: pa.ChunkedArray, among: pa.Array) -> Ints:
    """Return the position of each value, −1 where it is not among them."""
    found: AnyArray = pc.index_in(values, value_set=among).fill_null(-1).to_numpy()
    return found.astype(np.int64)
