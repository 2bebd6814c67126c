"""Snapshot: the items of a live index at one moment, with an index over them; written once, mapped by all.

items/         ids, embeddings and wide scalars, ascending by id
index/         what the index needs beside the embeddings
facts.arrow    raw features, where there are filters, and
attributes/    the same laid out for filters
manifest       which change was the last that it holds, the settings of the index, the features
"""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import ExitStack
from dataclasses import dataclass, fields
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from dlrs.arrays import GrowingArray
from dlrs.bundle import open_folder, writing
from dlrs.candidates.building import build_index, load_index
from dlrs.candidates.filtering.attributes import Attributes
from dlrs.candidates.index import ExcludingIndex, ItemIndex
from dlrs.candidates.live.facts import form_of
from dlrs.candidates.live.items import LiveItems
from dlrs.candidates.vectors import ItemVectors
from dlrs.schema import Features
from dlrs.settings.candidates import Candidates

KIND = "live snapshot"
FACTS = "facts.arrow"

WARM = 32
"""Queries that a new snapshot answers before anybody waits for it."""

Part = tuple[LiveItems, pa.Table | None]
"""Some items, and their raw features where there are filters."""


@dataclass(frozen=True)
class Kept:
    """What a live index keeps from snapshot to snapshot: the index's settings, and what to filter by."""

    settings: Candidates
    features: Features | None

    @property
    def form(self) -> pa.Schema | None:
        """See `facts.form_of`; None where there are no filters."""
        return None if self.features is None else form_of(self.features)


@dataclass(frozen=True)
class Snapshot:
    """N items at one moment; nothing in it ever changes."""

    items: LiveItems
    index: ItemIndex
    facts: pa.Table | None
    attributes: Attributes | None
    kept: Kept
    seq: int
    """The last change that it holds."""

    @classmethod
    def write(cls, path: Path, parts: Iterable[Part], kept: Kept, seq: int) -> Snapshot:
        """Write items, which ascend by id from part to part, build their index, and open what was written.

        There is at least one part, and all have the same type of ids.
        """
        features = None if kept.features is None else kept.features.model_dump(mode="json")
        facts = {"seq": seq, "settings": kept.settings.model_dump(mode="json"), "features": features}
        with writing(path, KIND, facts=facts) as new:
            _write_items(new, parts, kept.form)
            items = LiveItems.load(new / "items")
            index = build_index(ItemVectors(items.embedding_ND, kept.settings.metric), _kind(items, kept))
            (new / "index").mkdir()
            index.save(new / "index")
            if kept.features is not None:
                Attributes.build(mapped(new / FACTS), kept.features).save(new / "attributes")
            facts["items"] = len(items)
        return cls.open(path)

    @classmethod
    def open(cls, path: Path) -> Snapshot:
        """Map a snapshot into memory.

        Raises:
            ArtifactError: there is none, or it is damaged.
        """
        folder = open_folder(path, KIND)
        features = folder.facts["features"]
        kept = Kept(
            Candidates.model_validate(folder.facts["settings"]),
            None if features is None else Features.model_validate(features),
        )
        items = LiveItems.load(path / "items")
        vectors = ItemVectors(items.embedding_ND, kept.settings.metric)
        index = load_index(path / "index", vectors, _kind(items, kept))
        facts = None if features is None else mapped(path / FACTS)
        attributes = None if features is None else Attributes.load(path / "attributes")
        return cls(items, index, facts, attributes, kept, folder.facts["seq"])

    def __len__(self) -> int:
        return len(self.items)

    @cached_property
    def can_exclude(self) -> bool:
        """Whether the index is an `ExcludingIndex`."""
        return isinstance(self.index, ExcludingIndex)

    def warm(self) -> None:
        """Answer a few queries, so that the first real one waits for no disk and no first-time work.

        One by one, as requests come: memory for all together would stay taken for nothing.
        """
        for row in np.linspace(0, len(self) - 1, min(WARM, len(self))).astype(np.int64):
            self.index.propose(self.items.embedding_ND[row : row + 1], self.kept.settings.count)


def _kind(items: LiveItems, kept: Kept) -> Candidates:
    """Return the settings, those of the exact index where there is nothing to find clusters or codes from."""
    return kept.settings if len(items) else kept.settings.model_copy(update={"index": "exact"})


def _write_items(folder: Path, parts: Iterable[Part], form: pa.Schema | None) -> None:
    (folder / "items").mkdir()
    names = [field.name for field in fields(LiveItems)]
    with ExitStack() as stack:
        columns = [stack.enter_context(GrowingArray(folder / "items" / f"{name}.npy")) for name in names]
        table: Any = None if form is None else stack.enter_context(pa.ipc.new_file(folder / FACTS, form))
        for items, facts in parts:
            for name, column in zip(names, columns, strict=True):
                column.append(getattr(items, name))
            if table is not None:
                table.write_table(facts)


def mapped(file: Path) -> pa.Table:
    """Map the table of an Arrow file into memory."""
    with pa.memory_map(str(file)) as stream:
        return pa.ipc.open_file(stream).read_all()
