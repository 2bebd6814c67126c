"""Raw features as the table that vocabularies and filters read."""

from __future__ import annotations

from collections.abc import Sequence

import pyarrow as pa

from dlrs.schema import ITEM, Features
from dlrs.service.seams import Raw


def table_of(raws: Sequence[Raw], features: Features, ids: Sequence[str] | None = None) -> pa.Table:
    """Return a row for each of some items (or users), with their ids where given; what is missing is null."""
    columns = {name: _column([raw.get(name) for raw in raws], name, features) for name in features.names}
    return pa.table(columns if ids is None else {ITEM: pa.array(ids, pa.string()), **columns})


def _column(values: Sequence[object], name: str, features: Features) -> pa.Array:
    if name in features.continuous:
        return pa.array(values, pa.float64())
    return pa.array(values, pa.list_(pa.string()) if name in features.multi_valued else pa.string())
