"""Slices and challenge sets as they are distributed."""

from __future__ import annotations

from pathlib import Path

import pytest

from dlrs.errors import DataError
from dlrs.recsys2018.playlists import TRACK, read_challenge_playlists, read_slice, slice_files
from playlist_files import artist_uri, entry, playlist, told, uri, write_challenge_set, write_slice


def test_a_slice_is_playlists_and_what_is_in_them(tmp_path: Path) -> None:
    file = write_slice(tmp_path, 0, [playlist(7, [31, 4], name="Früh 🌞"), playlist(9, [4])])
    read = read_slice(file)
    assert read.facts.to_pylist() == [
        {"pid": 7, "name": "Früh 🌞", "modified_at": 1_500_604_800, "num_tracks": 2},
        {"pid": 9, "name": "my songs", "modified_at": 1_500_777_600, "num_tracks": 1},
    ]
    assert read.offsets_U1.tolist() == [0, 2, 3]
    assert read.playlist_E.tolist() == [0, 0, 1]
    assert read.entries.column_names == list(TRACK)
    assert read.entries.slice(0, 1).to_pylist() == [
        {
            "pos": 0,
            "track_uri": uri(31),
            "track_name": "Song 31",
            "artist_uri": artist_uri(31),
            "artist_name": "Artist 3",
            "album_uri": "spotify:album:0000000000000000000006",
            "album_name": "Album 6",
            "duration_ms": 31_000,
        }
    ]
    assert read.entries["track_uri"].to_pylist() == [uri(31), uri(4), uri(4)]


def test_slices_come_by_number_not_by_name(tmp_path: Path) -> None:
    for first in (2000, 10_000, 1000):
        write_slice(tmp_path, first, [playlist(first, [1])])
    (tmp_path / "challenge_set.json").write_text("{}")
    names = [file.name for file in slice_files(tmp_path)]
    assert names == [f"mpd.slice.{first}-{first + 999}.json" for first in (1000, 2000, 10_000)]


def test_a_folder_without_slices_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=rf"{tmp_path}: expected slices named like mpd.slice.0-999.json"):
        slice_files(tmp_path)


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        (playlist(5, [1, 2], num_tracks=3), "as many tracks as num_tracks says, received 2"),
        ({**playlist(5, [1]), "tracks": [{**entry(0, 1), "track_uri": None}]}, "'track_uri' of each track"),
        ({**playlist(5, [1]), "modified_at": None}, "'modified_at', received none"),
    ],
)
def test_a_playlist_that_is_not_whole_is_named(wrong: dict[str, object], says: str, tmp_path: Path) -> None:
    file = write_slice(tmp_path, 0, [playlist(4, [1]), wrong])
    with pytest.raises(DataError, match=rf"{file}, playlist 5 \(number 2 of the file\): expected {says}"):
        read_slice(file)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("no JSON", "expected playlists in JSON"),
        ('{"playlists": [{"pid": "x"', "expected playlists in JSON"),
        ('{"playlists": [{"pid": "seven", "tracks": []}]}', "expected playlists in JSON"),
        ('{"info": {}}', "expected one JSON object with a list 'playlists'"),
        ('{"playlists": []} {"playlists": []}', "expected one JSON object with a list 'playlists'"),
    ],
)
def test_what_is_no_slice_is_said(text: str, says: str, tmp_path: Path) -> None:
    file = tmp_path / "mpd.slice.0-999.json"
    file.write_text(text)
    with pytest.raises(DataError, match=rf"{file}: {says}"):
        read_slice(file)


def test_a_challenge_set_tells_titles_and_seeds(tmp_path: Path) -> None:
    file = write_challenge_set(
        tmp_path / "challenge_set.json",
        [told(3, [], length=6), told(1, [(0, 8), (4, 2)], length=9, name=None)],
    )
    read = read_challenge_playlists(file)
    assert read.facts["name"].to_pylist() == ["my songs", None]
    assert read.facts["num_holdouts"].to_pylist() == [6, 7]
    assert read.offsets_U1.tolist() == [0, 0, 2]
    assert read.entries.select(["pos", "track_uri"]).to_pylist() == [
        {"pos": 0, "track_uri": uri(8)},
        {"pos": 4, "track_uri": uri(2)},
    ]


def test_a_challenge_playlist_is_as_long_as_it_says(tmp_path: Path) -> None:
    for field, says in (
        ("num_samples", "as many tracks as num_samples says, received 1"),
        ("num_holdouts", "num_samples \\+ num_holdouts = num_tracks, received 8 and 3"),
    ):
        wrong = {**told(1, [(0, 8)], length=3), field: 7}
        file = write_challenge_set(tmp_path / "challenge_set.json", [wrong])
        with pytest.raises(DataError, match=f"playlist 1 .number 1 of the file.: expected {says}"):
            read_challenge_playlists(file)
