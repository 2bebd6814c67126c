"""Slices as large as those of the Million Playlist Dataset, or a share of them, with nothing real in them.

    python benchmarks/synthetic_playlists.py OUT --share 1/20

At share 1 there are 1,000,000 playlists with 66 tracks on average out of 2.26 million, in 1,000 files of some
33 MB, a track twice in none. A track's popularity falls like 1/(rank + 20), so does the number of tracks of
an artist. Each artist is of one mood, and a playlist has one, too: most of its tracks are of it, and its
title is made of the mood's words. So there is something to learn, and time and memory can be measured; what
is found says nothing about the real data.
"""

from __future__ import annotations

import argparse
import json
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np

from dlrs.arrays import Ints, gather_ranges
from dlrs.progress import track

PLAYLISTS, TRACKS, ARTISTS, ALBUMS = 1_000_000, 2_262_292, 295_860, 734_684
SLICE = 1_000
MEAN_LENGTH, SHORTEST, LONGEST = 66, 5, 250
HEAD = 20
MOODS = 300
DRAWN = 2
"""So many tracks are drawn for each that a playlist keeps: of those that come again one is."""
OF_THE_MOOD = 0.8
SYLLABLES = ("ba", "co", "du", "fe", "gi", "la", "mo", "nu", "pe", "ri", "sa", "to", "vu", "we", "xi", "zo")


