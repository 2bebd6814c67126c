"""The load generator against servers of a few lines: real sockets, answers when the test wants them."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import numpy as np
import pytest
from benchmarks.load.open_loop import run
from benchmarks.load.wire import Call, take_reply
from hypothesis import given
from hypothesis import strategies as st

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi"
BUSY = b"HTTP/1.1 503 Busy\r\nRetry-After: 1\r\ncontent-length: 4\r\nConnection: close\r\n\r\nbusy"
GET = Call.of("list", "GET", "/x")


class Requests:
    """Counts requests of all connections together; a server waits here for as many as it likes."""

    def __init__(self) -> None:
        self._changed, self._seen = threading.Condition(), 0

    def one(self) -> int:
        with self._changed:
            self._seen += 1
            self._changed.notify_all()
            return self._seen - 1

    def wait(self, number: int) -> None:
        with self._changed:
            assert self._changed.wait_for(lambda: self._seen >= number, timeout=30)


@contextmanager
def server(answer: Callable[[int, Requests], bytes]) -> Iterator[tuple[str, int]]:
    """Answer the n-th request with `answer(n, requests)`; nothing: the connection is closed instead."""
    requests = Requests()

    def serve(connection: socket.socket) -> None:
        with connection:
            while connection.recv(65536):
                said = answer(requests.one(), requests)
                if not said:
                    return
                connection.sendall(said)

    def accept() -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=serve, args=(connection,), daemon=True).start()

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=accept, daemon=True)
        thread.start()
        yield listener.getsockname()
        listener.shutdown(socket.SHUT_RDWR)
        thread.join()


def test_every_request_is_answered_once_over_kept_connections() -> None:
    with server(lambda n, requests: OK) as address:
        seen = run(address, [GET] * 50, np.arange(50) / 1000, keep=10)
    assert (seen.status_N == 200).all()
    assert (seen.sent_N >= seen.due_N).all()
    assert (seen.done_N >= seen.sent_N).all()
    assert sorted(n for n, _ in seen.kept) == [0, 10, 20, 30, 40]
    assert {body for _, body in seen.kept} == {b"hi"}


def test_requests_leave_when_due_though_no_answer_came() -> None:
    """Answers wait for the last request: a generator that waits for answers would never send it."""

    def together(n: int, requests: Requests) -> bytes:
        requests.wait(20)
        return OK

    with server(together) as address:
        seen = run(address, [GET] * 20, np.arange(20) / 100)
    assert (seen.status_N == 200).all()
    assert seen.latency_N[0] > seen.due_N[-1]  # the first one waited until the last one had left


def test_a_request_that_finds_no_connection_waits_and_its_clock_runs() -> None:
    def first_is_slow(n: int, requests: Requests) -> bytes:
        if n == 0:
            slow.wait(0.2)
        return OK

    slow = threading.Event()
    with server(first_is_slow) as address:
        seen = run(address, [GET] * 3, np.array([0.0, 0.01, 0.02]), most=1)
    assert (seen.status_N == 200).all()
    assert (seen.sent_N[1:] >= seen.done_N[0]).all()
    assert (seen.latency_N[1:] >= seen.done_N[0] - seen.due_N[1:]).all()


def test_refusals_are_told_from_answers_and_from_silence() -> None:
    answers = [OK, BUSY, b""]
    with server(lambda n, requests: answers[n]) as address:
        seen = run(address, [GET] * 3, np.array([0.0, 0.2, 0.4]))
    assert seen.status_N.tolist() == [200, 503, 0]
    assert seen.retry_N.tolist() == [0, 1, 0]
    assert np.isinf(seen.latency_N[2])


def test_patience_ends() -> None:
    def never(n: int, requests: Requests) -> bytes:
        over.wait(30)
        return b""

    over = threading.Event()
    with server(never) as address:
        seen = run(address, [GET], np.zeros(1), patience=0.05)
        over.set()
    assert seen.status_N.tolist() == [0]


def test_nobody_listens() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        address = listener.getsockname()
    assert run(address, [GET] * 3, np.zeros(3)).status_N.tolist() == [0, 0, 0]


def test_a_large_body_arrives_whole() -> None:
    received = []

    def whole(connection: socket.socket) -> None:
        with connection:
            text = b""
            while len(text) < len(call.data):
                text += connection.recv(65536)
            received.append(text)
            connection.sendall(OK)

    call = Call.of("event", "POST", "/events", ["x" * 5_000_000])
    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=lambda: whole(listener.accept()[0]))
        thread.start()
        seen = run(listener.getsockname(), [call], np.zeros(1))
        thread.join()
    assert seen.status_N.tolist() == [200]
    assert received == [call.data]


def test_calls_and_times_must_match() -> None:
    with pytest.raises(ValueError, match="expected 2, one for each time, received 1"):
        run(("127.0.0.1", 1), [GET], np.zeros(2))


def test_a_request_is_http() -> None:
    assert GET.data == b"GET /x HTTP/1.1\r\nHost: localhost\r\n\r\n"
    head, _, body = Call.of("event", "POST", "/e", {"a": "é"}).data.partition(b"\r\n\r\n")
    assert f"Content-Length: {len(body)}".encode() in head
    assert body == b'{"a":"\\u00e9"}'


@given(st.lists(st.sampled_from([OK, BUSY]), min_size=1, max_size=5), st.integers(1, 60))
def test_answers_are_the_same_however_the_bytes_come(answers: list[bytes], bite: int) -> None:
    text, received, replies = b"".join(answers), bytearray(), []
    for begin in range(0, len(text), bite):
        received += text[begin : begin + bite]
        while (reply := take_reply(received)) is not None:
            replies.append(reply)
    assert [reply.status for reply in replies] == [200 if answer == OK else 503 for answer in answers]
    assert [reply.body for reply in replies] == [b"hi" if answer == OK else b"busy" for answer in answers]
    assert [reply.closes for reply in replies] == [answer == BUSY for answer in answers]
    assert not received


def test_an_answer_of_unknown_length_is_refused() -> None:
    with pytest.raises(ValueError, match="Content-Length"):
        take_reply(bytearray(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n"))
    empty = take_reply(bytearray(b"HTTP/1.1 204 No Content\r\n\r\n"))
    assert empty is not None
    assert empty.status == 204
