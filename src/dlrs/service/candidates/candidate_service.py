"""CandidateService: `CandidateSource` over the catalogues that this process holds."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence

import numpy as np

from dlrs.candidates.filtering.filters import Filter
from dlrs.candidates.live.items import decoded, encoded
from dlrs.errors import DataError, Unavailable, WrongBundle
from dlrs.service.candidates import finding, history
from dlrs.service.candidates.catalogue import Catalogue
from dlrs.service.candidates.encoding import embedded, raw_table, sound
from dlrs.service.candidates.popular import popular_places
from dlrs.service.clock import Clock
from dlrs.service.metrics import Metrics
from dlrs.service.seams import CandidateAnswer, CandidateRequest, Gone, Item, Raw, Wanted
from dlrs.service.stores import ItemStore

MOST_CHANGES = 10_000
"""Changes that `gone` looks at at once."""

TRIES = 100
"""Changes of some features that are done again because another change of the item came first."""


class CandidateService:
    """The Candidate Service of this process; see `seams.CandidateSource`."""

    def __init__(
        self,
        held: Callable[[], Mapping[str, Catalogue]],
        store: ItemStore,
        clock: Clock,
        metrics: Metrics,
        used: Callable[[str], None] = lambda bundle_id: None,
    ) -> None:
        """Serve the catalogues that are `held` at the moment of each call, by the ids of their bundles.

        `used` hears which bundle was asked for, so that it stays open.
        """
        self._held, self._store, self._clock, self._metrics, self._used = held, store, clock, metrics, used

    def candidates(self, request: CandidateRequest) -> CandidateAnswer:
        """Return candidates; see `seams.CandidateSource`."""
        return finding.find(self._catalogue(request.bundle_id), request)

    def represent(self, bundle_id: str, ids: Sequence[str]) -> CandidateAnswer:
        """Return what ItemNet made of those items that are there."""
        return finding.represent(self._catalogue(bundle_id), encoded(ids))

    def items(self, ids: Sequence[str]) -> Mapping[str, Item]:
        """Return the raw features of items by id."""
        return history.items_now(self._store, self._newest_first(), list(dict.fromkeys(ids)))

    def versions(self, wanted: Sequence[Wanted]) -> Sequence[Raw | None]:
        """Return the features that items had."""
        return history.versions(self._store, self._newest_first(), wanted)

    def gone(self, after: int) -> Gone:
        """Return what was deleted after a change, and did not come back up to `Gone.seq`."""
        changes = self._store.after(after, MOST_CHANGES)
        newest = {change.item_id: change for change in changes}
        ids = [id for id, change in newest.items() if change.features is None]
        return Gone(changes[-1].seq if changes else after, ids)

    def popular(self, bundle_id: str, count: int, filters: Sequence[Filter] = ()) -> Sequence[str]:
        """Return the ids of the most popular items that are there and pass."""
        catalogue = self._catalogue(bundle_id)
        view = catalogue.live.view()
        places = popular_places(view, catalogue.items.popular_ids, count, filters)
        return decoded(view.take(places).ids_N)

    def put(self, items: Mapping[str, Raw]) -> int:
        """Add items or new versions; on return they are safe, and found here and by all other processes.

        Raises:
            DataError: an id cannot be kept, or ItemNet makes no finite numbers of an item; none was taken.
            Unavailable: they are safe, but not found yet.
        """
        return self._put(items)

    def change(self, items: Mapping[str, Raw], gone: Sequence[str]) -> tuple[int | None, Sequence[str]]:
        """Add items or new versions as `put` does, and delete others, all in one step.

        Returns:
            The number of the change, None where there was nothing to do; and who of `gone` was there.
        """
        known = self.items(gone)
        there = [id for id in dict.fromkeys(gone) if id in items or (id in known and not known[id].gone)]
        if not items and not there:
            return None, there
        return self._put({**items, **dict.fromkeys(there)}), there

    def patch(self, item_id: str, changed: Raw) -> int | None:
        """Change some features of an item, as `put` does; return None if it is not there.

        What others change, or delete, at the same time is not undone.
        """
        for _ in range(TRIES):
            seen = self._store.last()
            item = self.items([item_id]).get(item_id)
            if item is None or item.gone:
                return None
            if seq := self._put({item_id: {**item.features, **changed}}, unchanged_since=seen):
                return seq
        raise Unavailable(
            f"item '{item_id[:60]}': expected a moment without other changes of it, received none. Ask again."
        )

    def delete(self, ids: Sequence[str]) -> Sequence[str]:
        """Delete items; on return that is safe, and nobody finds them.

        Raises:
            Unavailable: it is safe, but an item may be found for some moments.
        """
        return self.change({}, ids)[1]

    def _put(self, items: Mapping[str, Raw | None], unchanged_since: int | None = None) -> int:
        began = time.perf_counter()
        came = {id: raw for id, raw in items.items() if raw is not None}
        encoded(list(came))
        self._require_sound(came)
        if seq := self._change(items, unchanged_since):
            spent = time.perf_counter() - began
            if came:
                self._metrics.item_found.observe(spent)
            if len(came) < len(items):
                self._metrics.item_gone.observe(spent)
        return seq

    def _change(self, items: Mapping[str, Raw | None], unchanged_since: int | None = None) -> int:
        catalogues = self._newest_first()
        # a bundle holds all that came of items until then, so nothing new may be older
        at = max([self._clock(), *(catalogue.items_as_of for catalogue in catalogues)])
        seq = self._store.put(items, at, unchanged_since=unchanged_since)
        for catalogue in catalogues:
            catalogue.wake()
        for catalogue in catalogues:
            catalogue.wait_for(seq)
        return seq

    def _require_sound(self, items: Mapping[str, Raw]) -> None:
        for catalogue in self._newest_first()[:1] if items else ():
            table = raw_table(catalogue.bundle.recipe.marketplace.features, list(items.values()))
            sound_N = sound(embedded(catalogue.bundle, table))
            if not sound_N.all():
                id = list(items)[int(np.flatnonzero(~sound_N)[0])]
                raise DataError(
                    f"item '{id[:60]}': expected features of which ItemNet makes finite numbers, received "
                    "some that are too large. Mend its numbers; none of the items was taken."
                )

    def _catalogue(self, bundle_id: str) -> Catalogue:
        held = self._held()
        if bundle_id not in held:
            if not held:
                raise Unavailable("candidates: expected a bundle, received none yet. Ask again soon.")
            raise WrongBundle(bundle_id, list(held))
        self._used(bundle_id)
        return held[bundle_id]

    def _newest_first(self) -> list[Catalogue]:
        return sorted(self._held().values(), key=lambda catalogue: -catalogue.items_as_of)
