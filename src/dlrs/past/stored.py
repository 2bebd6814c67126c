"""Past: what users did before a bundle's watermark, mapped from its folder `users/`.

*.npy           the arrays below
values.arrow    the text that each code stands for, one discrete feature after the other
own.parquet     features of the users' own, a row for each user, where a marketplace has any

Everything ever met is there by id, with when it was met last. The events of the profile window before the
watermark are there one by one, each with the raw features of the version that the user saw: for people, for
ItemNet, and for the profile.

    U users, by id    E events of the window, by user and time    P (user, item) pairs, by user
    N items, by id    M versions met    S features with one text a version: the single-valued, then free texts
    L multi-valued features
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from functools import cached_property
from itertools import pairwise
from pathlib import Path
from typing import Any, Self

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from dlrs.arrays import AnyArray, Columns, Doubles, Ints, StoredArrays, gather_ranges
from dlrs.candidates.filtering.columns import Texts, as_texts
from dlrs.schema import Features

USERS = "users"
VALUES, OWN = "values.arrow", "own.parquet"
TEXT = "text"

MANY = 100_000
"""Names of codes that are kept as Python objects: looking them up in Arrow takes ten times as long."""

FEW = 20_000
"""Codes of all values together, up to which all of them are counted for a user, met or not."""


@dataclass(frozen=True)
class PastArrays(StoredArrays):
    """What is in the .npy files."""

    ids_U: Texts
    ids_N: Texts
    starts_U1: Ints  # of each user's events
    time_E: Ints  # microseconds since 1970, UTC
    type_E: AnyArray  # position in the marketplace's interaction types
    version_E: Columns  # row of M
    met_starts_U1: Ints  # of each user's pairs
    met_P: Columns  # row of the item, in the order in which they were last met
    last_P: AnyArray  # when: whole seconds since 1970
    item_M: Columns  # row of the item
    number_MC: Doubles  # raw, NaN where unknown
    code_MS: Columns  # −1 where unknown
    list_starts: Ints  # M · L + 1: where the codes of a version's list begin
    list_X: Columns
    value_starts: Ints  # S + L: the first code of each feature


@dataclass(frozen=True)
class Past:
    """The past of all users. Reading only: shared by threads and, as it is mapped, by processes."""

    features: Features
    arrays: PastArrays
    values: pa.Array
    own: pa.Table | None = None
    names: dict[int, tuple[str, str]] = field(default_factory=dict)  # of codes asked for before

    @classmethod
    def open(cls, bundle: Path, features: Features) -> Self:
        """Map a bundle's past; that of an older dlrs's bundle is empty."""
        folder = bundle / USERS
        if not folder.is_dir():
            return cls(features, _nothing(features), pa.array([], pa.large_string()))
        own = pq.read_table(folder / OWN) if (folder / OWN).is_file() else None
        return cls(features, PastArrays.load(folder), _mapped(folder / VALUES), own)

    @property
    def single(self) -> tuple[str, ...]:
        """The S features with one text a version."""
        return (*self.features.single_valued, *self.features.text)

    def row(self, user_id: str) -> int | None:
        """Return the row of a user, None if he was not there."""
        ids_U, id = self.arrays.ids_U, as_texts([user_id])
        if len(ids_U) == 0 or id.dtype.itemsize > ids_U.dtype.itemsize:  # numpy would copy all of them wider
            return None
        near = int(np.searchsorted(ids_U, id)[0])
        return near if near < len(ids_U) and ids_U[near] == id[0] else None

    def some_users(self, most: int) -> list[str]:
        """Return ids of users with events in the window: of the middle half, the least active first."""
        events_U = np.diff(self.arrays.starts_U1)
        active = np.flatnonzero(events_U)
        order = active[np.argsort(events_U[active], kind="stable")]
        places = np.unique(np.linspace(len(order) // 4, len(order) * 3 // 4, most).astype(np.int64))
        rows = order[np.minimum(places, len(order) - 1)] if len(order) else order
        return [id.decode() for id in self.arrays.ids_U[rows].tolist()]

    def met(self, row: int, since: int) -> Texts:
        """Return the ids of all items that a user ever met, those last met before `since` left out.

        Times are of whole seconds here, rounded down. `texts_of` makes them texts.
        """
        arrays = self.arrays
        pairs = slice(*arrays.met_starts_U1[row : row + 2])
        rows_P = arrays.met_P[pairs]
        if since > 0:
            rows_P = rows_P[arrays.last_P[pairs].astype(np.int64) * 1_000_000 >= since]
        return arrays.ids_N.take(rows_P)

    def events(self, row: int) -> slice:
        """Return which of the E events are a user's."""
        first, last = self.arrays.starts_U1[row : row + 2].tolist()
        return slice(first, last)

    def item_ids(self, rows: AnyArray) -> list[str]:
        """Return the ids of items."""
        return texts_of(self.arrays.ids_N[rows])

    def texts(self, codes: AnyArray) -> list[str]:
        """Return what codes stand for."""
        if (known := self._texts) is not None:
            return [known[code] for code in codes.tolist()]
        texts: list[str] = self.values.take(pa.array(codes)).to_pylist()
        return texts

    @cached_property
    def _texts(self) -> list[str] | None:
        """What all codes stand for, None where that is too much."""
        return self.values.to_pylist() if len(self.values) <= MANY else None

    @cached_property
    def every_name(self) -> list[tuple[str, str]] | None:
        """The feature and the text of each code, None where these are many."""
        return self.named(np.arange(len(self.values))) if len(self.values) <= FEW else None

    def named(self, codes: AnyArray) -> list[tuple[str, str]]:
        """Return the feature and the text of each code."""
        wanted = codes.tolist()
        new = np.array([code for code in wanted if code not in self.names], dtype=np.int64)
        if not len(new):
            return [self.names[code] for code in wanted]
        places = np.searchsorted(self.arrays.value_starts, new, side="right") - 1
        features = (*self.single, *self.features.multi_valued)
        texts = zip(new.tolist(), places.tolist(), self.texts(new), strict=True)
        named = {code: (features[place], text) for code, place, text in texts}
        if len(self.names) < MANY:
            self.names.update(named)
        return [self.names.get(code) or named[code] for code in wanted]

    def raws(self, versions: AnyArray) -> list[dict[str, Any]]:
        """Return the raw features of some versions, as `Published.items` has them."""
        code_SR, number_CR = self.arrays.code_MS[versions].T, self.arrays.number_MC[versions].T
        columns: list[Sequence[Any]] = [[None if x != x else x for x in row] for row in number_CR.tolist()]
        columns += self._texts_or_none(code_SR)
        if self.features.multi_valued and len(versions):
            columns += zip(*map(self._lists, versions.tolist()), strict=True)
        names = self.features.names
        rows = zip(*(columns[place] for place in self._places), strict=True) if len(versions) else ()
        return [dict(zip(names, row, strict=True)) for row in rows]

    @cached_property
    def _places(self) -> list[int]:
        """Where each feature stands among numbers, single texts and lists."""
        stored = (*self.features.continuous, *self.single, *self.features.multi_valued)
        return [stored.index(name) for name in self.features.names]

    def _texts_or_none(self, code_SR: AnyArray) -> list[list[str | None]]:
        """Return what codes stand for; None for −1."""
        if (known := self._texts) is not None:
            return [[known[code] if code >= 0 else None for code in codes] for codes in code_SR.tolist()]
        texts_SR = np.full(code_SR.shape, None, dtype=object)
        texts_SR[code_SR >= 0] = self.texts(code_SR[code_SR >= 0])
        found: list[list[str | None]] = texts_SR.tolist()
        return found

    def _lists(self, version: int) -> list[list[str]]:
        count = len(self.features.multi_valued)
        starts = self.arrays.list_starts[version * count : (version + 1) * count + 1].tolist()
        return [self.texts(self.arrays.list_X[first:last]) for first, last in pairwise(starts)]

    def lists(self, versions_V: AnyArray) -> tuple[Ints, Ints, Columns]:
        """Return version (0 … V − 1), length of its list and code of each entry of some versions' lists."""
        count = len(self.features.multi_valued)
        bags = (np.asarray(versions_V, dtype=np.int64)[:, None] * count + np.arange(count)).ravel()
        starts = self.arrays.list_starts[bags]
        lengths = self.arrays.list_starts[bags + 1] - starts
        owner = np.repeat(np.arange(len(versions_V)), count)
        codes = self.arrays.list_X[gather_ranges(starts, lengths)]
        return np.repeat(owner, lengths), np.repeat(lengths, lengths), codes

    def own_of(self, row: int) -> Mapping[str, Any] | None:
        """Return a user's own features, None where the marketplace has none or nothing is known of him."""
        if self.own is None:
            return None
        found: dict[str, Any] = self.own.slice(row, 1).to_pylist()[0]
        return found if any(value is not None for value in found.values()) else None


