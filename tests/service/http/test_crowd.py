"""A crowd: who is answered while others wait is sent to whoever has time, but not all the time."""

from __future__ import annotations

import socket

from dlrs.service.http.crowd import Crowd


def test_it_moves_one_where_others_wait_and_then_pauses() -> None:
    now = [100.0]
    crowd = Crowd(pause=0.05, now=lambda: now[0])
    (ours, theirs), (quiet, _other) = socket.socketpair(), socket.socketpair()
    with ours, theirs, quiet, _other:
        crowd.join(ours.fileno())
        crowd.join(quiet.fileno())
        assert not crowd.should_move()  # nobody sent anything
        theirs.send(b"GET")
        assert crowd.should_move()
        assert not crowd.should_move()
        now[0] += 0.05
        assert crowd.should_move()
        crowd.leave(ours.fileno())
        now[0] += 0.05
        assert not crowd.should_move()
