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


@dataclass(frozen=True)
class StoredBuckets:
    """Kept buckets in their folder. They take much memory, so features are read one by one."""

    folder: Path
    start_D: Ints
    fingerprint_D: Hashes
    made_under: Mapping[str, Any]

    @classmethod
    def open(cls, folder: Path) -> StoredBuckets:
        """Open what `KeptBuckets.save` wrote; where there is no such folder, no buckets."""
        if not folder.is_dir():
            return cls(folder, np.empty(0, np.int64), np.empty(0, np.uint64), {})
        made_under = json.loads((folder / "made_under.json").read_text(encoding="utf-8"))
        prints = pq.read_table(folder / "fingerprints.parquet")
        return cls(folder, prints[START].to_numpy(), prints[FINGERPRINT].to_numpy(), made_under)

    def rows(self) -> Buckets:
        """Read the buckets without the shares of their features."""
        stored = pq.read_table(self.folder / "buckets.parquet")
        columns = {name: stored[name].to_numpy() for name in VECTORS}
        for name in MATRICES:
            parts = [stored[part].to_numpy() for part in stored.column_names if part.startswith(f"{name}_")]
            columns[name] = np.stack(parts, axis=1) if parts else np.empty((stored.num_rows, 0))
        return Buckets(**columns, weight_BC=columns["n_BC"].astype(np.float64), shares={}, values={})

    def shares(self, name: str) -> tuple[sparse.csr_array, pa.Array]:
        """Read a discrete feature's shares by bucket and its values, in any order."""
        place = Features.model_validate(self.made_under["features"]).discrete.index(name)
        table = pq.read_table(self.folder / f"shares/{place}.parquet", read_dictionary=[VALUE])
        value_E = table[VALUE].unify_dictionaries().combine_chunks()
        buckets = pq.read_metadata(self.folder / "buckets.parquet").num_rows
        places = np.searchsorted(table[BUCKET].to_numpy(), np.arange(buckets + 1, dtype=np.int32))
        entries = (table[SHARE].to_numpy(), value_E.indices.to_numpy(), places)
        return sparse.csr_array(entries, shape=(buckets, len(value_E.dictionary))), value_E.dictionary


def _flat(buckets: Buckets) -> dict[str, Any]:
    """Return the arrays of `buckets` as columns: a matrix gives known_BF_0, known_BF_1 …"""
    columns = {name: getattr(buckets, name) for name in VECTORS}
    for name in MATRICES:
        columns |= {f"{name}_{i}": column for i, column in enumerate(getattr(buckets, name).T)}
    return columns


def _write(file: Path, columns: Mapping[str, Any]) -> None:
    pq.write_table(pa.table(dict(columns)), file, compression="zstd")
