"""Slices and challenge sets in the organisers' format, made of a few numbers.

Track n is `spotify:track:` and n in 22 digits, by artist n // 10, on album n // 5; its length is n seconds.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np


def uri(track: int) -> str:
    return f"spotify:track:{track:022d}"


def artist_uri(track: int) -> str:
    return f"spotify:artist:{track // 10:022d}"


def entry(pos: int, track: int) -> dict[str, Any]:
    return {
        "pos": pos,
        "artist_name": f"Artist {track // 10}",
        "track_uri": uri(track),
        "artist_uri": artist_uri(track),
        "track_name": f"Song {track}",
        "album_uri": f"spotify:album:{track // 5:022d}",
        "duration_ms": 1000 * track,
        "album_name": f"Album {track // 5}",
    }


def playlist(pid: int, tracks: Sequence[int], name: str | None = "my songs", **others: Any) -> dict[str, Any]:
    """Return a playlist as it stands in a slice, with a description that nobody reads."""
    titled = {} if name is None else {"name": name}
    return {
        **titled,
        "collaborative": "false",
        "pid": pid,
        "modified_at": 1_500_000_000 + 86_400 * pid,
        "num_tracks": len(tracks),
        "num_albums": 1,
        "num_followers": 1,
        "description": "unread",
        "tracks": [entry(pos, track) for pos, track in enumerate(tracks)],
        **others,
    }


def write_slice(
    folder: Path, first: int, playlists: Sequence[dict[str, Any]], last: int | None = None
) -> Path:
    """Write playlists as the slice whose name begins with `first`."""
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / f"mpd.slice.{first}-{first + 999 if last is None else last}.json"
    info = {"generated_on": "2017-12-03 08:41:42.057563", "slice": "0-999", "version": "v1"}
    file.write_text(json.dumps({"info": info, "playlists": list(playlists)}, indent=4), encoding="utf-8")
    return file


def told(
    pid: int, seeds: Sequence[tuple[int, int]], *, length: int, name: str | None = "my songs"
) -> dict[str, Any]:
    """Return a playlist of a challenge set, of which these (position, track) are told."""
    titled = {} if name is None else {"name": name}
    return {
        **titled,
        "num_holdouts": length - len(seeds),
        "pid": pid,
        "num_tracks": length,
        "tracks": [entry(pos, track) for pos, track in seeds],
        "num_samples": len(seeds),
    }


def write_challenge_set(file: Path, playlists: Sequence[dict[str, Any]]) -> Path:
    """Write a challenge set as distributed."""
    content = {"date": "2018-01-16 08:47:28.198015", "version": "v1", "playlists": list(playlists)}
    file.write_text(json.dumps(content), encoding="utf-8")
    return file


MOODS, OF_A_MOOD = 6, 200


def playlists_of_moods(count: int, seed: int = 0) -> list[dict[str, Any]]:
    """Return playlists of one mood each: its name is in their titles, nearly all of their tracks are of it.

    Mood m has the tracks from 200 m on, the first of them in most of its playlists.
    """
    rng = np.random.default_rng(seed)
    weights = 1 / (10 + np.arange(OF_A_MOOD))
    made = []
    for pid in range(count):
        mood, length = pid % MOODS, int(rng.choice([8, 20, 40, 130]))
        tracks = OF_A_MOOD * mood + rng.choice(OF_A_MOOD, length, replace=False, p=weights / weights.sum())
        strange = rng.choice(MOODS * OF_A_MOOD, length // 8, replace=False)
        tracks = rng.permutation(np.unique(np.concatenate([tracks, strange])))
        made.append(playlist(pid, tracks.tolist(), name=f"mood{mood} {['mix', 'tracks', '2017'][pid % 3]}"))
    return made
