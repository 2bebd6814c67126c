"""Explaining: a reason for each item of a list."""

from __future__ import annotations

from collections.abc import Sequence

from dlrs.service.ranking.bounded import Bounded
from dlrs.service.ranking.pinning import Held
from dlrs.service.ranking.reasons import Reasons
from dlrs.service.seams import Profile, Ranked

USERS = 50
"""Users whose last events are kept counted: who asks again, does so at once."""
LAST = 20
"""Events of a history that reasons speak of."""


class Explaining:
    """Gives reasons in the bundles that are held. All threads share one."""

    def __init__(self, held: Held) -> None:
        self._held = held
        self._reasons: Bounded[tuple[str, str | None, str], Reasons] = Bounded(USERS)

    def explained(self, items: Sequence[Ranked], profile: Profile, bundle_id: str | None) -> Sequence[Ranked]:
        """Return a list with reasons, where there are any; without where the bundle is not held any more."""
        reasons = self._of(profile, bundle_id or "")
        if reasons is None:
            return items
        found = reasons.of([item.features for item in items])
        return [
            item if reason is None else Ranked(item.id, item.score, item.features, str(reason))
            for item, reason in zip(items, found, strict=True)
        ]

    def forget(self, user_id: str) -> None:
        """Drop what is kept of a user."""
        self._reasons.drop_all(lambda key: key[1] == user_id)

    def _of(self, profile: Profile, bundle_id: str) -> Reasons | None:
        key = (bundle_id, profile.user_id, profile.version)
        if (reasons := self._reasons.get(key)) is not None:
            return reasons
        bundle = next((one for one in self._held() if one.id == bundle_id), None)
        if bundle is None:
            return None
        described = [met for met in profile.history[-LAST:] if met.features is not None]
        reasons = Reasons(described, bundle.recipe.marketplace.features, bundle.common)
        self._reasons.put(key, reasons)
        return reasons
