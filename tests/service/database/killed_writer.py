"""Processes that write to a database and are killed at seeded moments.

    python killed_writer.py URL SEED MOMENTS

Forks a process for each moment, as importing everything takes longer than what is tested, and prints as JSON
what they had acknowledged: ids of events, and [number, item] of changes.
"""

from __future__ import annotations

import itertools
import json
import os
import random
import signal
import sys
import threading
import time

from dlrs.service.database import Database
from dlrs.service.seams import Event


def batch(moment: int, n: int) -> list[tuple[Event, dict[str, object]]]:
    """Some events of one name, with features of their own."""
    name = f"{moment}-{n}"
    return [(Event(f"{name}-{i}", f"u{i}", "car", "view", i), {"of": f"{name}-{i}"}) for i in range(4)]


def write(url: str, moment: int, pipe: int) -> None:
    """Write events and items until killed; a line to the pipe after each acknowledgement."""
    database = Database.open(url)

    def items() -> None:
        for n in itertools.count():
            seq = database.items.put({f"i{moment}-{n}": {"n": n}, "all": {"n": n}}, n)
            os.write(pipe, f"{json.dumps([seq, f'i{moment}-{n}'])}\n".encode())

    threading.Thread(target=items, daemon=True).start()
    # first again what the killed one sent, acknowledged or not, as a client would
    again = [(moment - 1, n) for n in range(3)] if moment else []
    for name in itertools.chain(again, ((moment, n) for n in itertools.count())):
        events = batch(*name)
        database.events.add(events)
        os.write(pipe, f"{json.dumps([event.id for event, _ in events])}\n".encode())


def killed(url: str, moment: int, draw: random.Random) -> list[str]:
    """Return the whole lines that one process wrote until it was killed."""
    reading, writing = os.pipe()
    process = os.fork()
    if process == 0:
        os.close(reading)
        try:
            write(url, moment, writing)
        finally:
            os._exit(1)
    os.close(writing)
    with os.fdopen(reading, "rb") as stream:
        lines = [stream.readline() for _ in range(draw.randrange(1, 6))]
        time.sleep(draw.random() * 0.004)
        os.kill(process, signal.SIGKILL)
        _, status = os.waitpid(process, 0)
        lines += stream.readlines()
    if not os.WIFSIGNALED(status):
        raise RuntimeError("the writer ended by itself")
    return [line.decode() for line in lines if line.endswith(b"\n")]


def main() -> None:
    """See the head of the file."""
    url, seed, moments = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    draw = random.Random(seed)
    lines = [line for moment in range(moments) for line in killed(url, moment, draw)]
    acknowledged = [json.loads(line) for line in lines]
    print(
        json.dumps(
            {
                "events": [id for each in acknowledged if isinstance(each[0], str) for id in each],
                "items": [each for each in acknowledged if isinstance(each[0], int)],
            }
        )
    )


if __name__ == "__main__":
    main()
