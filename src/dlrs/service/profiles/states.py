"""States: what is kept in memory of the users of late, so that a request reads only what is new."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from threading import Lock

from dlrs.service.profiles.seen import Seen
from dlrs.service.seams import Profile


@dataclass
class State:
    """One user under one bundle and one revision of his record."""

    seen: Seen
    row: int | None  # in the bundle's past
    erased: int = 0  # what the past holds from before does not exist
    seq: int = 0  # the last of his events that was taken in
    known: dict[str, None] = field(
        default_factory=dict
    )  # items met since the bundle, in the order of arrival
    crowded: int = 0  # events from which on the older ones are to be dropped
    profile: Profile | None = None
    made_for: tuple[int, int, int] = (0, 0, 0)  # border, how many events are described, and `seq`
    lock: Lock = field(default_factory=Lock)


class States:
    """The states of the users asked for last, `most` of them."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._states: OrderedDict[str, tuple[tuple[str, int], State]] = OrderedDict()
        self._lock = Lock()

    def of(self, user_id: str, bundle: str, revision: int, new: Callable[[], State]) -> State:
        """Return a user's state; a new one if there is none of this bundle and revision."""
        with self._lock:
            made_of, state = self._states.get(user_id, (None, None))
            if state is None or made_of != (bundle, revision):
                state = new()
                self._states[user_id] = (bundle, revision), state
            self._states.move_to_end(user_id)
            if len(self._states) > self._most:
                self._states.popitem(last=False)
            return state

    def forget(self, user_id: str) -> None:
        """Drop a user's state."""
        with self._lock:
            self._states.pop(user_id, None)
