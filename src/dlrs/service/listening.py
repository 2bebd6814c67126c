"""Listening: a port, and an application served on it until somebody asks to stop."""

from __future__ import annotations

import asyncio
import gc
import signal
import socket
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import cast

import uvicorn
from fastapi import FastAPI

from dlrs.errors import RequestError
from dlrs.service.http.turning_away import TurningAway

GRACE = 10  # seconds that requests in progress have when the service stops
WAITING = 2048  # connections that the system takes before we do
SWITCH = 0.0005  # seconds after which a busy thread lets another one run: the loop must hear of requests
COLLECTIONS = (1000, 1000, 20_000)
"""When to look for garbage in cycles: among the youngest 1,000 objects, which takes a millisecond. Lists
leave none: older objects, which take up to ten, are looked at after a million, and all after 20 billion."""

STOPS = (signal.SIGTERM, signal.SIGINT)


def listen(host: str, port: int) -> socket.socket:
    """Return a socket that listens; port 0 is any free one.

    Raises:
        RequestError: the port is taken, not ours to take, or the host has no such address.
    """
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
        # with the protocol: without it asyncio does not know TCP, and leaves 40 ms of Nagle's delay in
        listening = socket.socket(found[0], socket.SOCK_STREAM, found[2])
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind(found[4])
    except OSError as error:
        raise RequestError(
            f"{host}:{port}: expected an address to listen at, received: {error.strerror}. "
            "Choose another with --host and --port; port 0 is any free one."
        ) from error
    listening.listen(WAITING)
    listening.set_inheritable(True)
    return listening


def address(listening: socket.socket) -> str:
    """Return where to reach a socket that listens."""
    host, port = listening.getsockname()[:2]
    return f"http://{f'[{host}]' if ':' in host else host}:{port}"


def serve(app: FastAPI, listening: socket.socket, ready: Callable[[], None]) -> None:
    """Answer requests until SIGTERM or SIGINT; then take no more, and finish those in progress."""
    config = uvicorn.Config(
        app,
        http=connections(app),
        ws="none",
        access_log=False,  # `http.requests` writes the lines
        log_config=None,
        proxy_headers=False,  # whoever connects is the caller: `http.access` depends on it
        server_header=False,
        timeout_graceful_shutdown=GRACE,
        backlog=WAITING,
        lifespan="on",
    )
    sys.setswitchinterval(SWITCH)
    with _stopping_quietly():
        _Server(config, ready).run([listening])


def connections(app: FastAPI) -> type[asyncio.Protocol]:
    """Return what makes the connections of an application."""
    made = partial(TurningAway, gate=app.state.gates.reads, refused=app.state.refused)
    return cast(type[asyncio.Protocol], made)  # uvicorn only calls it


class _Server(uvicorn.Server):
    def __init__(self, config: uvicorn.Config, ready: Callable[[], None]) -> None:
        super().__init__(config)
        self._ready = ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            gc.collect()
            gc.freeze()  # what is there from the start is not looked at again: that takes 0.1 s each time
            gc.set_threshold(*COLLECTIONS)
            self._ready()


@contextmanager
def _stopping_quietly() -> Iterator[None]:
    """Being asked to stop is no error: uvicorn raises the signals once more when it has stopped."""
    before = {number: signal.signal(number, lambda *_: None) for number in STOPS}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
