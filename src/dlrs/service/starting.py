"""Starting: from settings to a service that answers, in this process or in several workers."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import datetime

import pyarrow as pa

from dlrs.bundle import current_bundle
from dlrs.service import metrics_folder
from dlrs.service.as_of import clock_offset
from dlrs.service.listening import address, listen, serve
from dlrs.service.settings import Settings, database_url
from dlrs.service.workers import Workers


def start(settings: Settings) -> int:
    """Serve until SIGTERM or SIGINT. Return the exit status.

    Raises:
        DlrsError: something that is needed is not there, or not as it should be.
    """
    # Arrow's own allocator keeps what it was given back: 20 MB in each process for what a start reads once
    pa.set_memory_pool(pa.system_memory_pool())
    settings.state.mkdir(parents=True, exist_ok=True)
    bundle = current_bundle(settings.registry)
    watermark = datetime.fromisoformat(bundle.facts["watermark"])
    settings = replace(settings, clock_offset=clock_offset(settings.state, settings.as_of, watermark))
    listening = listen(settings.host, settings.port)
    where = address(listening)
    if settings.workers == 1:
        return _alone(settings, listening, where)
    with metrics_folder.shared():  # before anything imports prometheus_client
        return _several(settings, listening, where)


def _alone(settings: Settings, listening: socket.socket, where: str) -> int:
    from dlrs.service.wiring import opened, read

    loaded = read(settings)
    with opened(settings, loaded) as service:
        serve(service.app, listening, lambda: _announce(where, service.says))
    return 0


def _several(settings: Settings, listening: socket.socket, where: str) -> int:
    import pydantic.v1  # noqa: F401 - FastAPI asks for it: here all workers share it

    from dlrs.service.database.database import make
    from dlrs.service.metrics import forget
    from dlrs.service.wiring import opened, read, says

    loaded = read(settings)
    make(database_url(settings.database, settings.state))

    def work(ready: Callable[[], None]) -> None:
        with opened(settings, loaded) as service:
            serve(service.app, listening, ready)

    lines = [*says(settings, loaded), f"{settings.workers} workers"]
    return Workers(work, settings.workers, lambda: _announce(where, lines), forget).run()


def _announce(where: str, lines: Iterable[str]) -> None:
    for line in lines:
        print(line)
    print(f"ready: {where} (for programs: {where}/docs)", flush=True)
