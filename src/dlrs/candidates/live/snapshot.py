"""Snapshot: the items of a live index at one moment, with an index over them; written once, mapped by all.

items/       ids, embeddings and wide scalars, ascending by id
index/       what the index needs beside the embeddings
manifest     which change was the last that it holds, and the settings of the index
"""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import ExitStack
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np

from dlrs.arrays import GrowingArray
from dlrs.bundle import open_folder, writing
from dlrs.candidates.building import build_index, load_index
from dlrs.candidates.index import ItemIndex
from dlrs.candidates.live.items import LiveItems
from dlrs.candidates.vectors import ItemVectors
from dlrs.recipe import Candidates

KIND = "live snapshot"
WARM = 32
"""Queries that a new snapshot answers before anybody waits for it."""


@dataclass(frozen=True)
class Snapshot:
    """N items at one moment; nothing in it ever changes."""

    items: LiveItems
    index: ItemIndex
    settings: Candidates
    seq: int
    """The last change that it holds."""

    @classmethod
    def write(cls, path: Path, parts: Iterable[LiveItems], settings: Candidates, seq: int) -> Snapshot:
        """Write items, which ascend by id from part to part, build their index, and open what was written.

        There is at least one part, and all have the same type of ids.
        """
        facts: dict[str, Any] = {"seq": seq, "settings": settings.model_dump(mode="json")}
        with writing(path, KIND, facts=facts) as new:
            items = _stored(new / "items", parts)
            (new / "index").mkdir()
            build_index(ItemVectors(items.embedding_ND, settings.metric), _kind(items, settings)).save(
                new / "index"
            )
            facts["items"] = len(items)
        return cls.open(path)

    @classmethod
    def open(cls, path: Path) -> Snapshot:
        """Map a snapshot into memory.

        Raises:
            ArtifactError: there is none, or it is damaged.
        """
        folder = open_folder(path, KIND)
        settings = Candidates.model_validate(folder.facts["settings"])
        items = LiveItems.load(path / "items")
        vectors = ItemVectors(items.embedding_ND, settings.metric)
        index = load_index(path / "index", vectors, _kind(items, settings))
        return cls(items, index, settings, folder.facts["seq"])

    def __len__(self) -> int:
        return len(self.items)

    def warm(self, count: int) -> None:
        """Answer a few queries, so that the first real one waits for no disk and no first-time work."""
        some = np.linspace(0, len(self) - 1, min(WARM, len(self))).astype(np.int64)
        self.index.propose(self.items.embedding_ND[some], count)


def _kind(items: LiveItems, settings: Candidates) -> Candidates:
    """Return the settings, those of the exact index where there is nothing to find clusters or codes from."""
    return settings if len(items) else settings.model_copy(update={"index": "exact"})


def _stored(folder: Path, parts: Iterable[LiveItems]) -> LiveItems:
    folder.mkdir()
    names = [field.name for field in fields(LiveItems)]
    with ExitStack() as stack:
        columns = [stack.enter_context(GrowingArray(folder / f"{name}.npy")) for name in names]
        for part in parts:
            for name, column in zip(names, columns, strict=True):
                column.append(getattr(part, name))
    return LiveItems.load(folder)
