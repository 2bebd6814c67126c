"""Explaining: a reason for each item of a list."""

from __future__ import annotations

from collections.abc import Sequence

from dlrs.candidates.bundled import BundledItems
from dlrs.schema import Features
from dlrs.service.bundle import ServingBundle
from dlrs.service.ranking.bounded import Bounded
from dlrs.service.ranking.reasons import Common, Reasons
from dlrs.service.seams import Profile, Ranked

BUNDLES, USERS = 4, 50
"""Of which something is kept: who asks again, does so at once."""
LAST = 20
"""Events of a history that reasons speak of."""


class Explaining:
    """Gives reasons in the bundles that it has learnt. All threads share one."""

    def __init__(self) -> None:
        self._bundles: Bounded[str, tuple[Features, Common]] = Bounded(BUNDLES)
        self._reasons: Bounded[tuple[str, str | None, str], Reasons] = Bounded(USERS)

    def learn(self, bundle: ServingBundle) -> None:
        """Look at how common the features of a bundle's items are, once."""
        if self._bundles.get(bundle.id) is None:
            features = bundle.recipe.marketplace.features
            items = BundledItems.open(bundle.folder, bundle.recipe).table
            self._bundles.put(bundle.id, (features, Common.read(items, features)))

    def explained(self, items: Sequence[Ranked], profile: Profile, bundle_id: str | None) -> Sequence[Ranked]:
        """Return a list with reasons, where there are any; without where the bundle was not learnt yet."""
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
        if (reasons := self._reasons.get(key)) is None and (learnt := self._bundles.get(bundle_id)):
            described = [met for met in profile.history[-LAST:] if met.features is not None]
            reasons = Reasons(described, *learnt)
            self._reasons.put(key, reasons)
        return reasons
