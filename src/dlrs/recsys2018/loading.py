"""Loading: the slices as three Parquet tables, one slice in memory at a time.

playlists.parquet   pid, name, modified_at, num_tracks: as in the slices, in their order
entries.parquet     pid, pos, track, track_uri: what is in them, playlist by playlist
tracks.parquet      track (its number), track_uri and what is known of it, in the order of first sight

The URI stands in both, for a join to find it would have to keep all entries to number them. A track's number
is where it stands in `tracks.parquet`; it holds for this folder only. What takes memory, beside one slice,
are the URIs met so far.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from dlrs import bundle
from dlrs.bundle import Folder
from dlrs.errors import DataError
from dlrs.progress import track
from dlrs.recsys2018.playlists import (
    MODIFIED,
    NAME,
    PID,
    POS,
    TRACK,
    TRACK_URI,
    TRACKS,
    Playlists,
    read_slice,
    slice_files,
)

KIND = "recsys2018"
PLAYLISTS, ENTRIES, TRACK_TABLE = "playlists.parquet", "entries.parquet", "tracks.parquet"
NUMBER = "track"
ABOUT = [name for name in TRACK if name != POS]
"""What is known of a track wherever it stands."""

PLAYLIST_SCHEMA = pa.schema(
    [(PID, pa.int32()), (NAME, pa.string()), (MODIFIED, pa.timestamp("s", "UTC")), (TRACKS, pa.int32())]
)
ENTRY_SCHEMA = pa.schema(
    [(PID, pa.int32()), (POS, pa.int32()), (NUMBER, pa.int32()), (TRACK_URI, pa.string())]
)
TRACK_SCHEMA = pa.schema([(NUMBER, pa.int32()), *((name, TRACK[name]) for name in ABOUT)])
GROUP = 1_000_000
"""Rows of a row group: so many wait in memory."""

DICTIONARY = 64 << 20
"""Bytes of a row group's dictionary: all URIs of a million entries have room, and each entry is a code."""


class Growing:
    """A Parquet file to which tables are appended, in row groups of `GROUP`."""

    def __init__(self, file: Path, schema: pa.Schema) -> None:
        self._writer = pq.ParquetWriter(
            file, schema, compression="zstd", dictionary_pagesize_limit=DICTIONARY
        )
        self._waiting: list[pa.Table] = []
        self._rows = 0

    def append(self, table: pa.Table) -> None:
        """Append a table of the file's schema."""
        self._waiting.append(table)
        self._rows += table.num_rows
        if self._rows >= GROUP:
            self._write()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        if kind is None:
            self._write()
        self._writer.close()

    def _write(self) -> None:
        if self._waiting:
            self._writer.write_table(pa.concat_tables(self._waiting), row_group_size=GROUP)
        self._waiting, self._rows = [], 0


def load(slices: Path, out: Path) -> Folder:
    """Read every slice of a folder into the tables of `out`.

    Raises:
        DataError: there are no slices, one is damaged, or a playlist comes twice.
        ArtifactError: something else is at `out`.
    """
    files = slice_files(slices)
    facts: dict[str, Any] = {}
    with bundle.writing(out, KIND, facts=facts) as folder:
        facts |= _load(files, folder)
    return bundle.open_folder(out, KIND)


def _load(files: list[Path], folder: Path) -> Mapping[str, int]:
    numbers: dict[str, int] = {}
    pids: list[pa.ChunkedArray] = []
    entries = 0
    with (
        Growing(folder / PLAYLISTS, PLAYLIST_SCHEMA) as playlist_file,
        Growing(folder / ENTRIES, ENTRY_SCHEMA) as entry_file,
        Growing(folder / TRACK_TABLE, TRACK_SCHEMA) as track_file,
    ):
        for file in track(files, "Read slices"):
            read = read_slice(file)
            pids.append(read.facts[PID])
            playlist_file.append(read.facts.cast(PLAYLIST_SCHEMA))
            track_E = _numbered(read, numbers, track_file)
            pid_E = read.facts[PID].take(pa.array(read.playlist_E))
            columns = [pid_E, read.entries[POS], track_E, read.entries[TRACK_URI]]
            entry_file.append(pa.table(columns, schema=ENTRY_SCHEMA))
            entries += len(track_E)
    _require_distinct(pa.chunked_array([chunk for column in pids for chunk in column.chunks]), files)
    return {
        "slices": len(files),
        "playlists": sum(map(len, pids)),
        "entries": entries,
        "tracks": len(numbers),
    }


def _numbered(read: Playlists, numbers: dict[str, int], file: Growing) -> pa.Array:
    """Return each entry's track as a number; new tracks get the next ones, and a row in the file."""
    coded = read.entries[TRACK_URI].combine_chunks().dictionary_encode()
    before = len(numbers)
    number_X = np.array(
        [numbers.setdefault(uri, len(numbers)) for uri in coded.dictionary.to_pylist()], np.int32
    )
    new_X = np.flatnonzero(number_X >= before)
    if len(new_X):
        code_E = coded.indices.to_numpy()
        _, first_X = np.unique(code_E, return_index=True)  # codes are given in the order of first sight
        about = read.entries.select(ABOUT).take(pa.array(first_X[new_X]))
        file.append(about.add_column(0, NUMBER, pa.array(number_X[new_X])).cast(TRACK_SCHEMA))
    return pa.array(number_X[coded.indices.to_numpy()])


def _require_distinct(pids: pa.ChunkedArray, files: list[Path]) -> None:
    counted = pc.value_counts(pids)
    twice = counted.filter(pc.greater(counted.field("counts"), 1))
    if len(twice):
        raise DataError(
            f"{files[0].parent}: expected each playlist once, received {len(twice):,} of them again, like "
            f"{twice[0]['values'].as_py()}. Leave out the slices that are there twice."
        )
