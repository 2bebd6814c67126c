"""Slices become three tables."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from dlrs.errors import ArtifactError, DataError
from dlrs.recsys2018 import loading
from playlist_files import artist_uri, playlist, uri, write_slice


def test_the_tables_hold_what_the_slices_do(tmp_path: Path) -> None:
    write_slice(tmp_path / "mpd", 1000, [playlist(1000, [5, 70, 5])])
    write_slice(tmp_path / "mpd", 0, [playlist(0, [70, 31]), playlist(1, [31], name=None)])
    folder = loading.load(tmp_path / "mpd", tmp_path / "data")
    assert dict(folder.facts) == {"slices": 2, "playlists": 3, "entries": 6, "tracks": 3}
    assert pq.read_table(folder / "playlists.parquet").to_pylist() == [
        {
            "pid": 0,
            "name": "my songs",
            "modified_at": datetime(2017, 7, 14, 2, 40, tzinfo=UTC),
            "num_tracks": 2,
        },
        {"pid": 1, "name": None, "modified_at": datetime(2017, 7, 15, 2, 40, tzinfo=UTC), "num_tracks": 1},
        {
            "pid": 1000,
            "name": "my songs",
            "modified_at": datetime(2020, 4, 9, 2, 40, tzinfo=UTC),
            "num_tracks": 3,
        },
    ]
    entries = pq.read_table(folder / "entries.parquet").to_pydict()
    assert entries["pid"] == [0, 0, 1, 1000, 1000, 1000]
    assert entries["pos"] == [0, 1, 0, 0, 1, 2]
    assert entries["track"] == [0, 1, 1, 2, 0, 2]  # numbered as they are first met
    assert entries["track_uri"] == [uri(track) for track in (70, 31, 31, 5, 70, 5)]
    tracks = pq.read_table(folder / "tracks.parquet")
    assert tracks["track"].to_pylist() == [0, 1, 2]
    assert tracks["track_uri"].to_pylist() == [uri(70), uri(31), uri(5)]
    assert tracks["artist_uri"].to_pylist() == [artist_uri(70), artist_uri(31), artist_uri(5)]
    assert tracks["track_name"].to_pylist() == ["Song 70", "Song 31", "Song 5"]
    assert tracks["duration_ms"].to_pylist() == [70_000, 31_000, 5_000]


def test_row_groups_do_not_change_what_is_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for first in range(0, 5000, 1000):
        write_slice(tmp_path / "mpd", first, [playlist(first + i, [first + i, i]) for i in range(3)])
    whole = loading.load(tmp_path / "mpd", tmp_path / "whole")
    monkeypatch.setattr(loading, "GROUP", 7)
    parts = loading.load(tmp_path / "mpd", tmp_path / "parts")
    assert pq.ParquetFile(parts / "entries.parquet").num_row_groups > 1
    for name in ("playlists", "entries", "tracks"):
        assert pq.read_table(whole / f"{name}.parquet").equals(pq.read_table(parts / f"{name}.parquet"))


def test_a_playlist_that_comes_twice_is_an_error_and_leaves_nothing(tmp_path: Path) -> None:
    write_slice(tmp_path / "mpd", 0, [playlist(0, [1]), playlist(1, [2])])
    write_slice(tmp_path / "mpd", 1000, [playlist(1, [2])])
    with pytest.raises(DataError, match="expected each playlist once, received 1 of them again, like 1"):
        loading.load(tmp_path / "mpd", tmp_path / "out" / "data")
    assert list((tmp_path / "out").iterdir()) == []


def test_a_damaged_slice_leaves_what_was_there(tmp_path: Path) -> None:
    file = write_slice(tmp_path / "mpd", 0, [playlist(0, [1])])
    loading.load(tmp_path / "mpd", tmp_path / "data")
    before = (tmp_path / "data" / "entries.parquet").read_bytes()
    file.write_bytes(file.read_bytes()[:-20])
    with pytest.raises(DataError, match=str(file)):
        loading.load(tmp_path / "mpd", tmp_path / "data")
    assert (tmp_path / "data" / "entries.parquet").read_bytes() == before


def test_something_else_at_its_place_stays(tmp_path: Path) -> None:
    write_slice(tmp_path / "mpd", 0, [playlist(0, [1])])
    with pytest.raises(ArtifactError):
        loading.load(tmp_path / "mpd", tmp_path / "mpd")
    assert (tmp_path / "mpd" / "mpd.slice.0-999.json").is_file()
