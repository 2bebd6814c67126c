"""Writing the users' past into a bundle, a column of the item versions in memory at a time."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from dlrs.arrays import AnyArray, Columns, Doubles, Ints, distinct, gather_ranges, positions_in
from dlrs.candidates.filtering.columns import as_texts
from dlrs.data.interactions import ALL_TIME, Interactions
from dlrs.data.values import coded, values_of
from dlrs.data.versions import Some
from dlrs.errors import ArtifactError
from dlrs.past.stored import OWN, USERS, VALUES, PastArrays, save_texts
from dlrs.prepared import OWN_RAW, Prepared
from dlrs.profiles.buckets import MICROSECOND
from dlrs.schema import Features

SECOND = 1_000_000


def write_past(prepared: Prepared, end: int, bundle: Path) -> None:
    """Write what all users did before `end`, in microseconds since 1970, into the bundle's folder.

    Raises:
        ArtifactError: users have features of their own, and the data set of an older dlrs lacks them.
    """
    folder = bundle / USERS
    folder.mkdir()
    users = len(prepared.user_ids)
    log = prepared.interactions.between(ALL_TIME, end)
    window = log.between(end - prepared.recipe.marketplace.profiles.window // MICROSECOND, end)
    by_user = np.argsort(window.user_E, kind="stable")  # keeps the order of time
    seen_M = distinct(window.version_E)
    met = log.beside(prepared.refused.between(ALL_TIME, end))
    pairs = _pairs(met, users, prepared.catalog.items)
    codes = _Codes(Some(prepared.versions, seen_M), prepared.recipe.marketplace.features)
    PastArrays(
        ids_U=as_texts(prepared.user_ids.to_pylist()),
        ids_N=as_texts(prepared.item_ids.to_pylist()),
        starts_U1=_starts(window.user_E, users),
        time_E=window.time_E[by_user],
        type_E=window.type_E[by_user].astype(np.int16),
        version_E=positions_in(seen_M, window.version_E)[by_user].astype(np.int32),
        met_starts_U1=pairs[0],
        met_P=pairs[1],
        last_P=pairs[2],
        item_M=prepared.catalog.item_V[seen_M].astype(np.int32),
        number_MC=codes.numbers(),
        code_MS=codes.single(),
        list_starts=(lists := codes.lists())[0],
        list_X=lists[1],
        value_starts=np.cumsum([0, *map(len, codes.texts[:-1])]) if codes.texts else np.empty(0, np.int64),
    ).save(folder)
    save_texts(pa.concat_arrays([*codes.texts, pa.array([], pa.large_string())]), folder / VALUES)
    _write_own(prepared, folder)


class _Codes:
    """What some versions have of each feature; `texts` are what codes stand for, of each feature done."""

    def __init__(self, versions: Some, features: Features) -> None:
        self._versions, self._features = versions, features
        self._first = 0
        self.texts: list[pa.Array] = []

    def numbers(self) -> Doubles:
        """Return the raw numbers: (M, C)."""
        numbers = np.empty((self._versions.num_rows, len(self._features.continuous)))
        for column, name in enumerate(self._features.continuous):
            numbers[:, column] = self._versions[name].cast(pa.float64()).fill_null(np.nan).to_numpy()
        return numbers

    def single(self) -> Columns:
        """Return the codes of features with one text a version: (M, S)."""
        names = (*self._features.single_valued, *self._features.text)
        codes = np.empty((self._versions.num_rows, len(names)), dtype=np.int32)
        for column, name in enumerate(names):
            code_M, texts = coded(self._versions[name])
            codes[:, column] = np.where(code_M < 0, -1, code_M + self._begin(texts))
        return codes

    def lists(self) -> tuple[Ints, Columns]:
        """Return where each version's list of each multi-valued feature begins, and the codes of all."""
        names = tuple(self._features.multi_valued)
        lengths_ML = np.zeros((self._versions.num_rows, len(names)), dtype=np.int32)
        codes = []
        for column, name in enumerate(names):
            values = values_of(self._versions, name, self._features)
            lengths_ML[:, column] = np.bincount(values.row_E, minlength=len(lengths_ML))
            codes.append(values.code_E + self._begin(values.values_X))
        starts = np.concatenate(([0], np.cumsum(lengths_ML.ravel(), dtype=np.int64)))
        list_X = np.empty(starts[-1], dtype=np.int32)
        for column, code_E in enumerate(codes):
            list_X[gather_ranges(starts[column : -1 : len(names)], lengths_ML[:, column])] = code_E
        return starts, list_X

    def _begin(self, texts: pa.Array) -> int:
        """Return the first code of a feature with these values."""
        first = self._first
        self._first += len(texts)
        self.texts.append(texts.cast(pa.large_string()))
        return first


def _pairs(log: Interactions, users: int, items: int) -> tuple[Ints, Columns, AnyArray]:
    """Return where each user's pairs begin, their items, and when each was met last, in that order."""
    pair_E = log.pairs(items)
    order = np.argsort(pair_E, kind="stable")  # keeps the order of time
    pair_E = pair_E[order]
    last = order[np.flatnonzero(np.diff(pair_E, append=-1) != 0)]
    last.sort()  # by time
    last = last[np.argsort(log.user_E[last], kind="stable")]
    seconds = np.clip(log.time_E[last] // SECOND, 0, np.iinfo(np.uint32).max).astype(np.uint32)
    return _starts(log.user_E[last], users), log.item_E[last].astype(np.int32), seconds


def _starts(user_E: Ints, users: int) -> Ints:
    return np.concatenate(([0], np.cumsum(np.bincount(user_E, minlength=users))))


def _write_own(prepared: Prepared, folder: Path) -> None:
    if prepared.own_features is None:
        return
    if prepared.own_raw is None:
        raise ArtifactError(
            f"publish: expected {OWN_RAW} in the prepared data, since users have features of their own; "
            "received data that an older dlrs prepared. Prepare again."
        )
    pq.write_table(prepared.own_raw, folder / OWN)
