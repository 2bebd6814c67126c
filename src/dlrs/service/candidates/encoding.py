"""Encoding: what ItemNet makes of raw features that came one by one."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pyarrow as pa

from dlrs.arrays import Bools
from dlrs.candidates.metric import lengths
from dlrs.model.forward import Representations
from dlrs.schema import Features
from dlrs.service.bundle import ServingBundle
from dlrs.service.seams import Raw


def raw_table(features: Features, items: Sequence[Raw]) -> pa.Table:
    """Return raw features as a table; what an item does not name is missing."""
    multi, continuous = features.multi_valued, features.continuous
    kinds = {
        name: pa.float64() if name in continuous else pa.list_(pa.string()) if name in multi else pa.string()
        for name in features.names
    }
    return pa.table(
        {name: pa.array([item.get(name) for item in items], kind) for name, kind in kinds.items()}
    )


def embedded(bundle: ServingBundle, table: pa.Table) -> Representations:
    """Return what a bundle's ItemNet makes of each row."""
    return bundle.nets.embed_items(bundle.encoding.encode_items(table))


def sound(items: Representations) -> Bools:
    """Tell which of N items can be found: all numbers are finite, and the squares of their coordinates."""
    with np.errstate(over="ignore", invalid="ignore"):
        sound_N: Bools = np.isfinite(lengths(items.embedding_ND)) & np.isfinite(items.wide_N)
    return sound_N
