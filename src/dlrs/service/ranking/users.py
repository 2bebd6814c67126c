"""Users: what is known of those who ask, now or lately."""

from __future__ import annotations

import time
from collections.abc import Sequence

from dlrs.errors import RequestError, StorageFull, Unavailable
from dlrs.service.clock import Clock
from dlrs.service.metrics import Metrics
from dlrs.service.ranking.asking import LONGEST, events_needed
from dlrs.service.ranking.bounded import Bounded
from dlrs.service.ranking.explaining import LAST
from dlrs.service.ranking.guard import Deadline, Guard
from dlrs.service.ranking.pinning import Held
from dlrs.service.ranking.tombstones import OLDEST
from dlrs.service.ranking.wishes import Wish
from dlrs.service.seams import Event, Profile, ProfileSource

USERS = 500
"""Users whose last profile is kept for worse times."""

SHARE = 0.4
"""The share of the time left that a profile may take."""


class Users:
    """Asks the User Profile API behind its guard. All threads share one."""

    def __init__(
        self, profiles: ProfileSource, guard: Guard, held: Held, clock: Clock, metrics: Metrics
    ) -> None:
        self._profiles, self._guard, self._held = profiles, guard, held
        self._clock, self._metrics = clock, metrics
        self._last: Bounded[str, tuple[float, Profile]] = Bounded(USERS)

    def profile(self, wish: Wish, deadline: Deadline) -> tuple[Profile | None, bool]:
        """Return a user's profile and whether it may be old; None where nobody can tell now.

        Raises:
            RequestError: the wish names nobody.
        """
        if (user_id := wish.user_id) is None:
            raise RequestError("user: expected an id, events or a profile, received none of them.")
        needed = max((events_needed(bundle, wish.page) for bundle in self._held()), default=0)
        described = max(needed, LAST)
        try:
            profile = self._guard.call(
                lambda: self._profiles.profile(user_id, described=described), SHARE * deadline.left
            )
        except (Unavailable, StorageFull):
            at, last = self._last.get(user_id) or (0.0, None)
            return (last if time.monotonic() < at + OLDEST else None), True
        self._remember(user_id, profile)
        return profile, False

    def guest(self, events: Sequence[Event], deadline: Deadline) -> Profile:
        """Return the profile that some events make. Unavailable, too: nothing is known of a guest."""
        return self._guard.call(
            lambda: self._profiles.guest(events, described=LONGEST), SHARE * deadline.left
        )

    def forget(self, user_id: str) -> None:
        """Drop what is kept of a user."""
        self._last.drop(user_id)

    def _remember(self, user_id: str, profile: Profile) -> None:
        before = self._last.get(user_id)
        self._last.put(user_id, (time.monotonic(), profile))
        if before is not None and before[1].version != profile.version and profile.history:
            since = (self._clock() - profile.history[-1].time) / 1e6
            if 0 <= since < OLDEST:  # a late or backdated event says nothing of our delay
                self._metrics.event_ranked.observe(since)
