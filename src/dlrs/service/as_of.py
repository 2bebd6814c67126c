"""The clock of a log of the past: set back once, and then it goes on, restarts included.

`--as-of` makes a service believe that it is another time: without it the profiles of an old log are empty,
because all of its events lie before their window.
"""

from __future__ import annotations

import json
import time
from datetime import UTC, datetime
from pathlib import Path

from dlrs.atomic import write_text
from dlrs.errors import RequestError

FILE = "clock.json"
NOW = "now"
WATERMARK = "watermark"


def clock_offset(state: Path, as_of: str | None, watermark: datetime) -> float:
    """Return how many seconds ahead of the machine's clock the service's is, and remember it in `state`.

    Args:
        state: folder of the service.
        as_of: a time in ISO 8601, "watermark", "now" (the machine's clock), or None: as it was before. Asked
            for the same as before, the clock goes on, too: a restart with the same words changes nothing.
        watermark: of the current bundle.

    Raises:
        RequestError: the time cannot be understood.
    """
    before = _read(state / FILE)
    if as_of is None or (before is not None and before[0] == as_of):
        return before[1] if before else 0.0
    offset = 0.0 if as_of == NOW else _moment(as_of, watermark).timestamp() - time.time()
    state.mkdir(parents=True, exist_ok=True)
    write_text(state / FILE, json.dumps({"as_of": as_of, "offset_seconds": offset}) + "\n")
    return offset


def _moment(as_of: str, watermark: datetime) -> datetime:
    try:
        moment = watermark if as_of == WATERMARK else datetime.fromisoformat(as_of)
    except ValueError:
        raise RequestError(
            f"--as-of: expected a time such as 2026-03-01T12:00:00Z, 'watermark' or 'now', "
            f"received '{as_of}'."
        ) from None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _read(file: Path) -> tuple[str, float] | None:
    if not file.exists():
        return None
    content = json.loads(file.read_text(encoding="utf-8"))
    return content["as_of"], content["offset_seconds"]
