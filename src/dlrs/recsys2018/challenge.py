"""The challenge set: playlists of which some tracks are told, and the ten groups that they are of."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from dlrs.arrays import Bools, Ints, gather_ranges
from dlrs.recsys2018.playlists import (
    NAME,
    PID,
    POS,
    TRACK_URI,
    Playlists,
    read_challenge_playlists,
)

LIST = 500
"""Tracks that are to be recommended to each playlist."""


@dataclass(frozen=True)
class Group:
    """What playlists of a group tell: whether there is a title, how many tracks, the first ones or any."""

    titled: bool
    seeds: int
    first: bool = True

    def __str__(self) -> str:
        """Return it in a few words."""
        if self.seeds == 0:
            return "title only"
        tracks = f"first {self.seeds}" if self.first else f"{self.seeds} at random"
        return f"{'title' if self.titled else 'no title'}, {tracks}"


GROUPS = (
    Group(True, 0),
    Group(True, 1),
    Group(True, 5),
    Group(False, 5),
    Group(True, 10),
    Group(False, 10),
    Group(True, 25),
    Group(True, 25, first=False),
    Group(True, 100),
    Group(True, 100, first=False),
)
"""In the order of the organisers' list; a challenge has as many playlists of each."""


@dataclass(frozen=True)
class Challenge:
    """U playlists to be continued; the entries are their seeds."""

    playlists: Playlists

    @classmethod
    def read(cls, file: Path) -> Challenge:
        """Read a challenge set as distributed, or as `cutting` wrote it.

        Raises:
            DataError: it is none, or damaged.
        """
        return cls(read_challenge_playlists(file))

    def __len__(self) -> int:
        return int(self.playlists.facts.num_rows)

    @cached_property
    def pid_U(self) -> Ints:
        """Their ids."""
        pids: Ints = self.playlists.facts[PID].to_numpy().astype(np.int64)
        return pids

    @property
    def titles(self) -> pa.ChunkedArray:
        """Their titles, null where none is told."""
        return self.playlists.facts[NAME]

    @property
    def seeds(self) -> pa.ChunkedArray:
        """The URI of each seed, playlist by playlist, as they stand in it."""
        return self.playlists.entries[TRACK_URI]

    @cached_property
    def group_U(self) -> Ints:
        """Which of `GROUPS` each is of; −1 for none of them."""
        titled_U = pc.is_valid(self.titles).to_numpy()
        seeds_U, first_U = np.diff(self.playlists.offsets_U1), self._told_from_the_start()
        group_U = np.full(len(self), -1)
        for number, group in enumerate(GROUPS):
            same_U = (titled_U == group.titled) & (seeds_U == group.seeds) & (first_U == group.first)
            group_U[same_U] = number
        return group_U

    def _told_from_the_start(self) -> Bools:
        """Tell of which playlists the seeds are the first tracks: at positions 0, 1, 2, …"""
        offsets_U1 = self.playlists.offsets_U1
        place_E = gather_ranges(np.zeros(len(self), dtype=np.int64), np.diff(offsets_U1))
        elsewhere_E = self.playlists.entries[POS].to_numpy() != place_E
        before_E1 = np.concatenate(([0], np.cumsum(elsewhere_E)))
        told: Bools = np.diff(before_E1[offsets_U1]) == 0
        return told


def write_challenge(file: Path, playlists: Playlists) -> None:
    """Write a challenge set in the organisers' format; what is null is left out."""
    content = {"date": "", "version": "local", "playlists": list(_as_json(playlists))}
    file.write_text(json.dumps(content, ensure_ascii=False, indent=4), encoding="utf-8")


def _as_json(playlists: Playlists) -> Iterator[dict[str, Any]]:
    for row, facts in enumerate(playlists.facts.to_pylist()):
        first, end = playlists.offsets_U1[row : row + 2].tolist()
        tracks = [_without_nulls(entry) for entry in playlists.entries.slice(first, end - first).to_pylist()]
        yield {**_without_nulls(facts), "tracks": tracks}


def _without_nulls(record: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in record.items() if value is not None}
