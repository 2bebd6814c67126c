"""The profile of a decision as bytes."""

from __future__ import annotations

import numpy as np
import pytest
from safetensors.numpy import load

from dlrs.features.rows import EncodedRows
from dlrs.service.ranking.encoded import NAMES, from_bytes, to_bytes


def rows(entries: int, offsets: type, columns: type) -> EncodedRows:
    return EncodedRows(
        continuous_NC=np.array([[0.5, -1.0, 3.0]], dtype=np.float32),
        offsets=np.array([0, entries, entries], dtype=offsets),
        columns_E=np.arange(entries, dtype=columns),
        weights_E=np.full(entries, 0.25, dtype=np.float32),
    )


@pytest.mark.parametrize("entries", [0, 1, 5])
@pytest.mark.parametrize(("offsets", "columns"), [(np.int64, np.int32), (np.int32, np.int64)])
def test_safetensors_reads_it(entries: int, offsets: type, columns: type) -> None:
    encoded = rows(entries, offsets, columns)
    content = to_bytes(encoded)
    assert set(load(content)) == set(NAMES)
    for name in NAMES:
        array, expected = getattr(from_bytes(content)[0], name), getattr(encoded, name)
        assert array.dtype == expected.dtype
        np.testing.assert_array_equal(array, expected)
