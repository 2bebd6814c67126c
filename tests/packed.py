"""What every `EncodedRows` promises, for tests that make some."""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from dlrs.features.rows import EncodedRows, FeatureSpace


def check_packed(rows: EncodedRows, space: FeatureSpace) -> None:
    """Fail if the offsets do not fit the entries, or an entry lies outside of its feature's columns."""
    F = len(space.categorical)
    assert len(rows.offsets) == len(rows) * F + 1
    assert rows.offsets[-1] == len(rows.columns_E) == len(rows.weights_E)
    lengths = np.diff(rows.offsets)
    feature_E = np.repeat(np.tile(np.arange(F), len(rows)), lengths)
    for feature, (low, high) in enumerate(pairwise(space.starts_F)):
        columns = rows.columns_E[feature_E == feature]
        assert ((columns >= low) & (columns < high)).all(), space.categorical[feature]
