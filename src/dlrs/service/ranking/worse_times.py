"""WorseTimes: what a user gets while a service is down or slow: his last list, or what is popular."""

from __future__ import annotations

import logging
import time
from contextlib import suppress
from threading import Event as Signal
from threading import Thread

from dlrs.errors import DlrsError, StorageFull, Unavailable, WrongBundle
from dlrs.service.ranking.asking import Page
from dlrs.service.ranking.bounded import Bounded
from dlrs.service.ranking.guard import Deadline, Guard
from dlrs.service.ranking.kept import Kept, popular
from dlrs.service.ranking.pinning import Held
from dlrs.service.ranking.tombstones import OLDEST, Tombstones
from dlrs.service.ranking.whole_path import is_unknown
from dlrs.service.ranking.wishes import Found, Wish
from dlrs.service.seams import CandidateSource, Profile, ProfileSource

log = logging.getLogger(__name__)

USERS = 500
"""Users whose last list is kept."""

FOLLOW, REFRESH, AGAIN = 0.1, 30.0, 1.0
"""Seconds between two looks at what is gone, at what is popular, and at a service that failed."""

LOOK = 0.02
"""Seconds that a last look at what is gone may take."""


class WorseTimes:
    """Keeps lists while times are good. All threads share one."""

    def __init__(
        self, profiles: ProfileSource, candidates: CandidateSource, guard: Guard, held: Held
    ) -> None:
        """Take the other services; `guard` is that of the Candidate Service."""
        self._profiles, self._candidates, self._guard = profiles, candidates, guard
        self._held = held
        self._tombstones = Tombstones(candidates)
        self._lists: Bounded[tuple[str, Page], Kept] = Bounded(USERS)
        self._popular: Kept | None = None
        self._stopped = Signal()

    def keep(self, wish: Wish, found: Found, decision_id: str) -> None:
        """Keep a user's list; one without filters serves better than one with some."""
        if wish.user_id is None or found.degraded is not None:
            return
        key = (wish.user_id, wish.page)
        if found.basis == "popular":
            self._lists.drop(key)  # nothing is known of him any more: he may be erased
        elif found.items and not (wish.filters and self._lists.get(key)):
            bundle = next((one for one in self._held() if one.id == found.bundle_id), None)
            if bundle is not None:
                self._tombstones.begin(found.seq)
                features = bundle.recipe.marketplace.features
                kept = Kept(bundle.id, found.seq, found.items, features, decision_id=decision_id)
                self._lists.put(key, kept)

    def forget(self, user_id: str) -> None:
        """Drop what is kept of a user."""
        for page in ("home", "wishlist", "search"):
            self._lists.drop((user_id, page))

    def list(self, profile: Profile | None, wish: Wish, deadline: Deadline) -> Found:
        """Return his last list, or what is popular, as far as it passes all that is asked.

        Raises:
            Unavailable: there is neither.
            RequestError: a filter does not fit.
        """
        with suppress(Unavailable, StorageFull):
            self._guard.call(self._tombstones.follow, min(LOOK, deadline.left))
        if wish.user_id is not None and profile is not None and is_unknown(profile):
            self.forget(wish.user_id)  # by another process, and nobody told us yet
        if (last := self._last_list(wish)) is not None:
            found = self._admitted(last, profile, wish, "cached")
            if found.items:
                return found
        if (board := self._board(profile, deadline)) is not None:
            return self._admitted(board, profile, wish, "popular")
        raise Unavailable("ranking: expected a list, but no service answers yet. Ask again soon.")

    def start(self) -> None:
        """Follow what is gone and what is popular until `stop`."""
        Thread(target=self._follow, name="dlrs-ranking", daemon=True).start()

    def stop(self) -> None:
        """Stop following."""
        self._stopped.set()

    def refresh(self) -> None:
        """Look at what is popular in the newest bundle.

        Raises:
            Unavailable: the Candidate Service does not answer.
        """
        for bundle in self._held()[:1]:
            self._popular = popular(bundle, self._candidates, self._profiles, self._tombstones)

    def _last_list(self, wish: Wish) -> Kept | None:
        kept = None if wish.user_id is None else self._lists.get((wish.user_id, wish.page))
        return kept if kept is not None and time.monotonic() < kept.at + OLDEST else None

    def _board(self, profile: Profile | None, deadline: Deadline) -> Kept | None:
        """Return what is popular; in front where the user's likeliest category is known, what is of it."""
        if self._popular is None:
            try:
                self._guard.call(self.refresh, deadline.left)
            except (Unavailable, StorageFull, WrongBundle):
                return None
        board, held = self._popular, self._held()
        if board is None or not held:
            return board
        category = held[0].recipe.marketplace.negatives_by
        counts = profile.values.get(category) if profile is not None else None
        return board.first(category, max(counts, key=lambda v: (counts[v], v))) if counts else board

    def _admitted(self, kept: Kept, profile: Profile | None, wish: Wish, level: str) -> Found:
        rungs, known = wish.rungs(profile, kept.features), set(wish.known(profile))
        steps, items = 0, kept.those(rungs[0], known, self._tombstones.is_gone)
        while len(items) < wish.k and steps + 1 < len(rungs):
            steps += 1
            items = kept.those(rungs[steps], known, self._tombstones.is_gone)
        basis = "profile" if level == "cached" else "popular"
        return Found(
            kept.bundle_id,
            kept.seq,
            items[: wish.k],
            (),
            b"",
            level,
            basis,
            filters=rungs[steps],
            steps=steps,
            of=kept.decision_id,
        )

    def _follow(self) -> None:
        due = 0.0
        while not self._stopped.is_set():
            try:
                self._tombstones.follow()
                if time.monotonic() >= due or self._is_behind():
                    self.refresh()
                    due = time.monotonic() + REFRESH
            except DlrsError as error:
                log.warning("The popular items stay as they are: %s", error)
                self._stopped.wait(AGAIN)
            except Exception:
                log.exception("The popular items stay as they are")
                self._stopped.wait(AGAIN)
            self._stopped.wait(FOLLOW)

    def _is_behind(self) -> bool:
        held = self._held()
        return bool(held) and (self._popular is None or self._popular.bundle_id != held[0].id)
