"""What is written at once leaves in one write; nothing is kept back, lost, or out of order."""

from __future__ import annotations

import asyncio
from typing import cast

from dlrs.service.http.together import Together


class Wire:
    """A transport that notes what is done with it."""

    def __init__(self) -> None:
        self.done: list[bytes | str] = []

    def write(self, data: bytes) -> None:
        self.done.append(data)

    def close(self) -> None:
        self.done.append("closed")

    def is_closing(self) -> bool:
        return "closed" in self.done

    def get_extra_info(self, name: str) -> str:
        return f"the {name}"


async def turns(*writes: bytes, close: bool = False) -> list[list[bytes | str]]:
    """Return what left at once, and what left by the loop's next turn."""
    wire = Wire()
    transport = Together(cast(asyncio.Transport, wire), asyncio.get_running_loop())
    for data in writes:
        transport.write(data)
    if close:
        transport.close()
    found = [list(wire.done)]
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    return [*found, wire.done]


def test_head_and_body_are_one_write_at_once() -> None:
    assert asyncio.run(turns(b"head", b"body")) == [[b"headbody"], [b"headbody"]]


def test_a_head_alone_waits_for_no_body() -> None:
    assert asyncio.run(turns(b"head")) == [[], [b"head"]]
    assert asyncio.run(turns(b"head", b"")) == [[b"head"], [b"head"]]
    assert asyncio.run(turns(b"1", b"2", b"3")) == [[b"12"], [b"12", b"3"]]


def test_what_is_kept_is_written_before_the_end() -> None:
    assert asyncio.run(turns(b"bye", close=True)) == [[b"bye", "closed"], [b"bye", "closed"]]


def test_nothing_is_written_to_whom_nobody_is_connected_any_more() -> None:
    async def lost() -> list[bytes | str]:
        wire = Wire()
        transport = Together(cast(asyncio.Transport, wire), asyncio.get_running_loop())
        transport.write(b"head")
        wire.close()
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        return wire.done

    assert asyncio.run(lost()) == ["closed"]


def test_all_else_is_the_transports() -> None:
    async def asked() -> object:
        wire = cast(asyncio.Transport, Wire())
        return Together(wire, asyncio.get_running_loop()).get_extra_info("peername")

    assert asyncio.run(asked()) == "the peername"
