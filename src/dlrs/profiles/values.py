"""Feature values: what each item version adds to the profile of a user who met it.

V item versions    X values of one categorical feature    E entries
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import ibis
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from scipy import sparse

from dlrs.arrays import Doubles, Ints
from dlrs.data.engine import Table
from dlrs.data.items import ITEM_ROW, VERSION_ROW, Items
from dlrs.schema import Features

VALUE = "value"
SHARE = "share"


def feature_values(items: Items, name: str) -> Table:
    """Return (VERSION_ROW, VALUE, SHARE) of a categorical feature: nothing where it is unknown.

    The shares of one version sum to 1, so that an event counts once whatever it holds.
    """
    versions = items.versions
    return versions.select(VERSION_ROW, ibis.literal(1.0).name(SHARE), value=versions[name]).filter(
        versions[name].notnull()
    )


def feature_numbers(items: Items, name: str) -> Table:
    """Return (VERSION_ROW, VALUE) of a continuous feature, VALUE null where it is unknown."""
    return items.versions.select(VERSION_ROW, value=items.versions[name])


@dataclass(frozen=True)
class CategoricalValues:
    """The shares of a feature's values in each version, and the values in lexicographic order."""

    values_X: pa.Array  # text
    shares_VX: sparse.csr_array

    @classmethod
    def read(cls, items: Items, name: str, versions: int) -> CategoricalValues:
        """Compute the shares of all versions."""
        table = feature_values(items, name).order_by([VERSION_ROW, VALUE]).to_pyarrow()
        values_X = pc.unique(table[VALUE])
        values_X = values_X.take(pc.sort_indices(values_X))
        code_E = pc.index_in(table[VALUE], value_set=values_X).to_numpy()
        version_E = table[VERSION_ROW].to_numpy()
        offsets = np.searchsorted(version_E, np.arange(versions + 1))
        shape = (versions, len(values_X))
        return cls(values_X, sparse.csr_array((table[SHARE].to_numpy(), code_E, offsets), shape=shape))

    @property
    def known_V(self) -> Ints:
        """1 for each version that has a value of the feature, else 0."""
        known_V: Ints = (np.diff(self.shares_VX.indptr) > 0).astype(np.int64)
        return known_V


@dataclass(frozen=True)
class VersionValues:
    """What every version adds, feature by feature, and the item that it is a version of."""

    item_V: Ints
    categorical: Mapping[str, CategoricalValues]
    numbers: Mapping[str, Doubles]  # of each continuous feature, NaN where unknown: (V,)

    @classmethod
    def read(cls, items: Items, features: Features) -> VersionValues:
        """Compute the values of all versions."""
        rows = items.versions.select(VERSION_ROW, ITEM_ROW).order_by(VERSION_ROW).to_pyarrow()
        item_V = rows[ITEM_ROW].to_numpy().astype(np.int64)
        categorical = {
            name: CategoricalValues.read(items, name, len(item_V)) for name in features.categorical
        }
        numbers = {name: _numbers(items, name, len(item_V)) for name in features.continuous}
        return cls(item_V, categorical, numbers)


def _numbers(items: Items, name: str, versions: int) -> Doubles:
    table = feature_numbers(items, name).to_pyarrow()
    number_V = np.full(versions, np.nan)
    number_V[table[VERSION_ROW].to_numpy()] = table[VALUE].to_numpy(zero_copy_only=False)
    return number_V
