"""Playlists as distributed: slices of the Million Playlist Dataset, and the challenge set.

Both are one JSON object whose `playlists` is a list. A file is read at once by Arrow, which keeps nothing
but the columns that are named here: a slice of 33 MB takes about 0.2 GB, however many slices there are.

    U playlists of a file    E their entries: tracks at their positions
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.json as pa_json

from dlrs.arrays import Ints
from dlrs.errors import DataError

PID, NAME, MODIFIED, TRACKS = "pid", "name", "modified_at", "num_tracks"
HOLDOUTS, SAMPLES = "num_holdouts", "num_samples"
POS, TRACK_URI, TRACK_NAME, DURATION = "pos", "track_uri", "track_name", "duration_ms"
ARTIST_URI, ARTIST_NAME, ALBUM_URI, ALBUM_NAME = "artist_uri", "artist_name", "album_uri", "album_name"

TRACK = {
    POS: pa.int32(),
    TRACK_URI: pa.string(),
    TRACK_NAME: pa.string(),
    ARTIST_URI: pa.string(),
    ARTIST_NAME: pa.string(),
    ALBUM_URI: pa.string(),
    ALBUM_NAME: pa.string(),
    DURATION: pa.int64(),
}
"""What both kinds of files say of an entry."""

SLICE = {PID: pa.int32(), NAME: pa.string(), MODIFIED: pa.int64(), TRACKS: pa.int32()}
CHALLENGE = {
    PID: pa.int32(),
    NAME: pa.string(),
    TRACKS: pa.int32(),
    SAMPLES: pa.int32(),
    HOLDOUTS: pa.int32(),
}
OPTIONAL = (NAME, TRACK_NAME, ARTIST_NAME, ALBUM_NAME, DURATION)
"""What may be missing: a challenge playlist need not have a title."""

NAMED = re.compile(r"mpd\.slice\.(\d+)-(\d+)\.json")


@dataclass(frozen=True)
class Playlists:
    """U playlists and what is in them, playlist by playlist, as it stands in the file."""

    facts: pa.Table  # a row each
    entries: pa.Table  # a row for each track at a position: see TRACK
    offsets_U1: Ints  # where the entries of each playlist begin, and their number at the end

    @property
    def playlist_E(self) -> Ints:
        """The playlist of each entry: a row of `facts`."""
        return np.repeat(np.arange(self.facts.num_rows), np.diff(self.offsets_U1))


def slice_files(folder: Path) -> list[Path]:
    """Return the slices of a folder, by the number of their first playlist.

    Raises:
        DataError: there is none.
    """
    found = {file: NAMED.fullmatch(file.name) for file in folder.glob("*.json")}
    slices = {file: int(match[1]) for file, match in found.items() if match}
    if not slices:
        raise DataError(
            f"{folder}: expected slices named like mpd.slice.0-999.json, received none. "
            "Name the folder that has them, `data` in the archive."
        )
    return sorted(slices, key=lambda file: slices[file])


def read_slice(file: Path) -> Playlists:
    """Read one slice.

    Raises:
        DataError: it is no slice, or a playlist is not whole.
    """
    read = _read(file, SLICE)
    _require_counts(file, read, TRACKS)
    return read


def read_challenge_playlists(file: Path) -> Playlists:
    """Read a challenge set; its entries are the seeds.

    Raises:
        DataError: it is none, or a playlist is not as long as it says.
    """
    read = _read(file, CHALLENGE)
    _require_counts(file, read, SAMPLES)
    parts = pc.add(read.facts[SAMPLES], read.facts[HOLDOUTS])
    _require(
        file,
        read,
        pc.equal(parts, read.facts[TRACKS]),
        f"{SAMPLES} + {HOLDOUTS} = {TRACKS}",
        lambda row: f"{parts[row].as_py()} and {read.facts[TRACKS][row].as_py()}",
    )
    return read


def _read(file: Path, columns: dict[str, pa.DataType]) -> Playlists:
    playlist = pa.struct([*columns.items(), ("tracks", pa.list_(pa.struct(list(TRACK.items()))))])
    content = _parsed(file, pa.schema([("playlists", pa.list_(playlist))]))
    playlists = content["playlists"].combine_chunks()
    if len(playlists) != 1 or playlists.null_count:
        raise DataError(
            f"{file}: expected one JSON object with a list 'playlists', received none. "
            "Take the file as distributed."
        )
    rows = playlists.flatten()
    facts = pa.table({name: rows.field(name) for name in columns})
    tracks = rows.field("tracks")
    entries = tracks.flatten()
    offsets_U1 = np.concatenate(([0], np.cumsum(pc.fill_null(pc.list_value_length(tracks), 0).to_numpy())))
    read = Playlists(
        facts, pa.table({name: entries.field(name) for name in TRACK}), offsets_U1.astype(np.int64)
    )
    _require_values(file, read)
    return read


def _parsed(file: Path, schema: pa.Schema) -> pa.Table:
    try:
        size = file.stat().st_size
        return pa_json.read_json(
            file,
            # the file is one object, and Arrow splits no object
            read_options=pa_json.ReadOptions(use_threads=False, block_size=size + 1),
            parse_options=pa_json.ParseOptions(
                explicit_schema=schema, newlines_in_values=True, unexpected_field_behavior="ignore"
            ),
        )
    except OSError as error:
        raise DataError(f"{file}: expected a file to read, received: {error}.") from error
    except pa.ArrowInvalid as error:
        raise DataError(
            f"{file}: expected playlists in JSON, received: {error}. Take the file as distributed; "
            "its checksum is in md5sums."
        ) from error


def _require_values(file: Path, read: Playlists) -> None:
    """Find the first playlist that lacks something."""
    for name in read.facts.column_names:
        if name not in OPTIONAL:
            _require(file, read, pc.is_valid(read.facts[name]), f"'{name}'", lambda _: "none")
    for name in TRACK:
        if name not in OPTIONAL and read.entries[name].null_count:
            missing = int(pc.index(pc.is_null(read.entries[name]), True).as_py())
            raise DataError(
                f"{_place(file, read, int(read.playlist_E[missing]))}: expected '{name}' of each track, "
                "received none. Take the file as distributed."
            )


def _require_counts(file: Path, read: Playlists, name: str) -> None:
    lengths = np.diff(read.offsets_U1)
    same = pa.array(lengths == read.facts[name].to_numpy())
    _require(file, read, same, f"as many tracks as {name} says", lambda row: str(lengths[row]))


def _require(
    file: Path, read: Playlists, holds: pa.Array, expected: str, received: Callable[[int], str]
) -> None:
    wrong = pc.index(holds, False).as_py()
    if wrong >= 0:
        raise DataError(
            f"{_place(file, read, wrong)}: expected {expected}, received {received(wrong)}. "
            "Take the file as distributed."
        )


def _place(file: Path, read: Playlists, row: int) -> str:
    return f"{file}, playlist {read.facts[PID][row].as_py()} (number {row + 1} of the file)"
