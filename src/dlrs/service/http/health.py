"""Health: `/health/live` while the process answers, `/health/ready` while it can do its work."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import anyio
import anyio.to_thread
from fastapi import APIRouter

from dlrs.errors import DlrsError
from dlrs.service.http.json_answers import Json

Check = Callable[[], str | None]
"""Says what is wrong, or None. May raise, too. Called in a thread; should come back within seconds."""

PATIENCE = 2.0  # seconds for a check


def router(checks: Mapping[str, Check]) -> APIRouter:
    """Return the two routes. Checks have threads of their own: a full service can still be asked."""
    routes = APIRouter(prefix="/health", tags=["health"])
    limiter = anyio.CapacityLimiter(max(1, len(checks)))

    @routes.get("/live")
    async def live() -> Json:
        """Say that the process answers."""
        return Json({"status": "live"})

    @routes.get("/ready", responses={503: {"description": "It lacks what `checks` names"}})
    async def ready() -> Json:
        """Say whether the service can do its work, and what it lacks."""
        found: dict[str, str] = {}

        async def run(name: str, check: Check) -> None:
            found[name] = "no answer in time"
            with anyio.move_on_after(PATIENCE):
                found[name] = await anyio.to_thread.run_sync(
                    _outcome, check, limiter=limiter, abandon_on_cancel=True
                )

        async with anyio.create_task_group() as group:
            for name, check in checks.items():
                group.start_soon(run, name, check)
        good = all(text == "good" for text in found.values())
        body = {"status": "ready" if good else "not ready", "checks": found}
        return Json(body, status_code=200 if good else 503)

    return routes


def _outcome(check: Check) -> str:
    try:
        return check() or "good"
    except DlrsError as error:
        return str(error)
    except Exception as error:  # whatever it is, the service lacks it; its text may hold addresses
        return type(error).__name__
