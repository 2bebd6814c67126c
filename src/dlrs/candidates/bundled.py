"""BundledItems: the items of a bundle, as they are stored in it and as whoever opens it has them.

live/snapshot   a snapshot of a live index: ids, representations, index, and what filters look at
items.arrow     what else there is of the items: free text, numbers of versions; the same order
retrieval/      what the strategy needs beside the index

Everything is mapped: to open millions of items takes milliseconds. A bundle of an older dlrs has them in
items.parquet, representations/, attributes/ and retrieval/, or only the first two, and opens as well.

    A items, ascending by id
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from dlrs.candidates.filtering.attributes import Attributes
from dlrs.candidates.live.facts import form_of, laid_out
from dlrs.candidates.live.items import Ids, LiveItems, encoded
from dlrs.candidates.live.snapshot import Kept, Snapshot, mapped
from dlrs.candidates.retrieval import Retrieval
from dlrs.candidates.vectors import ItemVectors
from dlrs.features.rows import EncodedRows
from dlrs.model.forward import Representations
from dlrs.model.nets import AnyNets
from dlrs.model.prior import Standing
from dlrs.recipe import Recipe
from dlrs.schema import ITEM

LIVE, REST, RETRIEVAL = "live", "items.arrow", "retrieval"
SNAPSHOT = "live/snapshot"
"""In a folder of its own, for that of the bundle is locked while it is written."""

OLD_ITEMS, OLD_REPRESENTATIONS, OLD_ATTRIBUTES = "items.parquet", "representations", "attributes"


@dataclass(frozen=True)
class BundledItems:
    """A items with their raw features, what ItemNet made of them, and what they are found with."""

    ids_A: Ids
    table: pa.Table
    representations: Representations
    retrieval: Retrieval
    attributes: Attributes
    snapshot: Path | None
    """Where a live index may begin; None in a bundle of an older dlrs."""

    @classmethod
    def write(
        cls,
        folder: Path,
        items: pa.Table,
        versions: EncodedRows,
        nets: AnyNets,
        recipe: Recipe,
        standing: Standing | None,
    ) -> None:
        """Write items and their encoded `versions`, in the same order, into a bundle.

        `standing` says how each stands; without it all have just come, and none is popular.

        Raises:
            DataError: an id cannot be kept, see `live.items.encoded`, or a representation is not finite.
        """
        ids = items[ITEM].cast(pa.string()).to_pylist()
        order_A = np.argsort(encoded(ids), kind="stable")
        if not np.array_equal(order_A, np.arange(len(ids))):
            items, versions = items.take(order_A), versions.take(order_A)
            ids = items[ITEM].cast(pa.string()).to_pylist()
            standing = None if standing is None else standing.take(order_A)
        features = recipe.marketplace.features
        form, kept = form_of(features), Kept(recipe.candidates, features)
        made = nets.embed_items(versions)
        if standing is not None:
            made = nets.placed(made, standing)
        part = LiveItems.of(ids, made), laid_out(ids, items, form)
        snapshot = Snapshot.write(folder / SNAPSHOT, [part], kept, seq=0)
        rest = items.drop_columns([name for name in items.column_names if name in form.names])
        with pa.ipc.new_file(folder / REST, rest.schema) as file:
            file.write_table(rest.combine_chunks())
        vectors = ItemVectors(snapshot.items.embedding_ND, recipe.candidates.metric)
        recent_A = None if standing is None else standing.recent_N
        retrieval = Retrieval.build(vectors, recipe.candidates, recent_A, snapshot.index)
        retrieval.save_beside(folder / RETRIEVAL)

    @classmethod
    def open(cls, folder: Path, recipe: Recipe) -> Self:
        """Map what `write` wrote; what a bundle of an older dlrs lacks is built. ArtifactError if damaged."""
        if not (folder / LIVE).is_dir():
            return cls._open_older(folder, recipe)
        snapshot = Snapshot.open(folder / SNAPSHOT)
        assert snapshot.facts is not None
        assert snapshot.attributes is not None
        table, rest = snapshot.facts, mapped(folder / REST)
        for name in rest.column_names:
            table = table.append_column(name, rest[name])
        items = snapshot.items.representations
        vectors = ItemVectors(items.embedding_ND, recipe.candidates.metric)
        retrieval = Retrieval.load(folder / RETRIEVAL, vectors, recipe.candidates, snapshot.index)
        return cls(snapshot.items.ids_N, table, items, retrieval, snapshot.attributes, folder / SNAPSHOT)

    @classmethod
    def _open_older(cls, folder: Path, recipe: Recipe) -> Self:
        table = pq.read_table(folder / OLD_ITEMS)
        items = Representations.load(folder / OLD_REPRESENTATIONS)
        vectors, settings = ItemVectors(items.embedding_ND, recipe.candidates.metric), recipe.candidates
        stored = (folder / RETRIEVAL).is_dir()
        retrieval = (
            Retrieval.load(folder / RETRIEVAL, vectors, settings)
            if stored
            else Retrieval.build(vectors, settings)
        )
        if (folder / OLD_ATTRIBUTES).is_dir():
            attributes = Attributes.load(folder / OLD_ATTRIBUTES)
        else:
            attributes = Attributes.build(table, recipe.marketplace.features)
        return cls(encoded(table[ITEM].to_pylist()), table, items, retrieval, attributes, None)
