"""Feature values: what each item version adds to the profile of a user who met it.

V item versions    X values of one discrete feature    E entries
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from scipy import sparse

from dlrs.arrays import Doubles, Ints
from dlrs.data.values import ColumnTable, number_of, values_of
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
    def of(cls, versions: ColumnTable, name: str, features: Features) -> DiscreteValues:
        """Compute the shares of all versions."""
        values = values_of(versions, name, features)
        rows = versions.num_rows
        offsets = np.concatenate([[0], np.cumsum(np.bincount(values.row_E, minlength=rows))])
        shape = (rows, len(values.values_X))
        shares_VX = sparse.csr_array((values.share_E, values.code_E, offsets), shape=shape)
        shares_VX.sort_indices()
        return cls(values.values_X, shares_VX)

    @property
    def known_V(self) -> Ints:
        """1 for each version that has a value of the feature, else 0."""
        known_V: Ints = (np.diff(self.shares_VX.indptr) > 0).astype(np.int64)
        return known_V


@dataclass(frozen=True)
class VersionValues:
    """What each version adds; a feature of all of them is computed when it is asked for."""

    versions: ColumnTable
    features: Features

    def discrete(self, name: str) -> DiscreteValues:
        """Return the shares of a discrete feature's values."""
        return DiscreteValues.of(self.versions, name, self.features)

    def number(self, name: str) -> Doubles:
        """Return a continuous feature, NaN where unknown: (V,)."""
        return number_of(self.versions, name, self.features)
