"""Feature values: what each item version adds to the profile of a user who met it.

V item versions    X values of one discrete feature    E entries
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from scipy import sparse

from dlrs.arrays import Doubles, Ints
from dlrs.data.items import ITEM_ROW
from dlrs.data.values import numbers_of, values_of
from dlrs.schema import Features

VALUE = "value"
SHARE = "share"


@dataclass(frozen=True)
class DiscreteValues:
    """The shares of a feature's values in each version, and the values in lexicographic order.

    The shares of one version sum to 1, so that an event counts once whatever it holds.
    """

    values_X: pa.Array  # text
    shares_VX: sparse.csr_array

    @classmethod
    def of(cls, versions: pa.Table, name: str, features: Features) -> DiscreteValues:
        """Compute the shares of all versions."""
        values = values_of(versions, name, features)
        values_X = pc.unique(values.value_E)
        values_X = values_X.take(pc.sort_indices(values_X))
        code_E = pc.index_in(values.value_E, value_set=values_X).to_numpy()
        offsets = np.searchsorted(values.row_E, np.arange(versions.num_rows + 1))
        shape = (versions.num_rows, len(values_X))
        shares_VX = sparse.csr_array((values.share_E, code_E, offsets), shape=shape)
        shares_VX.sort_indices()
        return cls(values_X, shares_VX)

    @property
    def known_V(self) -> Ints:
        """1 for each version that has a value of the feature, else 0."""
        known_V: Ints = (np.diff(self.shares_VX.indptr) > 0).astype(np.int64)
        return known_V


@dataclass(frozen=True)
class VersionValues:
    """What every version adds, feature by feature, and the item that it is a version of."""

    item_V: Ints
    discrete: Mapping[str, DiscreteValues]
    numbers: Mapping[str, Doubles]  # of each continuous feature, NaN where unknown: (V,)

    @classmethod
    def of(cls, versions: pa.Table, features: Features) -> VersionValues:
        """Compute the values of all versions, a row each in the order of their rows."""
        numbers_VC = numbers_of(versions, features)
        return cls(
            item_V=versions[ITEM_ROW].to_numpy().astype(np.int64),
            discrete={name: DiscreteValues.of(versions, name, features) for name in features.discrete},
            numbers={name: numbers_VC[:, c].copy() for c, name in enumerate(features.continuous)},
        )
