"""Reverse: the best users for an item, or for every item, from the current bundle."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from dlrs.arrays import NO_ITEM
from dlrs.bundle import current_bundle
from dlrs.errors import DataError
from dlrs.progress import track
from dlrs.publishing.crowd import Crowd, best_users
from dlrs.publishing.published import Published
from dlrs.publishing.recommending import RANK, SCHEMA, SCORE, write_lists
from dlrs.schema import ITEM, USER


def users_for_item(registry: Path, item_id: str, k: int) -> list[tuple[str, float]]:
    """Return ids and logits of the k users of the current bundle that suit an item best, best first.

    All users that the bundle knows something of are scored; those who met the item are left out.

    Raises:
        DataError: the bundle has no such item.
        ArtifactError: nothing was published, or an older dlrs did.
    """
    published = Published.load(current_bundle(registry))
    ids = published.items[ITEM]
    row = pc.index_in(pa.scalar(item_id, ids.type), value_set=ids).as_py()
    if row is None:
        raise DataError(
            f"--for-item: expected the id of an item of bundle {published.bundle_id}, like '{ids[0]}', "
            f"received '{item_id}'. Only items that were there at the end of the log are in it."
        )
    item = published.representations.take(np.array([row]))
    return best_users(Crowd.open(published.folder), published.recommender.nets, item_id, item, k)


def users_for_every_item(registry: Path, out: Path, k: int) -> dict[str, Any]:
    """Write the k best users of every item of the current bundle: user_id, item_id, rank from 1, score.

    By item and rank, into a Parquet file that is whole or not there. Returns the bundle's id and how many
    items and rows there are.

    Raises:
        ArtifactError: nothing was published, or an older dlrs did; something else is at `out`.
    """
    published = Published.load(current_bundle(registry))
    crowd, ids = Crowd.open(published.folder), published.items[ITEM].cast(pa.string())
    rows = write_lists(lambda _: _tables(published, crowd, ids, k), out.resolve(), published.bundle_id)
    return {"bundle_id": published.bundle_id, "items": len(ids), "rows": rows}


def _tables(published: Published, crowd: Crowd, ids: pa.ChunkedArray, k: int) -> Iterator[pa.Table]:
    items = published.representations
    blocks = crowd.best_of_each(published.recommender.nets, items, ids.to_pylist(), k)
    for first, places_BK, logits_BK in track(blocks, "Find users for every item"):
        item_R, place_R = np.nonzero(places_BK != NO_ITEM)
        columns = {
            USER: pa.array(crowd.ids(places_BK[item_R, place_R]), pa.string()),
            ITEM: ids.take(pa.array(first + item_R)),
            RANK: place_R + 1,
            SCORE: logits_BK[item_R, place_R],
        }
        yield pa.table(columns).cast(SCHEMA)
