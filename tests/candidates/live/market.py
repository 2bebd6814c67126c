"""Items whose numbers tell which item and version they are, and a live index of some."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from dlrs.candidates.live.live_index import LiveIndex
from dlrs.candidates.live.searching import Found
from dlrs.model.forward import Representations
from dlrs.settings.candidates import Candidates

WIDTH = 4
EXACT = Candidates(index="exact", metric="euclidean")
EVERYTHING = 10_000


def names(numbers: Sequence[int]) -> list[str]:
    return [f"ad-{number}" for number in numbers]


def versions(numbers: Sequence[int], version: int) -> Representations:
    """Return these items in a version: embedding number, version, 0, 1, wide scalar version."""
    embedding = np.zeros((len(numbers), WIDTH), dtype=np.float32)
    embedding[:, 0], embedding[:, 1], embedding[:, 3] = numbers, version, 1
    return Representations(embedding, np.full(len(numbers), version, dtype=np.float32))


def upsert(live: LiveIndex, numbers: Sequence[int], version: int) -> None:
    live.upsert(names(numbers), versions(numbers, version))


def make(folder: Path, count: int, settings: Candidates = EXACT) -> Path:
    """Write a live index of ad-0 … in version 0."""
    numbers = range(count)
    LiveIndex.create(folder, names(numbers), versions(numbers, 0), settings)
    return folder


def all_of(found: Found, user: int = 0) -> dict[str, int]:
    """Return the version of each item in a list; each is there once, and of one piece."""
    ids = found.ids(user)
    rows = found.candidates.positions_UT[user, : len(ids)]
    embedding, wide = found.items.embedding_ND[rows], found.items.wide_N[rows]
    assert [f"ad-{number:.0f}" for number in embedding[:, 0]] == ids
    np.testing.assert_array_equal(embedding[:, 1], wide)
    assert len(set(ids)) == len(ids)
    return dict(zip(ids, wide.astype(int).tolist(), strict=True))


def contents(live: LiveIndex) -> dict[str, int]:
    """Return the version of each item that a search finds."""
    found = all_of(live.search(np.zeros((1, WIDTH), dtype=np.float32), EVERYTHING))
    assert len(live) == len(found)
    return found


def snapshots(folder: Path) -> list[str]:
    return sorted(path.name for path in (folder / "snapshots").iterdir())
