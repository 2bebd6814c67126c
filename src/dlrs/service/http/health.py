"""Health: `/health/live` while the process answers, `/health/ready` while it can do its work.

Neither asks for a key. So what is wrong is told in general words, and in full in the log.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple

import anyio
import anyio.to_thread
import structlog
from fastapi import APIRouter

from dlrs.errors import ArtifactError, StorageFull, Unavailable
from dlrs.service.http.json_answers import Json

Check = Callable[[], str | None]
"""Says what is wrong, in words that everybody may read, or None. May raise instead, with any words.

Called in a thread; should come back within seconds.
"""

PATIENCE = 2.0  # seconds for a check

GOOD = "good"
WORDS: Mapping[type[Exception], str] = {
    Unavailable: "does not answer",
    StorageFull: "has no room",
    ArtifactError: "cannot be read",
}

log = structlog.get_logger(__name__)


class Outcome(NamedTuple):
    """What a check found: for everybody, and for the log."""

    said: str
    why: str = ""


def router(checks: Mapping[str, Check]) -> APIRouter:
    """Return the two routes. Each check has a thread of its own: a full service can still be asked."""
    routes = APIRouter(prefix="/health", tags=["health"])
    limiters = {name: anyio.CapacityLimiter(1) for name in checks}
    failing: set[str] = set()

    @routes.get("/live")
    async def live() -> Json:
        """Say that the process answers."""
        return Json({"status": "live"})

    @routes.get("/ready", responses={503: {"description": "It lacks what `checks` names"}})
    async def ready() -> Json:
        """Say whether the service can do its work, and what it lacks."""
        found: dict[str, Outcome] = {}

        async def run(name: str, check: Check) -> None:
            found[name] = Outcome("no answer in time")
            with anyio.move_on_after(PATIENCE):
                found[name] = await anyio.to_thread.run_sync(
                    _outcome, check, limiter=limiters[name], abandon_on_cancel=True
                )

        async with anyio.create_task_group() as group:
            for name, check in checks.items():
                group.start_soon(run, name, check)
        for name, outcome in found.items():
            _log(name, outcome, failing)
        good = all(outcome.said == GOOD for outcome in found.values())
        said = {name: outcome.said for name, outcome in found.items()}
        return Json({"status": "ready" if good else "not ready", "checks": said}, 200 if good else 503)

    return routes


def _outcome(check: Check) -> Outcome:
    try:
        return Outcome(check() or GOOD)
    except Exception as error:  # whatever it is, the service lacks it; its text may hold addresses
        return Outcome(WORDS.get(type(error), type(error).__name__), f"{type(error).__name__}: {error}")


def _log(name: str, outcome: Outcome, failing: set[str]) -> None:
    """Log what a check found when that changes: whoever can reach the port may ask as often as he likes."""
    if outcome.said != GOOD and name not in failing:
        failing.add(name)
        log.warning("not ready", check=name, found=outcome.said, error=outcome.why or None)
    elif outcome.said == GOOD and name in failing:
        failing.discard(name)
        log.info("ready again", check=name)
