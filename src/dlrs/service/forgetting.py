"""Forgetting: when a user is erased from the database, the rest of the process forgets him, too."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from dlrs.candidates.filtering.filters import Filter
from dlrs.service.seams import UserRecord, UserStore


@dataclass(frozen=True)
class ForgettingUsers:
    """A `UserStore` that has others forget whom it erases."""

    store: UserStore
    forget: Callable[[str], None]

    def get(self, user_id: str) -> UserRecord:
        """Return what is kept."""
        return self.store.get(user_id)

    def override(self, user_id: str, filters: Sequence[Filter]) -> None:
        """Replace a user's overrides."""
        self.store.override(user_id, filters)

    def erase(self, user_id: str, at: int) -> None:
        """Erase a user, first from the database."""
        self.store.erase(user_id, at)
        self.forget(user_id)