@dataclass(frozen=True)
class Catalogue:
    """N tracks, the most popular first: artist, album and length of each, and the tracks of each mood."""

    artist_N: Ints
    album_N: Ints
    duration_N: Ints
    mood_offsets: Ints
    by_mood_N: Ints

    @classmethod
    def draw(cls, share: Fraction, rng: np.random.Generator) -> Catalogue:
        tracks, artists, albums = (max(50, round(share * whole)) for whole in (TRACKS, ARTISTS, ALBUMS))
        artist_N = rng.permutation(artists)[_by_rank(np.full(tracks, artists), rng)]
        album_of_artist = np.maximum(1, albums // artists)
        album_N = artist_N * 64 + rng.integers(0, 2 * album_of_artist, tracks)
        moods = max(5, round(MOODS * float(share) ** 0.5))
        mood_N = artist_N % moods
        by_mood_N = np.argsort(mood_N, kind="stable")
        offsets = np.searchsorted(mood_N[by_mood_N], np.arange(moods + 1))
        return cls(artist_N, album_N, rng.integers(60_000, 400_000, tracks), offsets, by_mood_N)

    @property
    def moods(self) -> int:
        return len(self.mood_offsets) - 1

    def draws(self, mood_E: Ints, rng: np.random.Generator) -> Ints:
        """Return tracks, most of them of the moods given."""
        track_E = self._of_mood(mood_E, rng)
        anything_E = rng.random(len(mood_E)) >= OF_THE_MOOD
        track_E[anything_E] = _by_rank(np.full(int(anything_E.sum()), len(self.artist_N)), rng)
        return track_E

    def _of_mood(self, mood_E: Ints, rng: np.random.Generator) -> Ints:
        """Return a track of each mood, or any where a mood has none."""
        sizes_E = self.mood_offsets[mood_E + 1] - self.mood_offsets[mood_E]
        rank_E = _by_rank(np.maximum(sizes_E, 1), rng)
        place_E = np.minimum(self.mood_offsets[mood_E] + rank_E, len(self.by_mood_N) - 1)
        return self.by_mood_N[place_E]


def _by_rank(sizes_E: Ints, rng: np.random.Generator) -> Ints:
    """Return a rank below each size, as often as 1/(rank + HEAD)."""
    ranks = np.floor(HEAD * ((1 + sizes_E / HEAD) ** rng.random(len(sizes_E)) - 1)).astype(np.int64)
    return np.minimum(ranks, sizes_E - 1)


def write_slices(out: Path, share: Fraction, seed: int = 0) -> None:
    """Write the slices of a share of the data set into the folder `out`."""
    out.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(seed)
    catalogue = Catalogue.draw(share, rng)
    playlists = max(1, round(share * PLAYLISTS))
    for first in track(range(0, playlists, SLICE), "Write slices"):
        count = min(SLICE, playlists - first)
        text = _slice(first, count, catalogue, rng)
        (out / f"mpd.slice.{first}-{first + count - 1}.json").write_text(text, encoding="utf-8")


def _slice(first: int, count: int, catalogue: Catalogue, rng: np.random.Generator) -> str:
    wanted_U = np.clip(rng.lognormal(np.log(MEAN_LENGTH) - 0.35, 0.9, count), SHORTEST, LONGEST).astype(
        np.int64
    )
    mood_U = _by_rank(np.full(count, catalogue.moods), rng)
    track_E, lengths_U = _distinct(catalogue.draws(np.repeat(mood_U, DRAWN * wanted_U), rng), wanted_U)
    pos_E = gather_ranges(np.zeros(count, dtype=np.int64), lengths_U)
    entries = [_entry(pos, row, catalogue) for pos, row in zip(pos_E.tolist(), track_E.tolist(), strict=True)]
    starts = np.concatenate(([0], np.cumsum(lengths_U))).tolist()
    texts = [
        _playlist(first + u, int(mood_U[u]), entries[starts[u] : starts[u + 1]], rng) for u in range(count)
    ]
    info = {"generated_on": "synthetic", "slice": f"{first}-{first + count - 1}", "version": "v1"}
    return f'{{\n    "info": {json.dumps(info)},\n    "playlists": [\n' + ",\n".join(texts) + "\n    ]\n}"


def _distinct(track_D: Ints, wanted_U: Ints) -> tuple[Ints, Ints]:
    """Return the first so many tracks that differ of those drawn for each playlist, and how many."""
    owner_D = np.repeat(np.arange(len(wanted_U)), DRAWN * wanted_U)
    span = int(track_D.max()) + 1
    first = np.sort(np.unique(owner_D * span + track_D, return_index=True)[1])
    found_U = np.bincount(owner_D[first], minlength=len(wanted_U))
    lengths_U = np.minimum(found_U, wanted_U)
    return track_D[first[gather_ranges(np.cumsum(found_U) - found_U, lengths_U)]], lengths_U


def _playlist(pid: int, mood: int, entries: list[str], rng: np.random.Generator) -> str:
    facts = {
        "name": _title(mood, rng),
        "collaborative": "false",
        "pid": pid,
        "modified_at": 1_262_304_000 + 86_400 * int(rng.integers(0, 2_860)),
        "num_tracks": len(entries),
        "num_followers": 1,
    }
    head = json.dumps(facts, indent=4).removesuffix("\n}")
    return head + ',\n            "tracks": [\n' + ",\n".join(entries) + "\n            ]\n        }"


def _title(mood: int, rng: np.random.Generator) -> str:
    words = (_word(mood, 0), _word(mood, 1), "mix", "2017", "favourites", _word(mood, 2))
    chosen = rng.choice(
        len(words), int(rng.integers(1, 4)), replace=False, p=(0.4, 0.2, 0.1, 0.05, 0.05, 0.2)
    )
    return " ".join(words[i] for i in sorted(chosen))


def _word(mood: int, which: int) -> str:
    number = mood * 7 + which * 3_001
    return "".join(SYLLABLES[(number >> shift) & 15] for shift in (0, 4, 8))


def _entry(pos: int, row: int, catalogue: Catalogue) -> str:
    artist, album = int(catalogue.artist_N[row]), int(catalogue.album_N[row])
    indent = " " * 20
    lines = (
        f'"pos": {pos}',
        f'"artist_name": "Artist {artist}"',
        f'"track_uri": "spotify:track:{row:022d}"',
        f'"artist_uri": "spotify:artist:{artist:022d}"',
        f'"track_name": "Song number {row} (feat. nobody)"',
        f'"album_uri": "spotify:album:{album:022d}"',
        f'"duration_ms": {int(catalogue.duration_N[row])}',
        f'"album_name": "Album {album} of artist {artist}"',
    )
    return " " * 16 + "{\n" + ",\n".join(indent + line for line in lines) + "\n" + " " * 16 + "}"


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("out", type=Path)
    parser.add_argument("--share", type=Fraction, default=Fraction(1, 20))
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    write_slices(given.out, given.share, given.seed)
