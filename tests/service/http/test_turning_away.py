"""Turning away: what is refused before it is parsed, and that no connection is ever out of step after it."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import httpx
import pytest
from fastapi import FastAPI

from dlrs.service.http.access import Loopback
from dlrs.service.http.app import Limits
from dlrs.service.http.turning_away import PLAIN
from dlrs.service.metrics import Metrics
from service_stub import app, over_http

HOST = b"Host: localhost\r\n"


@contextmanager
def full(pause: float = 0.6) -> Iterator[tuple[FastAPI, Metrics, socket.socket]]:
    """Serve one list that takes `pause` seconds, so that nothing has room, and give a connection."""
    metrics = Metrics()
    served = app(Loopback(), pause=pause, limits=Limits(reads=1, writes=1, longest_wait=0.0), metrics=metrics)
    with over_http(served) as client:
        first = threading.Thread(target=httpx.get, args=(f"{client.base_url}/recommendations/7",))
        first.start()
        while served.state.gates.reads.busy == 0:
            time.sleep(0.001)
        with socket.create_connection((client.base_url.host, client.base_url.port or 0), timeout=5) as wire:
            yield served, metrics, wire
        first.join()


def answer(wire: socket.socket) -> tuple[bytes, bytes]:
    """Return head and body of the next answer."""
    received = b""
    while b"\r\n\r\n" not in received:
        received += _more(wire)
    head, _, body = received.partition(b"\r\n\r\n")
    length = int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
    while len(body) < length:
        body += _more(wire)
    assert len(body) == length, "an answer that nobody asked for"
    return head, body


def _more(wire: socket.socket) -> bytes:
    part = wire.recv(1 << 16)
    assert part, "the connection was closed"
    return part


def by_the_short_way(head: bytes) -> bool:
    """Only what goes through the application has a date."""
    return b"\r\ndate:" not in head.lower()


def test_a_plain_get_is_refused_and_the_connection_goes_on() -> None:
    with full() as (served, metrics, wire):
        for count in (1, 2):
            wire.sendall(b"GET /recommendations/8 HTTP/1.1\r\n" + HOST + b"\r\n")
            head, body = answer(wire)
            assert head.startswith(b"HTTP/1.1 503 ")
            assert by_the_short_way(head)
            assert b"\r\nretry-after: 1" in head
            assert b"Overloaded" in body
            assert metrics.registry.get_sample_value("dlrs_refused_total") == count
        assert served.state.gates.reads.busy == 1  # nothing waited
        wire.sendall(b"GET /health/live HTTP/1.1\r\n" + HOST + b"\r\n")
        assert answer(wire)[0].startswith(b"HTTP/1.1 200 ")
        while served.state.gates.reads.busy:
            time.sleep(0.001)
        wire.sendall(b"GET /small HTTP/1.1\r\n" + HOST + b"\r\n")
        assert answer(wire)[0].startswith(b"HTTP/1.1 200 ")


def test_a_part_of_a_request_that_looks_like_a_whole_one_is_none() -> None:
    with full() as (_, _, wire):
        wire.sendall(b"GET /small HTTP/1.1\r\n" + HOST + b"X: ")
        time.sleep(0.05)
        wire.sendall(b"GET /recommendations/8 HTTP/1.1\r\nY: 1\r\n\r\n")  # ends the head
        head, _ = answer(wire)
        assert head.startswith(b"HTTP/1.1 503 ")
        assert not by_the_short_way(head)
        wire.sendall(b"GET /small HTTP/1.1\r\n" + HOST + b"\r\n")
        assert by_the_short_way(answer(wire)[0])


def test_a_body_that_looks_like_a_request_is_none() -> None:
    with full() as (_, _, wire):
        inner = b"GET /recommendations/8 HTTP/1.1\r\nHost: a\r\n\r\n"
        wire.sendall(b"GET /small HTTP/1.1\r\n" + HOST + b"Content-Length: %d\r\n\r\n" % len(inner))
        assert not by_the_short_way(answer(wire)[0])
        wire.sendall(inner)
        wire.sendall(b"GET /small HTTP/1.1\r\n" + HOST + b"\r\n")
        answer(wire)  # one: `answer` would see a second one
        time.sleep(0.05)
        wire.setblocking(False)
        with pytest.raises(BlockingIOError):
            wire.recv(1)


def test_who_asks_to_close_is_refused_and_closed() -> None:
    with full() as (_, _, wire):
        wire.sendall(b"GET /small HTTP/1.1\r\n" + HOST + b"Connection: close\r\n\r\n")
        head, _ = answer(wire)
        assert head.startswith(b"HTTP/1.1 503 ")
        assert b"connection: close" in head.lower()
        assert wire.recv(1) == b""


@pytest.mark.parametrize(
    ("data", "plain"),
    [
        (b"GET /recommendations/7?k=20 HTTP/1.1\r\nHost: a\r\nX-API-Key: k\r\n\r\n", True),
        (b"GET / HTTP/1.1\r\nHost: a\r\nConnection: keep-alive\r\n\r\n", True),
        (b"GET / HTTP/1.1\r\nhost:a\r\nconnection: Keep-Alive\r\n\r\n", True),
        (b"GET /health/ready HTTP/1.1\r\nHost: a\r\n\r\n", False),
        (b"GET /metrics HTTP/1.1\r\nHost: a\r\n\r\n", False),
        (b"POST /recommendations HTTP/1.1\r\nHost: a\r\n\r\n", False),
        (b"GET / HTTP/1.0\r\nHost: a\r\n\r\n", False),
        (b"GET / HTTP/1.1\r\nHost: a\r\n", False),
        (b"GET / HTTP/1.1\r\nHost: a\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n", False),
        (b"GET / HTTP/1.1\r\nHost: a\r\nCONTENT-LENGTH: 3\r\n\r\n", False),
        (b"GET / HTTP/1.1\r\nHost: a\r\ntransfer-Encoding: chunked\r\n\r\n", False),
        (b"GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding : chunked\r\n\r\n", False),
        (b"GET / HTTP/1.1\r\nHost: a\r\n Content-Length: 3\r\n\r\n", False),
        (b"GET / HTTP/1.1\r\nHost: a\nContent-Length: 3\r\n\r\n", False),
        (b"GET / HTTP/1.1\r\nHost: a\r\nConnection: keep-alive, close\r\n\r\n", False),
        (b"GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\n\r\n", False),
        (b"GET / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\n\r\n", False),
        (b"GET / x HTTP/1.1\r\nHost: a\r\n\r\n", False),
    ],
)
def test_plain_is_one_whole_request_without_a_body(data: bytes, plain: bool) -> None:
    assert (PLAIN.fullmatch(data) is not None) == plain
