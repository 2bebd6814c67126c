"""Cutting: a challenge of one's own, out of playlists that were loaded, as the organisers made theirs.

As many playlists of each of the ten groups are drawn from those that are long enough, and vanish from what is
learned from. As in the organisers' set, every track of them, told or to be found, is in a playlist that
stays.

answers.parquet     pid, pos, track_uri, artist_uri: what is to be found. A track that is told already, or
                    comes again, is not in it: nobody may, or need, submit it

    U playlists, E entries of all; C playlists that are drawn
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from dlrs import bundle
from dlrs.arrays import Bools, Ints, distinct, gather_ranges
from dlrs.bundle import Folder
from dlrs.errors import DataError
from dlrs.progress import stage
from dlrs.recsys2018.challenge import GROUPS, Group, write_challenge
from dlrs.recsys2018.loading import ENTRIES, ENTRY_SCHEMA, KIND, NUMBER, PLAYLISTS, TRACK_TABLE, Growing
from dlrs.recsys2018.playlists import (
    ARTIST_URI,
    CHALLENGE,
    HOLDOUTS,
    NAME,
    PID,
    POS,
    SAMPLES,
    TRACK,
    TRACK_URI,
    TRACKS,
    Playlists,
)

CHALLENGE_SET, ANSWERS = "challenge_set.json", "answers.parquet"


@dataclass(frozen=True)
class Drawn:
    """C playlists of a challenge, in the order of the groups: their rows, and the group of each."""

    row_C: Ints
    group_C: Ints


def cut(data: Path, out: Path, *, playlists: int = 10_000, seed: int = 0) -> Folder:
    """Cut a local challenge from what `load` wrote: `out` is like it, without the playlists drawn.

    Args:
        data: folder that `load` wrote.
        out: folder to write, with the challenge set and its answers beside the tables.
        playlists: of the challenge, a tenth of each group.
        seed: another one draws other playlists.

    Raises:
        DataError: there are too few playlists for some group.
        ArtifactError: `data` is no such folder, or something else is at `out`.
    """
    loaded = bundle.open_folder(data, KIND)
    facts: dict[str, Any] = dict(loaded.facts)
    with bundle.writing(out, KIND, facts=facts) as folder:
        facts |= _cut(loaded, folder, playlists, np.random.default_rng(seed))
    return bundle.open_folder(out, KIND)


def _cut(loaded: Folder, folder: Path, count: int, rng: np.random.Generator) -> dict[str, int]:
    listed = pq.read_table(loaded / PLAYLISTS)
    with stage("Draw the playlists of a challenge"):
        track_E: Ints = pq.read_table(loaded / ENTRIES, columns=[NUMBER])[NUMBER].to_numpy()
        offsets_U1 = np.concatenate(([0], np.cumsum(listed[TRACKS].to_numpy(), dtype=np.int64)))
        places = Places(track_E, offsets_U1)
        drawn = draw(places, pc.is_valid(listed[NAME]).to_numpy(), count, rng)
    with stage("Write the challenge"):
        answers = _write_challenge(loaded, folder, listed, drawn, places, rng)
        stays_U = np.ones(listed.num_rows, dtype=np.bool_)
        stays_U[drawn.row_C] = False
        pq.write_table(listed.filter(pa.array(stays_U)), folder / PLAYLISTS, compression="zstd")
        _write_entries(loaded, folder, listed[PID].take(pa.array(drawn.row_C)))
        shutil.copy(loaded / TRACK_TABLE, folder)
    left = int(np.diff(offsets_U1)[stays_U].sum())
    return {
        "playlists": int(stays_U.sum()),
        "entries": left,
        "challenge": len(drawn.row_C),
        "answers": answers,
    }


def draw(places: Places, titled_U: Bools, count: int, rng: np.random.Generator) -> Drawn:
    """Draw a tenth of `count` playlists for each group.

    They have more tracks than their group tells, and every track of theirs is in some playlist that stays.

    Args:
        places: which tracks are in which playlists.
        titled_U: who has a title.
        count: playlists in all, a multiple of ten.
        rng: draws them.

    Raises:
        DataError: too few playlists fit a group.
    """
    size = count // len(GROUPS)
    if size < 1 or count % len(GROUPS):
        raise DataError(f"cut: expected a multiple of {len(GROUPS)} playlists, received {count}.")
    usable_U = titled_U & ~places.any_of(places.counts_T == 1)
    group_U = np.full(len(titled_U), -1)
    while True:
        for number in by_need():
            missing = size - int((group_U == number).sum())
            group_U[_chosen(GROUPS[number], missing, usable_U & (group_U < 0), places, rng)] = number
        # drawn together they may be all that has a track
        alone_T = (places.counts_T > 0) & (places.counts_T == places.count(group_U >= 0))
        lost_U = (group_U >= 0) & places.any_of(alone_T)
        if not lost_U.any():
            break
        usable_U &= ~lost_U
        group_U[lost_U] = -1
    row_C = np.flatnonzero(group_U >= 0)
    row_C = row_C[np.argsort(group_U[row_C], kind="stable")]
    return Drawn(row_C, group_U[row_C])


def by_need() -> list[int]:
    """Return the groups, those first that few playlists are long enough for."""
    return sorted(range(len(GROUPS)), key=lambda number: -GROUPS[number].seeds)


class Places:
    """Which tracks, by their numbers, are in which playlists, and how often."""

    def __init__(self, track_E: Ints, offsets_U1: Ints) -> None:
        """Take the entries playlist by playlist, where each begins, and their number at the end."""
        self.track_E, self.offsets_U1 = track_E, offsets_U1
        self.counts_T: Ints = np.bincount(track_E)
        self.lengths_U = np.diff(offsets_U1)

    @cached_property
    def distinct_U(self) -> Ints:
        """How many tracks each playlist has, each counted once."""
        playlist_E = np.repeat(np.arange(len(self.lengths_U)), self.lengths_U)
        keys = distinct(playlist_E * len(self.counts_T) + self.track_E)
        return np.bincount(keys // len(self.counts_T), minlength=len(self.lengths_U))

    def any_of(self, some_T: Bools) -> Bools:
        """Tell which playlists have one of some tracks: (U,)."""
        before_E1 = np.concatenate(([0], np.cumsum(some_T[self.track_E], dtype=np.int64)))
        found: Bools = np.diff(before_E1[self.offsets_U1]) > 0
        return found

    def count(self, some_U: Bools) -> Ints:
        """Return how many entries of some playlists each track has: (T,)."""
        chosen = np.flatnonzero(some_U)
        entries = gather_ranges(self.offsets_U1[chosen], self.lengths_U[chosen])
        return np.bincount(self.track_E[entries], minlength=len(self.counts_T))

    def tracks(self, row: int) -> Ints:
        """Return the tracks of one playlist in their order."""
        return self.track_E[self.offsets_U1[row] : self.offsets_U1[row + 1]]


def _chosen(group: Group, size: int, free_U: Bools, places: Places, rng: np.random.Generator) -> Ints:
    fit = np.flatnonzero(free_U & (places.distinct_U > group.seeds))
    if len(fit) < size:
        raise DataError(
            f"cut: expected {size} more playlists for the group '{group}', whose tracks are all in others, "
            f"too, received {len(fit)}. Ask for fewer playlists, or load more slices."
        )
    return rng.choice(fit, size, replace=False)


def told(group: Group, length: int, rng: np.random.Generator) -> Ints:
    """Return the positions of a playlist that are told: the first ones, or any in ascending order."""
    if group.first:
        return np.arange(group.seeds)
    positions = np.sort(rng.choice(length, group.seeds, replace=False))
    if positions[-1] == group.seeds - 1:  # by chance the first ones, which is another group
        positions[-1] = length - 1
    return positions


def _write_challenge(
    loaded: Folder,
    folder: Path,
    listed: pa.Table,
    drawn: Drawn,
    places: Places,
    rng: np.random.Generator,
) -> int:
    """Write the challenge set and its answers; return how many answers there are."""
    seeds, answers = [], []
    for row, number in zip(drawn.row_C.tolist(), drawn.group_C.tolist(), strict=True):
        tracks = places.tracks(row)
        positions = told(GROUPS[number], len(tracks), rng)
        seeds.append((positions, tracks[positions]))
        answers.append(hidden(tracks, positions))
    known = pq.read_table(loaded / TRACK_TABLE).drop_columns([NUMBER])
    told_C = np.array([len(positions) for positions, _ in seeds])
    write_challenge(folder / CHALLENGE_SET, _playlists(listed, drawn, seeds, told_C, known))
    pid_A = np.repeat(listed[PID].to_numpy()[drawn.row_C], [len(positions) for positions, _ in answers])
    position_A, track_A = (np.concatenate(parts) for parts in zip(*answers, strict=True))
    uris = known.select([TRACK_URI, ARTIST_URI]).take(pa.array(track_A))
    table = pa.table({PID: pid_A, POS: position_A.astype(np.int32)}).append_column(TRACK_URI, uris[TRACK_URI])
    pq.write_table(table.append_column(ARTIST_URI, uris[ARTIST_URI]), folder / ANSWERS, compression="zstd")
    return len(track_A)


def hidden(track_L: Ints, told: Ints) -> tuple[Ints, Ints]:
    """Return positions and tracks of a playlist that are to be found: each once, none that is told."""
    first = np.unique(track_L, return_index=True)[1]
    first = np.sort(first[~np.isin(track_L[first], track_L[told])])
    return first, track_L[first]


def _playlists(
    listed: pa.Table, drawn: Drawn, seeds: list[tuple[Ints, Ints]], told_C: Ints, known: pa.Table
) -> Playlists:
    rows = listed.take(pa.array(drawn.row_C))
    titled_C = np.array([group.titled for group in GROUPS])[drawn.group_C]
    facts = {
        PID: rows[PID],
        NAME: pc.if_else(pa.array(titled_C), rows[NAME].combine_chunks(), None),
        TRACKS: rows[TRACKS],
        SAMPLES: told_C,
        HOLDOUTS: rows[TRACKS].to_numpy() - told_C,
    }
    position_S, track_S = (np.concatenate(parts) for parts in zip(*seeds, strict=True))
    entries = known.take(pa.array(track_S)).append_column(POS, pa.array(position_S.astype(np.int32)))
    offsets_C1 = np.concatenate(([0], np.cumsum(told_C)))
    return Playlists(pa.table(facts).select(list(CHALLENGE)), entries.select(list(TRACK)), offsets_C1)


def _write_entries(loaded: Folder, folder: Path, drawn: pa.ChunkedArray) -> None:
    """Write the entries of all other playlists, some rows at a time."""
    with pq.ParquetFile(loaded / ENTRIES) as stored, Growing(folder / ENTRIES, ENTRY_SCHEMA) as kept:
        for batch in stored.iter_batches():
            rows = pa.Table.from_batches([batch], schema=ENTRY_SCHEMA)
            kept.append(rows.filter(pc.invert(pc.is_in(rows[PID], value_set=drawn))))
