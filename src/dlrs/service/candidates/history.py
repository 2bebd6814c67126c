"""History: which features an item has, had, or had last: the item storage, and the bundles held.

A bundle holds all that came of items before their table was read (`ServingBundle.items_as_of`). So an item is
what the newest bundle says of it, until a change of the item storage that is younger than that.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from dlrs.service.candidates.catalogue import Catalogue
from dlrs.service.seams import Item, Raw, Wanted
from dlrs.service.stores import ItemChange, ItemStore


def items_now(store: ItemStore, catalogues: Sequence[Catalogue], ids: Sequence[str]) -> dict[str, Item]:
    """Return the items that anybody ever heard of; the newest catalogue comes first."""
    latest = store.latest(ids)
    bundled = [catalogue.items.features(ids) for catalogue in catalogues]
    found, without = {}, []
    for id in ids:
        change = latest.get(id)
        if change is not None and not (catalogues and change.time < catalogues[0].items_as_of):
            if change.features is None:
                without.append(id)
            else:
                found[id] = Item(id, change.features)
        elif bundled and id in bundled[0]:
            found[id] = Item(id, bundled[0][id])
        elif change is not None or any(id in features for features in bundled):
            without.append(id)
    return found | _gone(store, bundled, latest, without)


def versions(store: ItemStore, catalogues: Sequence[Catalogue], wanted: Sequence[Wanted]) -> list[Raw | None]:
    """Return the features that each item had at a time; see `CandidateSource.versions`."""
    ids = list({one.item_id for one in wanted})
    bundled = [catalogue.items.features(ids) for catalogue in catalogues]
    held = store.at(wanted)
    early = [one.item_id for one, change in zip(wanted, held, strict=True) if change is None]
    first = store.first(early) if early else {}
    return [
        _version(one, change, first.get(one.item_id), catalogues, bundled)
        for one, change in zip(wanted, held, strict=True)
    ]


def _version(
    wanted: Wanted,
    change: ItemChange | None,
    first: ItemChange | None,
    catalogues: Sequence[Catalogue],
    bundled: Sequence[dict[str, dict[str, object]]],
) -> Raw | None:
    for catalogue, features in zip(catalogues, bundled, strict=True):
        older = change is None or change.time < catalogue.items_as_of
        if older and catalogue.items_as_of <= wanted.time and wanted.item_id in features:
            return features[wanted.item_id]
    if change is not None:
        return change.features
    oldest = next((f[wanted.item_id] for f in reversed(bundled) if wanted.item_id in f), None)
    return oldest if oldest is not None else None if first is None else first.features


def _gone(
    store: ItemStore,
    bundled: Sequence[dict[str, dict[str, object]]],
    latest: Mapping[str, ItemChange],
    ids: Sequence[str],
) -> dict[str, Item]:
    """Return items as they were when they went."""
    if not ids:
        return {}
    wanted = [Wanted(id, latest[id].time - 1) for id in ids if id in latest]
    before = {one.item_id: change for one, change in zip(wanted, store.at(wanted), strict=True)}
    first = store.first(ids)  # for what came and went within one microsecond
    items = {}
    for id in ids:
        change = before.get(id) or first.get(id)
        last = change.features if change is not None else None
        features: Raw = last or next((f[id] for f in bundled if id in f), {})
        items[id] = Item(id, features, gone=True)
    return items
