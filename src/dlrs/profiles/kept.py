"""Kept buckets: they lie in the prepared folder, for a later preparation to use again.

    made_under.json          what the buckets depend on besides the events
    fingerprints.parquet     each start that has events, and their fingerprint
    buckets.parquet          a row for each bucket
    shares/0.parquet …       a discrete feature each, in long form: bucket, value, share

Users are rows of the folder that the buckets lie in: its ids are needed to use them elsewhere.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from scipy import sparse

from dlrs.arrays import Ints
from dlrs.profiles.buckets import START, Buckets
from dlrs.profiles.fingerprints import Hashes
from dlrs.profiles.values import SHARE, VALUE
from dlrs.schema import Features

BUCKET = "bucket"
FINGERPRINT = "fingerprint"
VECTORS = ("start_B", "user_B", "type_B", "events_B")
MATRICES = ("known_BF", "n_BC", "mean_BC", "m2_BC")


@dataclass(frozen=True)
class KeptBuckets:
    """Buckets whose events all weigh 1, what they were made under, and a fingerprint of each start."""

    buckets: Buckets
    start_D: Ints
    fingerprint_D: Hashes
    made_under: Mapping[str, Any]

    def save(self, folder: Path) -> None:
        """Write everything into `folder`, which is made."""
        (folder / "shares").mkdir(parents=True)
        (folder / "made_under.json").write_text(json.dumps(self.made_under, indent=1), encoding="utf-8")
        _write(folder / "fingerprints.parquet", {START: self.start_D, FINGERPRINT: self.fingerprint_D})
        _write(folder / "buckets.parquet", _flat(self.buckets))
        for i, (name, shares_BX) in enumerate(self.buckets.shares.items()):
            bucket_E = np.repeat(np.arange(len(self.buckets), dtype=np.int32), np.diff(shares_BX.indptr))
            codes_E = pa.array(shares_BX.indices.astype(np.int32))
            value_E = pa.DictionaryArray.from_arrays(codes_E, self.buckets.values[name])
            _write(folder / f"shares/{i}.parquet", {BUCKET: bucket_E, VALUE: value_E, SHARE: shares_BX.data})

    @classmethod
    def load(cls, folder: Path) -> KeptBuckets:
        """Read what `save` wrote."""
        made_under = json.loads((folder / "made_under.json").read_text(encoding="utf-8"))
        stored = pq.read_table(folder / "buckets.parquet")
        shares, values = {}, {}
        for i, name in enumerate(Features.model_validate(made_under["features"]).discrete):
            file = folder / f"shares/{i}.parquet"
            shares[name], values[name] = _read_shares(file, stored.num_rows)
        columns = {name: stored[name].to_numpy() for name in VECTORS}
        for name in MATRICES:
            parts = [stored[part].to_numpy() for part in stored.column_names if part.startswith(f"{name}_")]
            columns[name] = np.stack(parts, axis=1) if parts else np.empty((stored.num_rows, 0))
        weight_BC = columns["n_BC"].astype(np.float64)
        prints = pq.read_table(folder / "fingerprints.parquet")
        return cls(
            buckets=Buckets(**columns, weight_BC=weight_BC, shares=shares, values=values),
            start_D=prints[START].to_numpy(),
            fingerprint_D=prints[FINGERPRINT].to_numpy(),
            made_under=made_under,
        )


def _flat(buckets: Buckets) -> dict[str, Any]:
    """Return the arrays of `buckets` as columns: a matrix gives known_BF_0, known_BF_1 …"""
    columns = {name: getattr(buckets, name) for name in VECTORS}
    for name in MATRICES:
        columns |= {f"{name}_{i}": column for i, column in enumerate(getattr(buckets, name).T)}
    return columns


def _read_shares(file: Path, buckets: int) -> tuple[sparse.csr_array, pa.Array]:
    table = pq.read_table(file, read_dictionary=[VALUE])
    value_E = table[VALUE].unify_dictionaries().combine_chunks()
    places = np.searchsorted(table[BUCKET].to_numpy(), np.arange(buckets + 1))
    entries = (table[SHARE].to_numpy(), value_E.indices.to_numpy(), places)
    return sparse.csr_array(entries, shape=(buckets, len(value_E.dictionary))), value_E.dictionary


def _write(file: Path, columns: Mapping[str, Any]) -> None:
    pq.write_table(pa.table(dict(columns)), file, compression="zstd")
