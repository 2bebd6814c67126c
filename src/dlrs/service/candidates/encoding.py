"""Encoding: what ItemNet makes of raw features that came one by one."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pyarrow as pa

from dlrs.arrays import Bools, Ints
from dlrs.candidates.metric import lengths
from dlrs.model.forward import Nets, Representations
from dlrs.model.nets import AnyNets
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


def as_they_stand(
    made: Representations, rows_N: Ints, stored: Representations, nets: AnyNets
) -> Representations:
    """Return new versions of items with the priors that a bundle gives these: they stand as before.

    Args:
        made: what ItemNet made of them.
        rows_N: where each item is in the bundle, −1 where it is not: it has just come.
        stored: what the bundle has of its items.
        nets: the bundle's. The thesis's have no prior; their wide scalar tells features.
    """
    if isinstance(nets, Nets) or not len(stored):
        return made
    return Representations(made.embedding_ND, np.where(rows_N >= 0, stored.wide_N[rows_N], made.wide_N))


def sound(items: Representations) -> Bools:
    """Tell which of N items can be found: all numbers are finite, and the squares of their coordinates."""
    with np.errstate(over="ignore", invalid="ignore"):
        sound_N: Bools = np.isfinite(lengths(items.embedding_ND)) & np.isfinite(items.wide_N)
    return sound_N
