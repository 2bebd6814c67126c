"""Indexing: changes of the item storage on their way into a live index.

A change that cannot be taken (ItemNet makes no finite numbers of it) must not stop those behind it: its
item is not found any more, in no version, it is logged and counted, and the next one has its turn.
"""

from __future__ import annotations

from collections.abc import Sequence

import structlog

from dlrs.candidates.live.live_index import LiveIndex
from dlrs.errors import ArtifactError, DataError
from dlrs.service.bundle import ServingBundle
from dlrs.service.candidates.bundle_items import BundleItems
from dlrs.service.candidates.encoding import as_they_stand, embedded, raw_table
from dlrs.service.metrics import Metrics
from dlrs.service.stores import ItemChange

log = structlog.get_logger(__name__)


def apply(
    live: LiveIndex,
    changes: Sequence[ItemChange],
    bundle: ServingBundle,
    items: BundleItems,
    since: int,
    metrics: Metrics,
) -> None:
    """Bring changes, ascending, into a live index; those before `since` are in the bundle's items already.

    Raises:
        ArtifactError: the disk has no room; then nothing is lost, and the mark says what was done.
    """
    try:
        _apply(live, changes, bundle, items, since)
    except ArtifactError:
        raise
    except Exception as error:
        if len(changes) > 1:
            half = len(changes) // 2
            apply(live, changes[:half], bundle, items, since, metrics)
            apply(live, changes[half:], bundle, items, since, metrics)
            return
        log.error("an item was skipped", seq=changes[0].seq, item=changes[0].item_id[:60], error=str(error))
        metrics.items_skipped.inc()
        _skip(live, changes[0])


def _apply(
    live: LiveIndex, changes: Sequence[ItemChange], bundle: ServingBundle, items: BundleItems, since: int
) -> None:
    newest = {change.item_id: change for change in changes if change.time >= since}
    came = {id: change.features for id, change in newest.items() if change.features is not None}
    gone = [id for id in newest if id not in came]
    last = changes[-1].seq
    if came:
        table = raw_table(bundle.recipe.marketplace.features, list(came.values()))
        made, ids = embedded(bundle, table), list(came)
        made = as_they_stand(made, items.rows(ids), items.representations, bundle.nets)
        live.upsert(ids, made, table, mark=None if gone else last)
    if gone or not came:
        live.delete(gone, mark=last)


def _skip(live: LiveIndex, change: ItemChange) -> None:
    try:
        live.delete([change.item_id], mark=change.seq)
    except DataError:  # not even its id can be kept
        live.delete([], mark=change.seq)
