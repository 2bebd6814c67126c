"""A relay in front of a server: it may go on taking bytes and keep to itself what it took."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

BYTES = 1 << 16


class Relay:
    """Hands bytes on between those who connect to `port` and a server of this machine."""

    def __init__(self, server: int) -> None:
        self.takes = True  # hands on what is asked
        self.answers = True  # hands on what is answered
        self._server = server
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listening.getsockname()[1])
        self._open: list[socket.socket] = []

    def begin(self) -> None:
        threading.Thread(target=self._accept, daemon=True).start()

    def end(self) -> None:
        self._listening.close()
        for each in self._open:
            _close(each)

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listening.accept()
            except OSError:  # at the end
                return
            server = socket.create_connection(("127.0.0.1", self._server))
            self._open += [client, server]
            threading.Thread(target=self._hand_on, args=(client, server, "takes"), daemon=True).start()
            threading.Thread(target=self._hand_on, args=(server, client, "answers"), daemon=True).start()

    def _hand_on(self, source: socket.socket, target: socket.socket, if_it: str) -> None:
        with suppress(OSError):
            while some := source.recv(BYTES):
                if getattr(self, if_it):
                    target.sendall(some)
        _close(source)
        _close(target)


def _close(one: socket.socket) -> None:
    with suppress(OSError):  # it is closed already
        one.shutdown(socket.SHUT_RDWR)
    one.close()


@contextmanager
def relay(server: int) -> Iterator[Relay]:
    """Give a relay in front of a port of this machine."""
    made = Relay(server)
    made.begin()
    try:
        yield made
    finally:
        made.end()