def texts_of(stored: Texts) -> list[str]:
    """Return what `as_texts` made bytes of."""
    ids = stored.tolist()
    # no id ends with NUL, nor has two together (`as_texts`); to decode one by one takes ten times as long
    text = b"\0\0".join(ids).decode("utf-8", "surrogatepass")
    texts = text.split("\0\0") if ids else []
    return [id.replace("\0\1", "\0") for id in texts] if "\0\1" in text else texts


def save_texts(texts: pa.Array, file: Path) -> None:
    """Write texts so that `Past.open` can map them."""
    table = pa.table({TEXT: texts.cast(pa.large_string())}).combine_chunks()
    with pa.OSFile(str(file), "wb") as sink, pa.ipc.new_file(sink, table.schema) as writer:
        writer.write_table(table)


def _mapped(file: Path) -> pa.Array:
    table = pa.ipc.open_file(pa.memory_map(str(file))).read_all()
    return table[TEXT].combine_chunks()  # one chunk as it is: nothing is copied


def _nothing(features: Features) -> PastArrays:
    shapes: dict[str, tuple[int, ...]] = {
        "number_MC": (0, len(features.continuous)),
        "code_MS": (0, len(features.single_valued) + len(features.text)),
        "value_starts": (len(features.discrete),),
    }
    begins = ("starts_U1", "met_starts_U1", "list_starts")
    arrays = {
        array.name: np.zeros(shapes.get(array.name, (1 if array.name in begins else 0,)), dtype=np.int64)
        for array in fields(PastArrays)
    }
    ids = np.empty(0, dtype="S1")
    return PastArrays(**{**arrays, "ids_U": ids, "ids_N": ids, "number_MC": arrays["number_MC"] * 1.0})
