"""LiveMoment: all that the ranker of the moment has to know in one bundle, kept up with the database.

Whichever process took an event or an item, every process that ranks finds it in the database, some
hundredths of a second later.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import structlog

from dlrs.arrays import Ints
from dlrs.past.moments import BundledMoment
from dlrs.ranking.live_past import LivePast, Now
from dlrs.ranking.shortlist import shared
from dlrs.ranking.stretch import Events
from dlrs.service.bundle import ServingBundle
from dlrs.service.clock import Clock
from dlrs.service.following import follow_until
from dlrs.service.ranking.moment.items_now import ItemsNow
from dlrs.service.ranking.moment.names import UNKNOWN, Names
from dlrs.service.seams import Erased, Event
from dlrs.service.stores import EventStore, ItemStore

EVERY = 0.05
"""Seconds between two looks at the database."""

AGAIN = 1.0
"""The same after one that failed."""

TOGETHER = 5_000
"""Events or changes of items that are read at once."""

log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Shared:
    """What is proposed to everybody: item rows, and their ids."""

    tick: int
    rows: Ints
    ids: list[str]


class LiveMoment:
    """Follows events and items; any number of threads may ask it."""

    def __init__(
        self,
        bundle: ServingBundle,
        bundled: BundledMoment,
        events: EventStore,
        items: ItemStore,
        erased: Callable[[int], Erased],
        clock: Clock,
    ) -> None:
        """Begin at the bundle's watermark; `start` follows from there.

        Args:
            bundle: the networks and their encoding.
            bundled: the ranker, and what the bundle's log says.
            events: what happened since.
            items: what came of items since.
            erased: who was erased after an erasure; see `UserStore.erased`.
            clock: the time of the service.
        """
        self.bundle, self.ranker = bundle, bundled.ranker
        self._negative_types = bundle.recipe.marketplace.negative_types
        self._events, self._items, self._erased, self._clock = events, items, erased, clock
        self.names, self._users = Names(bundled.ids_N), Names(bundled.ids_U)
        self._past = LivePast(bundled.stored, bundled.ranker.windows)
        self._items_now = ItemsNow(bundle, bundled.stored, self.names)
        self._item_seq, self._event_seq, self._erasure = 0, -1, 0
        self._shared: Shared | None = None
        self._following = threading.Lock()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="moment", daemon=True)

    @property
    def now(self) -> Now:
        """What is known now."""
        return self._past.now

    def shared(self) -> Shared:
        """Return what is proposed to everybody at this tick, or was at the one before."""
        return self._shared or self._share()

    def start(self) -> None:
        """Take all that there is, and follow until `stop`."""
        self.follow()
        self._thread.start()

    def stop(self) -> None:
        """Follow no more."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join()

    def forget(self, user_id: str) -> None:
        """Let what a user does from now on follow from nothing that he did before."""
        with self._following:
            self._users.anew(user_id)

    def follow(self) -> None:
        """Take what came since the last look. Unavailable where the database does not answer."""
        with self._following:
            self._follow_erasures()
            while (changes := self._items.after(self._item_seq, TOGETHER)) and not self._stop.is_set():
                self._items_now.take(changes)
                self._past.update(self._items_now.facts)
                self._item_seq = changes[-1].seq
            if self._event_seq < 0:
                self._event_seq = self._events.before(self._past.now.stored.end)
            while (stored := self._events.after(self._event_seq, TOGETHER)) and not self._stop.is_set():
                self._take([one.event for one in stored if one.event.type not in self._negative_types])
                self._event_seq = stored[-1].seq
            if self._shared is None or self._shared.tick != self._tick():
                self._share()

    def _follow_erasures(self) -> None:
        while (erased := self._erased(self._erasure)).user_ids:
            for user_id in erased.user_ids:
                self._users.anew(user_id)
            self._erasure = erased.seq

    def _take(self, events: list[Event]) -> None:
        rows_E, facts = self.names.rows([event.item_id for event in events]), self._past.now.facts
        places = (rows_E != UNKNOWN).nonzero()[0]
        some, rows_E = [events[place] for place in places.tolist()], rows_E[places]
        times_E = np.array([event.time for event in some], dtype=np.int64)
        users_E = self._users.added([event.user_id for event in some])
        category_E = facts.categories(facts.version_at(rows_E, times_E)) + 1
        self._past.add(Events(users_E, rows_E, category_E, times_E))

    def _tick(self) -> int:
        shortest = self.ranker.windows[-1]
        return self._clock() // shortest * shortest

    def _share(self) -> Shared:
        tick = self._tick()
        rows = shared(self._past.now, tick, self.ranker.sizes)
        self._shared = Shared(tick, rows, self.names.ids(rows))
        return self._shared

    def _run(self) -> None:
        follow_until(self._stop, self.follow, every=EVERY, again=AGAIN, complain=self._complain)

    def _complain(self, error: Exception) -> None:
        log.warning("lists do not follow what happens now", bundle=self.bundle.id, error=str(error))
