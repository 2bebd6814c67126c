"""Pinning: all of a request in one bundle, while the services change from one to the next."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import TypeVar

from dlrs.errors import Unavailable, WrongBundle
from dlrs.service.bundle import ServingBundle
from dlrs.service.ranking.guard import Deadline

R = TypeVar("R")

Held = Callable[[], Sequence[ServingBundle]]
"""The bundles that this process holds, newest first."""

PAUSE = 0.005
"""Seconds until the next look, where the services have no bundle in common."""

SHARE = 0.5
"""The share of a deadline that may go by with looking for a common bundle."""


def in_one_bundle(held: Held, deadline: Deadline, find: Callable[[ServingBundle], R]) -> R:
    """Return what `find` makes in a bundle: the newest one, or of those that both sides hold.

    Raises:
        Unavailable: no bundle is held, or none in common for too long.
    """
    common: Sequence[str] | None = None
    while True:
        bundle = next((b for b in held() if common is None or b.id in common), None)
        try:
            if bundle is not None:
                return find(bundle)
        except WrongBundle as error:
            pause, common = common is not None, error.held
        else:
            pause, common = True, None
        if deadline.left < SHARE * deadline.seconds:
            raise Unavailable("bundles: expected one that all services hold, received none. Ask again soon.")
        if pause:  # the first refusal names what to ask for, and that may be asked at once
            time.sleep(PAUSE)
