"""What every `EncodedRows` promises, for tests that make some."""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from dlrs.features.rows import EncodedRows, FeatureSpace, Side


def check_packed(rows: EncodedRows, space: FeatureSpace, side: Side = "item") -> None:
    """Fail if the offsets do not fit the entries, or an entry lies outside of its feature's columns."""
    own_F = space.own_sizes_F if side == "user" else ()
    starts_F = np.concatenate([[0], np.cumsum([*space.sizes_F, *own_F])])
    F = len(starts_F) - 1
    assert len(rows.offsets) == len(rows) * F + 1
    assert rows.offsets[-1] == len(rows.columns_E) == len(rows.weights_E)
    lengths = np.diff(rows.offsets)
    feature_E = np.repeat(np.tile(np.arange(F), len(rows)), lengths)
    for feature, (low, high) in enumerate(pairwise(starts_F)):
        columns = rows.columns_E[feature_E == feature]
        assert ((columns >= low) & (columns < high)).all(), feature
