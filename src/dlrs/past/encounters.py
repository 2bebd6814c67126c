"""A user's past as encounters: the columns that his profile is added up from.

V versions that he met    X entries    K values
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pyarrow as pa

from dlrs.arrays import AnyArray, Bools, Columns, Doubles, Ints
from dlrs.data.values import values_of
from dlrs.past.stored import Past
from dlrs.profiles.one_user import Encounters, Packed, Single
from dlrs.schema import Features


class _Entries(NamedTuple):
    version_X: AnyArray  # 0 … V − 1
    code_X: AnyArray  # 0 … K − 1
    share_X: Doubles
    names_K: list[tuple[str, str]]


def encounters(past: Past, events: slice | Ints) -> tuple[Encounters, Columns]:
    """Return some events as encounters, and which of the past's versions their V versions are."""
    arrays, features = past.arrays, past.features
    if past.every_name is not None and not (features.text or features.multi_valued):
        return _as_they_lie(past, events, past.every_name)
    versions_V, version_E = np.unique(arrays.version_E[events], return_inverse=True)
    (version_X, code_X, share_X, names_K), known_VF = _of_all_kinds(
        past, versions_V, arrays.code_MS[versions_V]
    )
    lengths_V = np.bincount(version_X, minlength=len(versions_V))
    found = Encounters(
        time_E=arrays.time_E[events],
        type_E=arrays.type_E[events],
        version_E=version_E,
        number_VC=as_seen(arrays.number_MC[versions_V], features),
        known_VF=known_VF,
        values=Packed(np.concatenate(([0], np.cumsum(lengths_V))), code_X, share_X),
        names_K=names_K,
    )
    return found, versions_V


def _as_they_lie(
    past: Past, events: slice | Ints, names_K: list[tuple[str, str]]
) -> tuple[Encounters, Columns]:
    """Return a version for each event: to find out which repeat takes longer than to read some twice."""
    arrays = past.arrays
    version_E = arrays.version_E[events]
    code_EF = arrays.code_MS.take(version_E, axis=0)  # in half the time of an index
    found = Encounters(
        time_E=arrays.time_E[events],
        type_E=arrays.type_E[events],
        version_E=np.arange(len(version_E)),
        number_VC=as_seen(arrays.number_MC.take(version_E, axis=0), past.features),
        known_VF=code_EF >= 0,
        values=Single(code_EF),
        names_K=names_K,
    )
    return found, version_E


def _of_all_kinds(past: Past, versions_V: AnyArray, code_VS: AnyArray) -> tuple[_Entries, Bools]:
    """Return the entries by version, and which features each version has."""
    features = past.features
    entries = _coded(past, versions_V, code_VS)
    if features.text:
        entries = _joined(entries, _words(past, code_VS))
    order = np.argsort(entries.version_X, kind="stable")
    entries = entries._replace(
        version_X=entries.version_X[order], code_X=entries.code_X[order], share_X=entries.share_X[order]
    )
    place_of = {name: place for place, name in enumerate(features.discrete)}
    place_K = np.array([place_of[name] for name, _ in entries.names_K], dtype=np.int64)
    known_VF = np.zeros((len(versions_V), len(place_of)), dtype=np.bool_)
    known_VF[entries.version_X, place_K[entries.code_X]] = True
    return entries, known_VF


def as_seen(number_VC: Doubles, features: Features) -> Doubles:
    """Return raw numbers as the model sees them (`data.values.number_of`): (V, C)."""
    logged = [feature.transform == "log" for feature in features.continuous.values()]
    if not any(logged):
        return number_VC
    seen_VC = np.array(number_VC)
    seen_VC[:, logged] = np.log1p(seen_VC[:, logged])
    return seen_VC


def _coded(past: Past, versions_V: AnyArray, code_VS: AnyArray) -> _Entries:
    """Return the entries of single values and of lists."""
    version_X, place_X = np.nonzero(code_VS[:, : len(past.features.single_valued)] >= 0)
    code_X, share_X = code_VS[version_X, place_X], np.ones(len(version_X))
    if past.features.multi_valued:
        in_lists, lengths, codes = past.lists(versions_V)
        version_X, code_X = np.concatenate([version_X, in_lists]), np.concatenate([code_X, codes])
        share_X = np.concatenate([share_X, 1.0 / lengths])
    code_K, code_X = _distinct(code_X, len(past.values))
    return _Entries(version_X, code_X, share_X, past.named(code_K))


def _distinct(code_X: AnyArray, codes: int) -> tuple[AnyArray, AnyArray]:
    """Return the distinct codes, ascending, and which of them each entry has."""
    if codes > max(1000, len(code_X)):
        return np.unique(code_X, return_inverse=True)
    there = np.zeros(codes, dtype=np.bool_)
    there[code_X] = True
    return np.flatnonzero(there), (np.cumsum(there) - 1)[code_X]


def _words(past: Past, code_VS: Columns) -> _Entries:
    """Return the entries of free texts: the buckets that their words fall into."""
    found = _Entries(np.empty(0, dtype=np.int64), np.empty(0, dtype=np.int64), np.empty(0), [])
    first = len(past.features.single_valued)
    for column, name in enumerate(past.features.text, start=first):
        texts = np.full(len(code_VS), None, dtype=object)
        there_V = code_VS[:, column] >= 0
        texts[there_V] = past.texts(code_VS[there_V, column])
        table = pa.table({name: pa.array(texts, pa.string())})
        values = values_of(table, name, past.features)
        names = [(name, value) for value in values.values_X.to_pylist()]
        found = _joined(found, _Entries(values.row_E, values.code_E, values.share_E, names))
    return found


def _joined(one: _Entries, other: _Entries) -> _Entries:
    return _Entries(
        np.concatenate([one.version_X, other.version_X]),
        np.concatenate([one.code_X, other.code_X + len(one.names_K)]),
        np.concatenate([one.share_X, other.share_X]),
        one.names_K + other.names_K,
    )
